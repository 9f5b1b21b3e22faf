"""The depth images of a rosbag, found by the stamps of its colour images."""

from __future__ import annotations

import struct
from collections import Counter, deque
from collections.abc import Iterator

import numpy as np

from rt_seg.recordings.bag import AnyBag
from rt_seg.recordings.image_messages import ConversionError, check_depth_size, depth_to_metres

DEPTH_NAME = "aligned_depth_to_color/image_raw"
COMPRESSED_NAME = f"{DEPTH_NAME}/compressedDepth"
"""Ends of the names of a RealSense camera's topics of depth aligned to colour: raw, and by image_transport."""
SLOP = 10_000_000
"""Nanoseconds by which the stamps of colour and depth may differ, as in the live node."""
UNSTAMPED_SLOP = 20_000_000
"""The same of times of recording, which stand for stamps of 0: below the period of a camera of 30 Hz."""
REACH = 1_000_000_000
"""Nanoseconds of the recording's time by which depth may have been recorded before or after its colour image."""
_STAMP = struct.Struct("<II")


def depth_topic(topics: dict[str, str], color: str) -> str | None:
    """The topic of aligned depth that belongs to the topic `color`, of `topics` {name: type}; None without any.

    That of the same camera, else the only one.
    """
    for ending in (DEPTH_NAME, COMPRESSED_NAME):
        found = [name for name in topics if name.endswith(ending)]
        camera = color.rpartition("color/image_raw")[0]
        if camera + ending in found:
            return camera + ending
        if len(found) == 1:
            return found[0]
    return None


class BagDepth:
    """Walks through the depth of a bag beside the reader of its colour; holds two times REACH of it at most.

    Attributes: refused, why colour images have no depth, in words, with how many.
    """

    def __init__(self, bag: AnyBag, topic: str, store) -> None:
        """`bag`: an open one of its own; `store`: the types of the messages of ROS 1."""
        self._messages: Iterator = (
            (stream, time, bag.ros1(stream, data)) for stream, time, data in bag.messages([topic])
        )
        self._topic = topic
        self._store = store
        self._near: deque[tuple[int, int, str, bytes]] = deque()
        self._ahead = next(self._messages, None)
        self.refused: Counter[str] = Counter()

    def at(self, stamp: int, recorded: int, width: int, height: int) -> np.ndarray | None:
        """Depth, float32 (height, width) metres, NaN without a reading, of the colour image with this stamp and size.

        `stamp` and `recorded`, when the image was recorded, in nanoseconds. An image without a stamp (0) gets the
        depth without one that was recorded with it. None where there is none that can be used, which `refused` counts.
        """
        while self._ahead is not None and self._ahead[1] <= recorded + REACH:
            connection, time, data = self._ahead
            # A serialised header: its number, then the stamp's seconds and nanoseconds.
            seconds, nanoseconds = _STAMP.unpack_from(data, 4)
            self._near.append((seconds * 10**9 + nanoseconds, time, connection.msgtype, data))
            self._ahead = next(self._messages, None)
        while self._near and self._near[0][1] < recorded - REACH:
            self._near.popleft()
        if stamp:
            found = min(self._near, key=lambda entry: abs(entry[0] - stamp), default=None)
            fits = found is not None and abs(found[0] - stamp) <= SLOP
        else:
            unstamped = (entry for entry in self._near if not entry[0])
            found = min(unstamped, key=lambda entry: abs(entry[1] - recorded), default=None)
            fits = found is not None and abs(found[1] - recorded) <= UNSTAMPED_SLOP
        if found is None or not fits:
            near = f"{SLOP // 10**6} ms" if stamp else f"{UNSTAMPED_SLOP // 10**6} ms of recording, without stamps"
            self.refused[f"no depth on {self._topic} within {near}"] += 1
            return None
        try:
            depth = depth_to_metres(self._store.deserialize_ros1(found[3], found[2]))
            check_depth_size(depth.shape[1], depth.shape[0], width, height)
        except ConversionError as error:
            self.refused[f"{self._topic}: {error}"] += 1
            return None
        return depth
