"""Problems with incoming messages, logged at a limited rate for each cause."""

from __future__ import annotations

import time
from typing import Dict

import rospy

IMAGE, DEPTH_IMAGE, CAMERA_INFO = "image", "depth image", "camera info"
PERIOD = 5.0
"""Seconds between two log lines about the same cause; alternating causes do not defeat this limit."""


class Complaints:
    """The latest text for each cause."""

    def __init__(self) -> None:
        self.texts: Dict[str, str] = {}
        self.last: str = ""
        self._logged: Dict[str, float] = {}

    def add(self, cause: str, text: str) -> None:
        """Record a problem. A skipped image is an error; a missing result alone is a warning."""
        self.texts[cause] = self.last = text
        now = time.monotonic()
        if now - self._logged.get(cause, -PERIOD) < PERIOD:
            return
        self._logged[cause] = now
        (rospy.logerr if cause == IMAGE else rospy.logwarn)(text)
