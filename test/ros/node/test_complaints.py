"""One line for each cause, however the causes take turns."""

from rt_seg.ros.node import complaints
from rt_seg.ros.node.complaints import CAMERA_INFO, DEPTH_IMAGE, IMAGE, Complaints


def test_causes_that_take_turns_are_logged_once_each(monkeypatch):
    lines = []
    monkeypatch.setattr(complaints.rospy, "logerr", lambda text: lines.append(("error", text)))
    monkeypatch.setattr(complaints.rospy, "logwarn", lambda text: lines.append(("warn", text)))
    heard = Complaints()
    for number in range(50):
        heard.add(DEPTH_IMAGE, f"depth {number}")
        heard.add(CAMERA_INFO, f"info {number}")
    assert lines == [("warn", "depth 0"), ("warn", "info 0")]
    assert heard.texts == {DEPTH_IMAGE: "depth 49", CAMERA_INFO: "info 49"}
    heard.add(IMAGE, "cut")
    assert lines[-1] == ("error", "cut") and heard.last == "cut"


def test_a_cause_that_lasts_is_said_again(monkeypatch):
    lines = []
    monkeypatch.setattr(complaints.rospy, "logwarn", lines.append)
    monkeypatch.setattr(complaints, "PERIOD", 0.0)
    heard = Complaints()
    heard.add(DEPTH_IMAGE, "a")
    heard.add(DEPTH_IMAGE, "b")
    assert lines == ["a", "b"]
