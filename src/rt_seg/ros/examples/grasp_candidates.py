"""Approach poses for objects of a class: geometry_msgs/PoseArray on ~candidates, nearest to the camera first.

Reads ~objects of the segmentation node. The z axis of a pose is the approach direction, its position the centre of
the object's visible surface (of a hole: of its outline); ~starts has the same poses `standoff` metres in front of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import rospy
from geometry_msgs.msg import Point, Pose, PoseArray

from rt_seg.command_line import BAD_INPUT, node_arguments
from rt_seg.msg import SegmentedObjects
from rt_seg.products.approach import approach_of
from rt_seg.products.objects import SpatialPose
from rt_seg.ros.examples.model_classes import ModelClasses
from rt_seg.ros.launch_end import init_node
from rt_seg.ros.node.messages import distance
from rt_seg.ros.node.rotations import axes_of, quaternion
from rt_seg.settings import SettingsError, read_settings, setting

EXAMPLE = """
  rosrun rt_seg grasp_candidates _class_name:=hole _standoff:=0.1 objects:=/segmentation/objects
"""


@dataclass(frozen=True)
class GraspCandidatesSettings:
    """Private parameters of the node."""

    class_name: str = setting("hole", "class to approach")
    standoff: float = setting(0.10, "metres in front of the object", 0.0, 2.0)
    min_depth_share: float = setting(0.0, "minimum share of the object's pixels with depth", 0.0, 1.0)


def candidates(message: SegmentedObjects, settings: GraspCandidatesSettings) -> "tuple[PoseArray, PoseArray]":
    """Poses at the objects, and in front of them."""
    at, before = PoseArray(header=message.header), PoseArray(header=message.header)
    for item in message.objects:
        if item.class_name != settings.class_name or not item.has_pose or item.depth_share < settings.min_depth_share:
            continue
        place, axes = item.pose.position, axes_of(item.pose.orientation)
        way = approach_of(SpatialPose((place.x, place.y, place.z), axes, (0.0, 0.0, 0.0)), settings.standoff)
        orientation = quaternion(way.axes)
        at.poses.append(Pose(Point(*way.target), orientation))
        before.poses.append(Pose(Point(*way.start), orientation))
    order = np.argsort([distance(message.camera, pose.position) for pose in at.poses])
    at.poses = [at.poses[index] for index in order]
    before.poses = [before.poses[index] for index in order]
    return at, before


def main() -> int:
    """Run the node; returns the exit code."""
    node_arguments("grasp_candidates", __doc__, [GraspCandidatesSettings], EXAMPLE)
    init_node("grasp_candidates")
    try:
        settings = read_settings(GraspCandidatesSettings, rospy.get_param("~", {}), f"node {rospy.get_name()}")
    except SettingsError as error:
        rospy.logfatal(str(error))
        return BAD_INPUT
    publishers = [rospy.Publisher(f"~{name}", PoseArray, queue_size=1) for name in ("candidates", "starts")]

    def on_objects(message: SegmentedObjects) -> None:
        for publisher, poses in zip(publishers, candidates(message, settings)):
            publisher.publish(poses)

    ModelClasses([settings.class_name], "class_name", "there are no candidates").watch("objects")
    rospy.Subscriber("objects", SegmentedObjects, on_objects, queue_size=1)
    rospy.spin()
    return 0
