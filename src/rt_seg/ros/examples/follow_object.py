"""Follows the nearest object of a class at a distance: geometry_msgs/Twist on cmd_vel, zero when it is out of sight.

Reads ~objects of the segmentation node, in the frame of a camera that looks ahead (no ~target_frame). It keeps
following the selected object, by its track, while that is visible.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Optional, Tuple

import rospy
from geometry_msgs.msg import Twist

from rt_seg.command_line import BAD_INPUT, node_arguments
from rt_seg.msg import SegmentedObjects
from rt_seg.products.following import FollowSettings, follow
from rt_seg.ros.examples.model_classes import ModelClasses
from rt_seg.ros.launch_end import init_node
from rt_seg.settings import SettingsError, read_settings, setting

EXAMPLE = """
  rosrun rt_seg follow_object _class_name:=thing _distance:=1.5 objects:=/segmentation/objects
"""


@dataclass(frozen=True)
class FollowObjectSettings:
    """Private parameters of the node."""

    class_name: str = setting("thing", "class to follow")
    distance: float = setting(1.5, "distance to keep, metres", 0.2, 20.0)
    fastest: float = setting(0.5, "maximum forward speed, m/s", 0.0, 3.0)
    fastest_turn: float = setting(0.8, "maximum turn rate, rad/s", 0.0, 6.0)
    timeout: float = setting(0.5, "seconds without the object before stopping", 0.05, 10.0)


class Follower:
    """Selects the object to follow and computes the velocity."""

    def __init__(self, settings: FollowObjectSettings) -> None:
        self._settings = settings
        self._law = FollowSettings(settings.distance, fastest=settings.fastest, fastest_turn=settings.fastest_turn)
        self._track = 0
        self._place: Optional[Tuple[float, float, float]] = None
        self._last = -1e9
        self._lock = threading.Lock()

    def update(self, message: SegmentedObjects, now: float) -> None:
        """Take in the objects of an image at `now`, seconds."""
        with self._lock:
            name = self._settings.class_name
            tracked = [item for item in message.objects if item.class_name == name and item.track_id]
            same = [item for item in tracked if item.track_id == self._track]
            if not same and now - self._last <= self._settings.timeout:
                return  # behind something, perhaps; nothing else is followed instead at once
            chosen = (same or sorted(tracked, key=lambda item: item.track_position.z))[:1]
            if chosen:
                place = chosen[0].track_position
                self._track, self._last = chosen[0].track_id, now
                self._place = (place.x, place.y, place.z)

    def velocities(self, now: float) -> Tuple[float, float]:
        """Forward m/s and turn rad/s."""
        with self._lock:
            if self._place is None or now - self._last > self._settings.timeout:
                return 0.0, 0.0
            return follow(self._place, self._law)


def main() -> int:
    """Run the node; returns the exit code."""
    node_arguments("follow_object", __doc__, [FollowObjectSettings], EXAMPLE)
    init_node("follow_object")
    try:
        settings = read_settings(FollowObjectSettings, rospy.get_param("~", {}), f"node {rospy.get_name()}")
    except SettingsError as error:
        rospy.logfatal(str(error))
        return BAD_INPUT
    follower = Follower(settings)
    ModelClasses([settings.class_name], "class_name", "nothing is followed").watch("objects")
    publisher = rospy.Publisher("cmd_vel", Twist, queue_size=1)
    rospy.Subscriber("objects", SegmentedObjects, lambda m: follower.update(m, time.monotonic()), queue_size=1)
    while not rospy.is_shutdown():
        message = Twist()
        message.linear.x, message.angular.z = follower.velocities(time.monotonic())
        publisher.publish(message)
        time.sleep(0.05)
    return 0
