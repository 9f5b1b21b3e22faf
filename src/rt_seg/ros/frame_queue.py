"""Hands framesets from subscriber callbacks to the one worker."""

from __future__ import annotations

import threading
import time
from typing import Any, Dict, Optional

from rt_seg.ros.synchronizer import EVERY_FRAME, Pair, Synchronizer

_POLL = 0.02
HOLD_BACK = 0.5
"""Seconds for which depth without room is held back, from the start of that or the last time that colour was held back,
too: longer than colour that is on its way needs to arrive. Then none comes, and depth goes on without waiting."""


class FrameQueue:
    """A Synchronizer behind a lock. Callbacks put and return at once, except in `every_frame` mode: there
    `put_color` waits while the queue is full, which slows the sender down instead of losing frames. Depth that belongs
    to colour that waits, or is behind it in its connection, waits too: else newer depth would take its place."""

    def __init__(self, mode: str, use_depth: bool, slop: float, depth_timeout: float, capacity: int = 32) -> None:
        self._synchronizer = Synchronizer(mode, use_depth, slop, depth_timeout, capacity)
        self._holds_back = mode == EVERY_FRAME
        self._changed = threading.Condition()
        self._closed = self._woken = False
        self._started = time.monotonic()
        self._last_color: Optional[float] = None
        self._color_waited = -1e9
        self._depth_waits_since: Optional[float] = None

    def put_color(self, stamp: int, item: Any) -> None:
        """Enqueue a colour image; `stamp` in nanoseconds."""
        with self._changed:
            while self._holds_back and self._synchronizer.full and not self._closed:
                self._color_waited = time.monotonic()
                self._changed.wait(_POLL)
            now = time.monotonic()
            self._last_color = now
            self._synchronizer.add_color(stamp, item, now)
            self._changed.notify_all()

    def put_depth(self, stamp: int, item: Any) -> None:
        """Enqueue a depth image; `stamp` in nanoseconds."""
        with self._changed:
            while self._holds_back and not self._closed and self._depth_must_wait():
                self._synchronizer.depth_waits(time.monotonic())
                self._changed.wait(_POLL)
            self._synchronizer.add_depth(stamp, item, time.monotonic())
            self._changed.notify_all()

    def _depth_must_wait(self) -> bool:
        if self._synchronizer.has_room_for_depth():
            self._depth_waits_since = None
            return False
        now = time.monotonic()
        if self._depth_waits_since is None:
            self._depth_waits_since = now
        return now - max(self._depth_waits_since, self._color_waited) <= HOLD_BACK

    def take(self, timeout: float) -> Optional[Pair]:
        """The next frameset, or None when none is ready within `timeout` seconds, `wake` was called or the queue is
        closed."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                pair = self._synchronizer.take(now)
                if pair is not None:
                    self._changed.notify_all()
                    return pair
                if self._woken or now >= deadline:
                    self._woken = False
                    return None
                # Patience ends without any message coming, so pending images are looked at again soon.
                self._changed.wait(min(_POLL, deadline - now) if self._synchronizer.pending else deadline - now)
            return None

    def wake(self) -> None:
        """Let `take` return: its caller has other work."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def restart(self) -> None:
        """Forget what is held, before the streams begin or after they have ended."""
        with self._changed:
            self._synchronizer.restart(time.monotonic())
            self._started, self._last_color = time.monotonic(), None
            self._changed.notify_all()

    def close(self) -> None:
        """Release every waiting thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def counters(self) -> Dict[str, int]:
        """Counters of the synchroniser, by name."""
        with self._changed:
            return self._synchronizer.counters.as_dict()

    @property
    def depth_alive(self) -> bool:
        """Whether depth is coming."""
        with self._changed:
            return self._synchronizer.depth_alive(time.monotonic())

    @property
    def silence(self) -> float:
        """Seconds since the last colour image, or since the start when none came yet."""
        with self._changed:
            return time.monotonic() - (self._started if self._last_color is None else self._last_color)
