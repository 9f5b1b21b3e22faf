"""The frames of a camera, as realsense2_camera has them: NAME_link, and from it those of depth and colour."""

from __future__ import annotations

import rospy
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from tf2_msgs.msg import TFMessage

from rt_seg.cameras.frame import Placement

# REP 103: an optical frame looks along z, with x to the right; a link looks along x, with z up.
_OPTICAL = Placement(rotation=(-0.5, 0.5, -0.5, 0.5))
CENTRE = Placement()


def camera_transforms(name: str, has_depth: bool, color: Placement = CENTRE) -> TFMessage:
    """Static transforms of the camera `name`: the link is where depth is, and `color` where colour is in the link."""
    frames = [(f"{name}_link", f"{name}_color_frame", color),
              (f"{name}_color_frame", f"{name}_color_optical_frame", _OPTICAL)]  # fmt: skip
    if has_depth:
        frames += [(f"{name}_link", f"{name}_aligned_depth_to_color_frame", color),
                   (f"{name}_link", f"{name}_depth_frame", CENTRE),
                   (f"{name}_depth_frame", f"{name}_depth_optical_frame", _OPTICAL)]  # fmt: skip
    return TFMessage([static_transform(*frame) for frame in frames])


def static_transform(parent: str, child: str, pose: Placement) -> TransformStamped:
    """`pose` as a message."""
    entry = TransformStamped(child_frame_id=child)
    entry.header.stamp, entry.header.frame_id = rospy.Time.now(), parent
    entry.transform = Transform(Vector3(*pose.translation), Quaternion(*pose.rotation))
    return entry
