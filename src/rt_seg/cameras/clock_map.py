"""Stamps of a clock that started somewhere, on the clock of the computer."""
from __future__ import annotations

from typing import Optional

LARGEST_DRIFT = 0.5
"""Seconds between both clocks after which they are compared anew: a camera's clock wraps, stops or is reset."""


class ClockMap:
    """Adds the difference of the two clocks at the first stamp, so that the intervals are the camera's own. When the
    camera's clock steps back or runs away, the difference is taken again."""

    def __init__(self) -> None:
        self._difference: Optional[float] = None
        self._last: Optional[float] = None

    def to_host(self, stamp: float, now: float) -> float:
        """A camera's stamp in seconds, and the computer's time at its arrival, to the computer's time of the image.

        Results always increase.
        """
        if self._difference is None or abs(stamp + self._difference - now) > LARGEST_DRIFT:
            self._difference = now - stamp
        mapped = stamp + self._difference
        if self._last is not None and mapped <= self._last:
            mapped = max(now, self._last + 1e-6)
            self._difference = mapped - stamp
        self._last = mapped
        return mapped
