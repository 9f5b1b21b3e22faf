"""Which input size of a model keeps the camera's rate on this machine: decided from the time that each frame takes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Deque, List, Optional, Sequence

FRAMES = 30
"""Frames whose median time decides: one second of a camera at 30 Hz, so that a single slow frame changes nothing."""
FIRST_FRAMES = 8
"""Frames after a change that are enough to go to a smaller size: until then masks of a size too large come late."""
TOO_SLOW = 0.9
"""Share of the camera's period above which the size is too large: no headroom is left for a busier moment."""
FAST_ENOUGH = 0.6
"""Share of the camera's period that the next larger size may take, as expected, for a change to it."""
CALM_SECONDS = 10.0
"""Seconds during which a larger size must look fast enough before the change."""
SURE_SECONDS = 60.0
"""Longest wait before a larger size is tried again: the wait doubles each time that it turned out too slow."""


@dataclass(frozen=True)
class Choice:
    """A size to run at, as its index in the list of sizes, and why."""

    index: int
    reason: str


def first_choice(costs: Sequence[float], period: Optional[float], overhead: float = 0.0) -> Choice:
    """The largest size whose expected time keeps the rate.

    Args:
        costs: seconds of inference of each size, measured here, largest size first.
        period: seconds between two camera images, None while unknown; then that of 30 Hz.
        overhead: seconds per frame beside inference.
    """
    assumed = 1.0 / 30.0 if period is None else period
    for index, cost in enumerate(costs):
        if cost + overhead <= TOO_SLOW * assumed:
            return Choice(index, f"{cost * 1e3:.0f} ms of inference in a period of {assumed * 1e3:.0f} ms")
    smallest = len(costs) - 1
    return Choice(
        smallest, f"the smallest size; its {costs[smallest] * 1e3:.0f} ms exceed the period of {assumed * 1e3:.0f} ms"
    )


class RateControl:
    """Tracks the time per frame and decides when to change the size.

    Down at once when the median of the last frames exceeds TOO_SLOW of the period. Up, one size at a time, after
    CALM_SECONDS in which the next larger size is expected below FAST_ENOUGH of it. The expectation is today's time plus
    the difference of the measured costs. A size that turned out too slow is tried again after twice the wait.

    Examples:
        >>> control = RateControl([0.040, 0.020], index=0)
        >>> changes = [control.observe(busy=0.045, period=1 / 30, now=frame / 30) for frame in range(30)]
        >>> next(change for change in changes if change).index
        1
    """

    def __init__(self, costs: Sequence[float], index: int = 0) -> None:
        if not costs or not 0 <= index < len(costs):
            raise ValueError(f"size {index} of {len(costs)}: no such size")
        self.costs: List[float] = list(costs)
        self._times: Deque[float] = deque(maxlen=FRAMES)
        self._periods: Deque[float] = deque(maxlen=FRAMES)
        self._calm_since: Optional[float] = None
        self._waits = [CALM_SECONDS] * len(costs)
        self.index = index

    def moved_to(self, index: int) -> None:
        """Another size runs from the next frame on; times of the last one say nothing about it."""
        if index > self.index:
            self._waits[self.index] = min(2.0 * self._waits[self.index], SURE_SECONDS)
        self.index = index
        self._times.clear()
        self._calm_since = None

    def observe(self, busy: float, period: Optional[float], now: float) -> Optional[Choice]:
        """Take in one frame; returns another size where one should be taken, which `moved_to` then confirms.

        Args:
            busy: seconds for which the frame kept its worker.
            period: seconds since the stamp of the image before it, None when unknown.
            now: seconds of a clock that never steps back.
        """
        self._times.append(busy)
        if period is not None and period > 0.0:
            self._periods.append(period)
        if len(self._periods) < FIRST_FRAMES or len(self._times) < FIRST_FRAMES:
            return None
        usual, camera = median(self._times), median(self._periods)
        if usual > TOO_SLOW * camera:
            self._calm_since = None
            if self.index + 1 == len(self.costs):
                return None
            return Choice(
                self._fitting(usual, camera),
                f"{usual * 1e3:.0f} ms per frame leave no headroom in a period of {camera * 1e3:.0f} ms",
            )
        if self.index == 0 or len(self._times) < FRAMES:
            return None
        larger = self.index - 1
        expected = usual + self.costs[larger] - self.costs[self.index]
        if expected > FAST_ENOUGH * camera:
            self._calm_since = None
            return None
        if self._calm_since is None:
            self._calm_since = now
        if now - self._calm_since < self._waits[larger]:
            return None
        return Choice(larger, f"{expected * 1e3:.0f} ms per frame are expected in a period of {camera * 1e3:.0f} ms")

    def _fitting(self, usual: float, camera: float) -> int:
        """The largest of the smaller sizes that is expected to keep the rate; the smallest if none is."""
        # Under load inference slows down with all else, so costs are scaled by what is seen of the size in use.
        scale = max(1.0, usual / max(self.costs[self.index], 1e-6)) if usual > self.costs[self.index] else 1.0
        for index in range(self.index + 1, len(self.costs)):
            if scale * self.costs[index] <= TOO_SLOW * camera:
                return index
        return len(self.costs) - 1
