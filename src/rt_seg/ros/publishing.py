"""Publishers that either keep pace or keep all."""

from __future__ import annotations

import warnings
from typing import Callable, Optional

import rospy

from rt_seg.ros.synchronizer import EVERY_FRAME


class _Newcomers(rospy.SubscribeListener):
    """Calls a function for each new subscriber, in a thread of rospy that must not be held up."""

    def __init__(self, on_subscriber: Callable[[], None]) -> None:
        super().__init__()
        self._on_subscriber = on_subscriber

    def peer_subscribe(self, topic_name: str, topic_publish: Callable, peer_publish: Callable) -> None:
        self._on_subscriber()


def create_publisher(
    topic: str, kind: type, mode: str, queue_size: int, on_subscriber: Optional[Callable[[], None]] = None
) -> rospy.Publisher:
    """Advertise a topic. In `live` mode a subscriber that is too slow misses the oldest of `queue_size` messages; in
    `every_frame` mode publishing waits for it. `on_subscriber` is called when a subscriber has connected."""
    listener = None if on_subscriber is None else _Newcomers(on_subscriber)
    if mode != EVERY_FRAME:
        return rospy.Publisher(topic, kind, listener, queue_size=queue_size)
    with warnings.catch_warnings():
        # rospy takes the absence of a queue for an oversight, but it is what makes publishing wait.
        warnings.simplefilter("ignore", SyntaxWarning)
        return rospy.Publisher(topic, kind, listener, queue_size=None)
