"""The demo recording is rendered whole or not at all, and never holds up the end of the node."""

import itertools
import os
import time

import pytest

rospy = pytest.importorskip("rospy", reason="ROS is not on the Python path")
import rospkg  # noqa: E402

from rt_seg.ros.recording.demo import demo_recording  # noqa: E402


def rendering_that_is_ended(tmp_path, monkeypatch):
    monkeypatch.setenv("ROS_HOME", str(tmp_path))
    monkeypatch.setattr(rospkg.RosPack, "get_path", lambda self, name: str(tmp_path / "package"))
    asked = itertools.count()
    monkeypatch.setattr(rospy, "is_shutdown", lambda: next(asked) >= 2)
    with pytest.raises(rospy.ROSInterruptException, match="while the demo recording was rendered"):
        demo_recording()
    return next(asked)


def test_a_node_that_is_to_end_while_it_renders_ends_and_leaves_no_part_of_a_recording(tmp_path, monkeypatch):
    assert rendering_that_is_ended(tmp_path, monkeypatch) == 3, "it went on"
    assert not list((tmp_path / "rt_seg").iterdir())


def test_what_a_killed_rendering_left_is_removed_and_one_at_work_is_not(tmp_path, monkeypatch):
    folder = tmp_path / "rt_seg"
    folder.mkdir()
    for name, age in (("old", 7200), ("new", 60)):
        left = folder / f".demo.bag.{name}.part"
        left.write_bytes(b"x")
        os.utime(left, (time.time() - age,) * 2)
    rendering_that_is_ended(tmp_path, monkeypatch)
    assert [file.name for file in folder.iterdir()] == [".demo.bag.new.part"]
