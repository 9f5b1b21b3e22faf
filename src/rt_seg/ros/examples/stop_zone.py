"""Publishes stop while a class is too close, or without a result: std_msgs/Bool on ~stop, also for a relay.

Reads ~statistics of the segmentation node, and its ~labels beside it. These count as too close, too: a class without a
depth reading, no message for `timeout` seconds, and a model that lacks one of the classes.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import List, Optional

import rospy
from std_msgs.msg import Bool

from rt_seg.command_line import BAD_INPUT, node_arguments
from rt_seg.msg import ClassStatistics
from rt_seg.products.class_filter import split_names
from rt_seg.ros.examples.model_classes import ModelClasses
from rt_seg.ros.launch_end import init_node
from rt_seg.settings import SettingsError, read_settings, setting

EXAMPLE = """
  rosrun rt_seg stop_zone _classes:=thing _stop_at:=1.0 statistics:=/segmentation/statistics
"""


@dataclass(frozen=True)
class StopZoneSettings:
    """Private parameters of the node."""

    classes: str = setting("", "names that stop the robot, comma-separated; empty: all")
    stop_at: float = setting(0.8, "stop below this distance, metres", 0.05, 50.0)
    go_at: float = setting(1.0, "clear from this distance on, metres", 0.05, 50.0)
    min_share: float = setting(0.001, "minimum share of the pixels for a class to count", 0.0, 1.0)
    timeout: float = setting(0.5, "seconds without a result before stopping", 0.05, 60.0)


class StopZone:
    """The decision, independent of ROS: `update` takes results, `stop` answers at any time."""

    def __init__(self, settings: StopZoneSettings) -> None:
        self._settings = settings
        self._classes = split_names(settings.classes)
        self._too_near = True
        self._missing: List[str] = []
        self._last: Optional[float] = None
        self._lock = threading.Lock()

    def update(self, message: ClassStatistics, now: float) -> None:
        """Take in the statistics of an image at `now`, seconds of any monotonic clock."""
        # Without a reading it may be nearer than the camera measures, or depth may have stalled: it counts as 0 m away.
        nearest = min(
            (0.0 if math.isnan(entry.depth_nearest) else entry.depth_nearest for entry in message.classes
             if (not self._classes or entry.class_name in self._classes)
             and entry.pixel_share >= self._settings.min_share),
            default=math.inf,
        )  # fmt: skip
        with self._lock:
            self._last = now
            # Between the two distances it stays as it is.
            if nearest < self._settings.stop_at:
                self._too_near = True
            elif nearest >= self._settings.go_at:
                self._too_near = False

    def set_missing(self, names: List[str]) -> None:
        """Note which of the classes the model lacks: it can never see them."""
        with self._lock:
            self._missing = names

    def stop(self, now: float) -> bool:
        """Whether to stop: something is too close, there is no recent result, or the model lacks a class."""
        with self._lock:
            silent = self._last is None or now - self._last > self._settings.timeout
            return silent or self._too_near or bool(self._missing)


def main() -> int:
    """Run the node; returns the exit code."""
    node_arguments("stop_zone", __doc__, [StopZoneSettings], EXAMPLE)
    init_node("stop_zone")
    try:
        settings = read_settings(StopZoneSettings, rospy.get_param("~", {}), f"node {rospy.get_name()}")
    except SettingsError as error:
        rospy.logfatal(str(error))
        return BAD_INPUT
    zone = StopZone(settings)
    publisher = rospy.Publisher("~stop", Bool, queue_size=1, latch=True)
    ModelClasses(split_names(settings.classes), "classes", "stop is published").watch("statistics", zone.set_missing)
    rospy.Subscriber("statistics", ClassStatistics, lambda m: zone.update(m, time.monotonic()), queue_size=1)
    while not rospy.is_shutdown():
        publisher.publish(Bool(zone.stop(time.monotonic())))
        time.sleep(0.05)
    return 0
