"""Products of a segmentation as messages."""

import numpy as np
import pytest
from geometry_msgs.msg import Point
from std_msgs.msg import Header

from rt_seg.labels import Label, LabelSet
from rt_seg.products.objects import SegmentedObject, SpatialPose
from rt_seg.ros.node.frame_products import FoundObjects
from rt_seg.ros.node.messages import distance, objects_message

LABELS = LabelSet((Label(0, "background", (0, 0, 0)), Label(1, "peg", (9, 9, 9))))


def found(camera):
    pose = SpatialPose((1.0, 2.0, 3.0), np.eye(3), (0.3, 0.2, 0.1))
    objects = [SegmentedObject(1, 0.75, (10, 20, 31, 41), 900, 1.0, pose)]
    return FoundObjects(Header(frame_id="optical"), Header(frame_id="map"), objects, [None], np.array(camera))


def test_objects_come_with_the_place_of_the_camera_in_their_frame():
    message = objects_message(found((1.0, 2.0, 1.0)), LABELS)
    assert (message.header.frame_id, message.camera) == ("map", Point(1.0, 2.0, 1.0))
    assert distance(message.camera, message.objects[0].pose.position) == pytest.approx(2.0)
