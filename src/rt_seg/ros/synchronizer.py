"""Pairs colour images with the aligned depth images of the same moment, by stamp.

message_filters' ApproximateTimeSynchronizer is not used: it stays silent for ever when stamps step back (a camera's
hardware clock wraps, a bag loops) or when a callback raises, and it gives nothing while depth stalls.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, Deque, Dict, List, Optional, Tuple

LIVE = "live"
EVERY_FRAME = "every_frame"
MODES = (LIVE, EVERY_FRAME)

SECOND = 1_000_000_000

JUMP = SECOND // 2
"""Nanoseconds by which a stamp must lie before the newest of its stream to mean that the clock was set back; less is
a frame that overtook another on its way."""

DUPLICATE_MEMORY = 4
"""Stamps remembered per stream to recognise a message that comes twice. Short, so that no loop of a bag, however
short, is taken for a repetition."""

LIVE_PATIENCE = 0.1
"""Seconds that a colour image waits for its depth in live mode. In every_frame mode it waits until depth stalls."""


@dataclass(frozen=True)
class Pair:
    """A colour item, and the depth item of the same moment or None; `stamp` is the colour's, in nanoseconds."""

    stamp: int
    color: Any
    depth: Optional[Any]


@dataclass
class Counters:
    """What became of the messages since the start.

    Every colour image ends as exactly one of duplicate, dropped, or taken (with or without depth), or is pending.
    """

    color_received: int = 0
    depth_received: int = 0
    paired: int = 0
    unmatched_color: int = 0
    unmatched_depth: int = 0
    duplicates: int = 0
    dropped: int = 0
    taken: int = 0
    clock_jumps: int = 0

    def as_dict(self) -> Dict[str, int]:
        """Counter by name."""
        return asdict(self)


@dataclass
class _Color:
    epoch: int
    stamp: int
    arrival: float
    item: Any
    depth: Optional[Any] = None
    ready: bool = False

    @property
    def order(self) -> Tuple[int, int]:
        return self.epoch, self.stamp


@dataclass
class _Depth:
    number: int
    """In order of arrival."""
    stamp: int
    item: Any


class _Stream:
    """Stamps of one topic: recognises repeated messages and clocks that were set back."""

    def __init__(self) -> None:
        self.epoch = 0
        self._newest: Optional[int] = None
        self._recent: Deque[int] = deque(maxlen=DUPLICATE_MEMORY)

    def is_duplicate(self, stamp: int) -> bool:
        """Whether this very stamp came just before. A stamp of 0 means that the source does not stamp."""
        return stamp != 0 and stamp in self._recent

    def advance(self, stamp: int) -> bool:
        """Note a stamp; True when the clock was set back before it."""
        jumped = self._newest is not None and stamp < self._newest - JUMP
        if jumped:
            self.epoch += 1
            self._recent.clear()
        self._newest = stamp if jumped or self._newest is None else max(stamp, self._newest)
        self._recent.append(stamp)
        return jumped


class Synchronizer:
    """Pairing logic: no threads, no ROS; the caller passes stamps (ns) and a monotonic time `now` (s).

    A colour image whose depth is here is ready at once. Otherwise it becomes ready, alone, when its patience ends,
    or immediately while depth is stalled (nothing for `depth_timeout`) or not used. In `live` mode a ready image
    makes all older ones obsolete: they are dropped, so that `take` always gives the newest. In `every_frame` mode
    `take` gives every image in order of stamp; the caller must not add while `full`, nor a depth image as long as
    those without room (`has_room_for_depth`) may belong to colour images that it holds back.

    Two stamps belong together when they differ by at most `slop` seconds, which should be less than half the frame
    interval. Each depth image is given to one colour image. At most `capacity` images of each kind are held.
    """

    def __init__(
        self,
        mode: str = LIVE,
        use_depth: bool = True,
        slop: float = 0.01,
        depth_timeout: float = 1.0,
        capacity: int = 32,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode {mode!r} is not known; accepted are {', '.join(MODES)}")
        self.counters = Counters()
        self._live = mode == LIVE
        self._use_depth = use_depth
        self._slop = round(slop * SECOND)
        self._depth_timeout = depth_timeout
        self._patience = min(LIVE_PATIENCE, depth_timeout) if self._live else depth_timeout
        self._capacity = capacity
        self._colors: List[_Color] = []
        self._depths: List[_Depth] = []
        self._color_stream = _Stream()
        self._depth_stream = _Stream()
        self._first_color: Optional[float] = None
        self._last_depth: Optional[float] = None
        self._last_color: Optional[float] = None
        self._last_taken = (-1, -1)
        self._newest_pair = (-1, -1)  # number of the depth image and stamp of the colour image that it was given to

    @property
    def pending(self) -> int:
        """Colour images held."""
        return len(self._colors)

    @property
    def full(self) -> bool:
        """Whether another colour image would exceed the capacity."""
        return len(self._colors) >= self._capacity

    def depth_alive(self, now: float) -> bool:
        """Whether depth came within the last `depth_timeout` seconds."""
        return self._last_depth is not None and now - self._last_depth <= self._depth_timeout

    def has_room_for_depth(self) -> bool:
        """Whether another depth image would push out none that may still be needed. If they are many, those that no
        colour image can need any more are forgotten: what came before, and is older than, the newest pair."""
        if len(self._depths) < self._capacity:
            return True
        number, stamp = self._newest_pair
        needed = [entry for entry in self._depths if entry.number > number or entry.stamp >= stamp - self._slop]
        self.counters.unmatched_depth += len(self._depths) - len(needed)
        self._depths = needed
        return len(self._depths) < self._capacity

    def depth_waits(self, now: float) -> None:
        """Note that depth is coming, though the caller does not add it yet."""
        self._last_depth = now

    def restart(self, now: float) -> None:
        """Forget what is held, as after a pause of the streams: held colour images count as dropped, and whether depth
        comes is found out again; in `live` mode not if it did not come before, as each image would come later."""
        self.counters.dropped += len(self._colors)
        self.counters.unmatched_depth += len(self._depths)
        self._colors.clear()
        self._depths.clear()
        if not self._live or self.depth_alive(now):
            self._first_color = self._last_depth = None

    def add_color(self, stamp: int, item: Any, now: float) -> None:
        """Take in a colour image."""
        self.counters.color_received += 1
        if self._color_stream.is_duplicate(stamp):
            self.counters.duplicates += 1
            return
        if self._color_stream.advance(stamp):
            self.counters.clock_jumps += 1
            for entry in self._colors:
                self._release(entry)
        gap = 0.0 if self._last_color is None else now - self._last_color
        self._last_color = now
        if not self._live and gap > 2.0 * self._depth_timeout and not self.depth_alive(now):
            # Another recording: its first image would be taken without the depth that comes right after it.
            self._first_color = self._last_depth = None
        if self._first_color is None:
            self._first_color = now
        entry = _Color(self._color_stream.epoch, stamp, now, item)
        if self._live and entry.order < self._last_taken:
            self.counters.dropped += 1
            return
        position = len(self._colors)
        while position > 0 and self._colors[position - 1].order > entry.order:
            position -= 1
        self._colors.insert(position, entry)
        partner = self._nearest(self._depths, stamp)
        if partner is not None:
            self._depths.remove(partner)
            self._pair(entry, partner)
        if self._live:
            self._drop_obsolete()
            while len(self._colors) > self._capacity:
                self._colors.pop(0)
                self.counters.dropped += 1

    def add_depth(self, stamp: int, item: Any, now: float) -> None:
        """Take in a depth image."""
        self.counters.depth_received += 1
        self._last_depth = now
        if self._depth_stream.is_duplicate(stamp):
            self.counters.duplicates += 1
            return
        if self._depth_stream.advance(stamp):
            self.counters.clock_jumps += 1
            self.counters.unmatched_depth += len(self._depths)
            self._depths.clear()
        entry = _Depth(self.counters.depth_received, stamp, item)
        partner = self._nearest([color for color in self._colors if not color.ready], stamp)
        if partner is not None:
            self._pair(partner, entry)
            if self._live:
                self._drop_obsolete()
            return
        self._depths.append(entry)
        # The oldest by arrival goes, never the smallest stamp: after a step back of the clock that is the newest.
        while len(self._depths) > self._capacity:
            self._depths.pop(0)
            self.counters.unmatched_depth += 1

    def take(self, now: float) -> Optional[Pair]:
        """The next image to work on, or None when none is ready."""
        waits = self._expects_depth(now)
        for entry in self._colors:
            if not entry.ready and (not waits or now - entry.arrival >= self._patience):
                self._release(entry)
        if self._live:
            self._drop_obsolete()
        if not self._colors or not self._colors[0].ready:
            return None
        entry = self._colors.pop(0)
        self._last_taken = entry.order
        self.counters.taken += 1
        return Pair(entry.stamp, entry.item, entry.depth)

    def _expects_depth(self, now: float) -> bool:
        # Depth may connect a moment later than colour: without any yet, its time counts from the first colour image.
        latest = self._first_color if self._last_depth is None else self._last_depth
        return self._use_depth and latest is not None and now - latest <= self._depth_timeout

    def _nearest(self, entries: List[Any], stamp: int) -> Optional[Any]:
        best = min(entries, key=lambda entry: abs(entry.stamp - stamp), default=None)
        return best if best is not None and abs(best.stamp - stamp) <= self._slop else None

    def _pair(self, entry: _Color, depth: _Depth) -> None:
        self._newest_pair = max(self._newest_pair, (depth.number, entry.stamp))
        entry.depth = depth.item
        entry.ready = True
        self.counters.paired += 1

    def _release(self, entry: _Color) -> None:
        if not entry.ready:
            entry.ready = True
            self.counters.unmatched_color += 1

    def _drop_obsolete(self) -> None:
        newest = max((i for i, entry in enumerate(self._colors) if entry.ready), default=0)
        self.counters.dropped += newest
        del self._colors[:newest]
