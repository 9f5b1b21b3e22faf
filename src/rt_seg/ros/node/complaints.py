"""What is wrong with the messages that come in: in the log once in a while for each cause, whatever the words."""

from __future__ import annotations

import time
from typing import Dict

import rospy

IMAGE, DEPTH_IMAGE, CAMERA_INFO = "image", "depth image", "camera info"
PERIOD = 5.0
"""Seconds between two lines about the same cause. Two causes that take turns do not wake each other."""


class Complaints:
    """The latest words about each cause."""

    def __init__(self) -> None:
        self.texts: Dict[str, str] = {}
        self.last: str = ""
        self._logged: Dict[str, float] = {}

    def add(self, cause: str, text: str) -> None:
        """Note a complaint. An image that is left out is an error; what only leaves out a result is a warning."""
        self.texts[cause] = self.last = text
        now = time.monotonic()
        if now - self._logged.get(cause, -PERIOD) < PERIOD:
            return
        self._logged[cause] = now
        (rospy.logerr if cause == IMAGE else rospy.logwarn)(text)
