"""Products of a segmentation as messages."""

from dataclasses import replace

import numpy as np
import pytest
import rospy
from geometry_msgs.msg import Point
from std_msgs.msg import Header

from rt_seg.labels import Label, LabelSet
from rt_seg.products.objects import SegmentedObject, SpatialPose
from rt_seg.products.tracking import Track
from rt_seg.ros.node.frame_products import FoundObjects
from rt_seg.ros.node.messages import distance, object_frames_message, objects_message
from rt_seg.ros.node.names import Names

LABELS = LabelSet((Label(0, "background", (0, 0, 0)), Label(1, "peg", (9, 9, 9))))


def found(camera):
    pose = SpatialPose((1.0, 2.0, 3.0), np.eye(3), (0.3, 0.2, 0.1))
    objects = [SegmentedObject(1, 0.75, (10, 20, 31, 41), 900, 1.0, pose)]
    return FoundObjects(Header(frame_id="optical"), Header(frame_id="map"), objects, [None], np.array(camera))


def test_objects_come_with_the_place_of_the_camera_in_their_frame():
    message = objects_message(found((1.0, 2.0, 1.0)), LABELS)
    assert (message.header.frame_id, message.camera) == ("map", Point(1.0, 2.0, 1.0))
    assert distance(message.camera, message.objects[0].pose.position) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("names", "node", "frame"),
    [
        (Names(), "/segmentation", "object_7"),
        (Names(), "/left/segmentation", "left_object_7"),
        (Names.of_camera("right"), "/segment_cameras", "right_object_7"),
    ],
)
def test_the_frames_of_two_cameras_objects_have_two_names(monkeypatch, names, node, frame):
    monkeypatch.setattr(rospy, "get_name", lambda: node)
    track = Track(7, 1.0, np.zeros(3), np.zeros(3), np.eye(6))
    message = object_frames_message(replace(found((0.0, 0.0, 0.0)), tracks=[track]), names.frame_prefix)
    assert [transform.child_frame_id for transform in message.transforms] == [frame]
