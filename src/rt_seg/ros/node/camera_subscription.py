"""The camera's topics, subscribed to only while their images are wanted: an unread stream still costs its receiver."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, NamedTuple

import message_filters

REST_AFTER = 2.0
"""Seconds without use before unsubscribing: a client that asks once a second does not cause reconnects."""


class Stream(NamedTuple):
    """One topic: name, message class, what takes each message, and options of rospy.Subscriber."""

    topic: str
    kind: type
    callback: Callable[[Any], None]
    options: Dict[str, Any]


class CameraSubscription:
    """Subscribes to streams and unsubscribes; used by one thread."""

    def __init__(self, streams: List[Stream], always: bool) -> None:
        """`streams` in the order of subscribing; `always` keeps them connected from now on to the end."""
        self._streams = streams
        self._always = always
        self._subscribers: List[message_filters.Subscriber] = []
        self._last_use = time.monotonic()
        if always:
            self._connect()

    @property
    def connected(self) -> bool:
        """Whether the topics are subscribed to."""
        return bool(self._subscribers)

    def follow(self, wanted: bool, restart: Callable[[], None]) -> None:
        """Connect when images are `wanted`, let go when they have not been for REST_AFTER. `restart` is called before
        the one and after the other: what is left of older images must not be taken for new ones."""
        if self._always:
            return
        now = time.monotonic()
        if wanted:
            self._last_use = now
            if not self.connected:
                restart()
                self._connect()
        elif self.connected and now - self._last_use > REST_AFTER:
            self.close()
            restart()

    def _connect(self) -> None:
        for stream in self._streams:
            subscriber = message_filters.Subscriber(stream.topic, stream.kind, **stream.options)
            subscriber.registerCallback(stream.callback)
            self._subscribers.append(subscriber)

    def close(self) -> None:
        """Unsubscribe."""
        subscribers, self._subscribers = self._subscribers, []
        for subscriber in subscribers:
            subscriber.unregister()
