"""What the page in the browser shows of messages."""

from geometry_msgs.msg import Point, Pose

from rt_seg.msg import SegmentedObject
from rt_seg.ros.web.ros_robot import _described


def test_the_distance_of_an_object_is_that_from_the_camera_wherever_the_frame_begins():
    item = SegmentedObject(class_name="peg", has_pose=True, pose=Pose(position=Point(10.0, 0.0, 1.0)))
    assert _described(item, Point(10.0, 3.0, 5.0))["distance"] == 5.0
    assert _described(SegmentedObject(class_name="peg"), Point(1.0, 0.0, 0.0))["distance"] is None
