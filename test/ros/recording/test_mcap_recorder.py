"""The recorder of MCAP files: what it has taken in is written, or counted as lost."""

import time
from types import SimpleNamespace

import pytest
import rospy

from rt_seg.recordings.any_bag import open_bag
from rt_seg.ros.recording import mcap_recorder
from rt_seg.ros.recording.mcap_recorder import record_mcap

pytest.importorskip("mcap", reason="MCAP is not installed: pip install mcap")

TOPIC = "/camera/color/image_raw"
HEAD = {"type": "std_msgs/UInt8", "message_definition": "uint8 data\n", "md5sum": "7c8164229e7d2c17eb95e9231617fdee"}


class Ros:
    """In place of rospy: messages that come at once, a clock, and no master."""

    def __init__(self, messages, shut_down=False):
        self.messages, self.shut_down = messages, shut_down
        self.AnyMsg, self.Time = rospy.AnyMsg, SimpleNamespace(now=lambda: rospy.Time(1))

    def init_node(self, *names, **options):
        pass

    def is_shutdown(self):
        return self.shut_down

    def Subscriber(self, topic, kind, put, **options):
        for number in range(self.messages):
            put(SimpleNamespace(_connection_header=HEAD, _buff=bytes([number % 256])))
        return SimpleNamespace(unregister=lambda: None)


def slow_writer(monkeypatch, seconds, interrupted_at=()):
    write, calls = mcap_recorder.Mcap1Writer.write, []

    def slowly(self, *what):
        calls.append(what)
        if len(calls) in interrupted_at:
            raise KeyboardInterrupt
        time.sleep(seconds)
        write(self, *what)

    monkeypatch.setattr(mcap_recorder.Mcap1Writer, "write", slowly)


def written(path):
    with open_bag(path) as bag:
        return len(list(bag.messages([TOPIC])))


def test_what_waits_for_a_slow_disk_at_the_end_is_written_too(tmp_path, monkeypatch, capsys):
    slow_writer(monkeypatch, 0.01)
    monkeypatch.setattr(mcap_recorder, "rospy", Ros(messages=40))
    assert record_mcap([TOPIC], tmp_path / "a.mcap", 0.1, 0) == 0
    assert written(tmp_path / "a.mcap") == 40
    said = capsys.readouterr()
    assert "40 messages" in said.out and "(0.1 s)" in said.out and not said.err


def test_messages_that_a_second_interrupt_leaves_unwritten_are_counted(tmp_path, monkeypatch, capsys):
    slow_writer(monkeypatch, 0.0, interrupted_at=(3, 6))
    monkeypatch.setattr(mcap_recorder, "rospy", Ros(messages=mcap_recorder.HELD + 4))
    assert record_mcap([TOPIC], tmp_path / "a.mcap", 0, 0) == 0
    there = written(tmp_path / "a.mcap")
    assert there == 4
    assert f"{mcap_recorder.HELD + 4 - there} messages were lost" in capsys.readouterr().err


def test_the_end_of_the_node_is_not_reported_as_a_time(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(mcap_recorder, "rospy", Ros(messages=1, shut_down=True))
    assert record_mcap([TOPIC], tmp_path / "a.mcap", 0, 0) == 0
    assert "(the node was shut down)" in capsys.readouterr().out
