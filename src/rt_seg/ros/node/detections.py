"""Objects as vision_msgs' detections, where that package is installed: Noetic has it, Debian does not."""

from __future__ import annotations

import contextlib
import importlib
from dataclasses import replace
from typing import Any

from geometry_msgs.msg import PoseWithCovariance, Vector3

from rt_seg.ros.node.frame_products import FoundObjects
from rt_seg.ros.node.messages import pose_message

vision_msgs: Any = None
with contextlib.suppress(ImportError):
    vision_msgs = importlib.import_module("vision_msgs.msg")


def _hypothesis(item: Any, with_place: bool = True) -> Any:
    """Class, probability and place; the covariance of a place whose uncertainty is not known is 0."""
    pose = PoseWithCovariance(pose=pose_message(item if with_place else replace(item, pose=None)))
    return vision_msgs.ObjectHypothesisWithPose(id=item.class_id, score=item.confidence, pose=pose)


def detections_2d(found: FoundObjects) -> Any:
    """vision_msgs/Detection2DArray: boxes in pixels, by their centres. Poses are at the origin where they are known in
    another frame only than that of the header, the image's."""
    with_place = found.header.frame_id == found.image_header.frame_id
    detections = []
    for item in found.objects:
        left, top, width, height = item.box
        detection = vision_msgs.Detection2D(header=found.image_header, results=[_hypothesis(item, with_place)])
        box = detection.bbox
        box.center.x, box.center.y = left + (width - 1) / 2.0, top + (height - 1) / 2.0
        box.size_x, box.size_y = float(width), float(height)
        detections.append(detection)
    return vision_msgs.Detection2DArray(header=found.image_header, detections=detections)


def detections_3d(found: FoundObjects) -> Any:
    """vision_msgs/Detection3DArray: those objects that have a pose, as boxes around their visible surface."""
    detections = []
    for item in found.objects:
        if item.pose is None:
            continue
        detection = vision_msgs.Detection3D(header=found.header, results=[_hypothesis(item)])
        detection.bbox.center = pose_message(item)
        detection.bbox.size = Vector3(*item.pose.extent)
        detections.append(detection)
    return vision_msgs.Detection3DArray(header=found.header, detections=detections)
