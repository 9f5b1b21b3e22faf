"""Publishers that either keep pace or keep all."""
from __future__ import annotations

import warnings

import rospy

from rt_seg.ros.synchronizer import EVERY_FRAME


def create_publisher(topic: str, kind: type, mode: str, queue_size: int) -> rospy.Publisher:
    """Advertise a topic. In `live` mode a subscriber that is too slow misses the oldest of `queue_size` messages; in
    `every_frame` mode publishing waits for it."""
    if mode != EVERY_FRAME:
        return rospy.Publisher(topic, kind, queue_size=queue_size)
    with warnings.catch_warnings():
        # rospy takes the absence of a queue for an oversight, but it is what makes publishing wait.
        warnings.simplefilter("ignore", SyntaxWarning)
        return rospy.Publisher(topic, kind, queue_size=None)
