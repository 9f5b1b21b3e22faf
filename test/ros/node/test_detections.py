"""Objects as vision_msgs' messages, made here by its published definitions where the package is not installed."""

import importlib
import sys
import types
from dataclasses import replace

import genpy.dynamic
import numpy as np
import pytest
from std_msgs.msg import Header

from rt_seg.products.objects import SegmentedObject, SpatialPose
from rt_seg.ros.node.frame_products import FoundObjects

DEFINITION = """Header header
vision_msgs/Detection{0} [] detections
================================================================================
MSG: std_msgs/Header
uint32 seq
time stamp
string frame_id
================================================================================
MSG: vision_msgs/Detection{0}
Header header
vision_msgs/ObjectHypothesisWithPose[] results
vision_msgs/BoundingBox{0} bbox
================================================================================
MSG: vision_msgs/ObjectHypothesisWithPose
int64 id
float64 score
geometry_msgs/PoseWithCovariance pose
================================================================================
MSG: vision_msgs/BoundingBox2D
geometry_msgs/Pose2D center
float64 size_x
float64 size_y
================================================================================
MSG: vision_msgs/BoundingBox3D
geometry_msgs/Pose center
geometry_msgs/Vector3 size
================================================================================
MSG: geometry_msgs/Pose2D
float64 x
float64 y
float64 theta
================================================================================
MSG: geometry_msgs/PoseWithCovariance
geometry_msgs/Pose pose
float64[36] covariance
================================================================================
MSG: geometry_msgs/Pose
geometry_msgs/Point position
geometry_msgs/Quaternion orientation
================================================================================
MSG: geometry_msgs/Point
float64 x
float64 y
float64 z
================================================================================
MSG: geometry_msgs/Quaternion
float64 x
float64 y
float64 z
float64 w
================================================================================
MSG: geometry_msgs/Vector3
float64 x
float64 y
float64 z
""".replace(" []", "[]")


@pytest.fixture
def detections(monkeypatch):
    package, messages = types.ModuleType("vision_msgs"), types.ModuleType("vision_msgs.msg")
    package.msg = messages
    for kind in ("2D", "3D"):
        made = genpy.dynamic.generate_dynamic(f"vision_msgs/Detection{kind}Array", DEFINITION.format(kind))
        for name, message in made.items():
            if name.startswith("vision_msgs/"):
                setattr(messages, name.split("/")[1], message)
    monkeypatch.setitem(sys.modules, "vision_msgs", package)
    monkeypatch.setitem(sys.modules, "vision_msgs.msg", messages)
    import rt_seg.ros.node.detections as module

    yield importlib.reload(module)
    monkeypatch.undo()
    importlib.reload(module)


def found():
    pose = SpatialPose((0.1, -0.2, 1.5), np.eye(3), (0.3, 0.2, 0.1))
    objects = [
        SegmentedObject(2, 0.75, (10, 20, 31, 41), 900, 1.0, pose),
        SegmentedObject(1, float("nan"), (0, 0, 4, 4), 16, 0.0, None),
    ]
    camera, world = Header(frame_id="camera"), Header(frame_id="world")
    return FoundObjects(camera, world, objects, [None, None], np.zeros(3))


def read_back(message):
    """Through the bytes, so that each field has its type."""
    import io

    buffer = io.BytesIO()
    message.serialize(buffer)
    return type(message)().deserialize(buffer.getvalue())


def test_boxes_lie_in_the_image_by_their_centres(detections):
    message = read_back(detections.detections_2d(found()))
    assert (message.header.frame_id, len(message.detections)) == ("camera", 2)
    first = message.detections[0]
    assert (first.bbox.center.x, first.bbox.center.y, first.bbox.size_x, first.bbox.size_y) == (25.0, 40.0, 31.0, 41.0)
    assert (first.results[0].id, first.results[0].score) == (2, 0.75)


def test_boxes_in_the_image_have_poses_only_where_these_are_in_the_frame_of_the_image(detections):
    objects = found()
    elsewhere = read_back(detections.detections_2d(objects)).detections[0].results[0].pose.pose
    assert (elsewhere.position.x, elsewhere.position.z, elsewhere.orientation.w) == (0.0, 0.0, 1.0)
    here = replace(objects, header=objects.image_header)
    assert read_back(detections.detections_2d(here)).detections[0].results[0].pose.pose.position.z == 1.5


def test_boxes_in_space_are_those_of_the_objects_that_have_a_pose(detections):
    message = read_back(detections.detections_3d(found()))
    assert (message.header.frame_id, len(message.detections)) == ("world", 1)
    box = message.detections[0].bbox
    assert (box.center.position.x, box.center.position.z, box.size.x, box.center.orientation.w) == (0.1, 1.5, 0.3, 1.0)


def test_without_the_package_the_node_has_no_such_topics():
    import rt_seg.ros.node.detections as module
    from rt_seg.ros.node import outputs

    if module.vision_msgs is None:
        assert not any(name.startswith("detections") for name in outputs._TOPICS)
