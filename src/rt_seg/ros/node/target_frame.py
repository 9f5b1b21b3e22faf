"""The target frame of objects, by tf2: where the camera was when it took an image."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import rospy
from std_msgs.msg import Header

from rt_seg.products.tracking import Motion
from rt_seg.ros.node.rotations import axes_of

PATIENCE = 0.1
"""Seconds that an image waits for its transform: the publisher of the robot's pose may be slightly late."""


class TargetFrame:
    """Looks up transforms; listens to them from the first look on, or from `listen`."""

    def __init__(
        self,
        name: str,
        parameter: str = "target_frame",
        otherwise: str = "objects stay in the camera's frame, without track ids",
    ) -> None:
        """`name`: of the frame; empty for the camera's own. `parameter` names it, and `otherwise` says what happens
        without a transform: for the log."""
        self.name = name
        self._parameter, self._otherwise = parameter, otherwise
        self._buffer: Any = None
        self._listener: Any = None
        self.missing = 0
        """Images whose transform did not come."""

    def listen(self) -> None:
        """Take in transforms from now on, so that the first image finds its own."""
        if self._buffer is None:
            import tf2_ros  # here, so that a node without a target frame does without it

            self._buffer = tf2_ros.Buffer()
            self._listener = tf2_ros.TransformListener(self._buffer)

    def motion(self, header: Header) -> Optional[Motion]:
        """From the frame of the header into this one at its stamp; None where tf2 does not know, which is logged."""
        self.listen()
        try:
            found = self._buffer.lookup_transform(
                self.name, header.frame_id, header.stamp, rospy.Duration.from_sec(PATIENCE)
            )
        except Exception as error:  # tf2's own kinds, each for one cause
            self.missing += 1
            rospy.logwarn_throttle(
                5.0,
                f"~{self._parameter}: no transform from {header.frame_id!r} to {self.name!r}: {error}; "
                f"{self._otherwise}",
            )
            return None
        where = found.transform.translation
        return Motion(axes_of(found.transform.rotation), np.array([where.x, where.y, where.z]))
