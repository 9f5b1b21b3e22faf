"""Stamps of a clock that started somewhere, on the clock of the computer."""

from __future__ import annotations

from typing import Optional

LARGEST_DRIFT = 0.5
"""Seconds between both clocks after which they are compared again: a camera's clock wraps, stops or is reset."""
WINDOW = 10.0
"""Seconds over which the quickest image is sought: it tells best by how much the clocks differ."""
LARGEST_SLEW = 1e-3
"""Seconds per second by which the difference follows clocks that drift apart. Quartzes differ by up to 1e-4."""


class ClockMap:
    """Adds the difference of the two clocks at the first stamp, so that the intervals are the camera's own, and follows
    their drift slowly. When the camera's clock steps back or runs away, the difference is taken again."""

    def __init__(self, synchronised: bool = False, largest_drift: float = LARGEST_DRIFT) -> None:
        """`synchronised`: the camera's driver converts its stamps already. They stay as they are, unless they are more
        than `largest_drift` off, as those of a recording are."""
        self._largest_drift = largest_drift
        self._difference: Optional[float] = 0.0 if synchronised else None
        self._follows = not synchronised
        self._last: Optional[float] = None
        self._begin_window(0.0)
        self._slew, self._last_stamp = 0.0, 0.0

    def _begin_window(self, stamp: float) -> None:
        self._window_start, self._least = stamp, float("inf")

    def to_host(self, stamp: float, now: float) -> float:
        """A camera's stamp in seconds, and the computer's time at its arrival, to the computer's time of the image.

        Results always increase.
        """
        if self._difference is None or abs(stamp + self._difference - now) > self._largest_drift:
            self._difference, self._slew = now - stamp, 0.0
            self._begin_window(stamp)
        elif self._follows:
            self._follow(stamp, now)
        self._last_stamp = stamp
        mapped = stamp + self._difference
        if self._last is not None and mapped <= self._last:
            mapped = max(now, self._last + 1e-6)
            self._difference = mapped - stamp
        self._last = mapped
        return mapped

    def _follow(self, stamp: float, now: float) -> None:
        assert self._difference is not None
        self._difference += self._slew * max(stamp - self._last_stamp, 0.0)
        self._least = min(self._least, now - stamp)
        if stamp - self._window_start >= WINDOW:
            wanted = (self._least - self._difference) / WINDOW
            self._slew = min(max(wanted, -LARGEST_SLEW), LARGEST_SLEW)
            self._begin_window(stamp)
