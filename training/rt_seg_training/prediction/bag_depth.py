"""The depth images of a rosbag, found by the stamps of its colour images."""
from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator

import cv2
import numpy as np
from rosbags.rosbag1 import Reader

DEPTH_NAME = "aligned_depth_to_color/image_raw"
COMPRESSED_NAME = f"{DEPTH_NAME}/compressedDepth"
"""Ends of the names of a RealSense camera's topics of depth aligned to colour: raw, and by image_transport."""
SLOP = 10_000_000
"""Nanoseconds by which the stamps of colour and depth may differ, as in the live node."""
REACH = 1_000_000_000
"""Nanoseconds of the recording's time by which depth may have been recorded before or after its colour image."""
_STAMP = struct.Struct("<II")
_CONFIG_BYTES = 12
"""Of compressedDepth, before the PNG."""


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


def depth_of(message) -> np.ndarray | None:
    """Depth of an Image or CompressedImage message, (H, W), uint16 millimetres or float32 metres.

    None for what is no depth image: of another encoding, or cut.
    """
    if not hasattr(message, "encoding"):
        data = np.asarray(message.data)[_CONFIG_BYTES:]
        if not message.format.startswith("16UC1") or not data.size:
            return None
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        return pixels if pixels is not None and pixels.dtype == np.uint16 and pixels.ndim == 2 else None
    kind = {"16UC1": np.uint16, "mono16": np.uint16, "32FC1": np.float32}.get(message.encoding)
    if kind is None:
        return None
    row = message.width * np.dtype(kind).itemsize
    if message.step < row or not row * message.height or len(message.data) < message.step * (message.height - 1) + row:
        return None
    strides = (message.step, np.dtype(kind).itemsize)
    view = np.ndarray((message.height, message.width), kind, np.ascontiguousarray(message.data), strides=strides)
    return np.ascontiguousarray(view)


class BagDepth:
    """Walks through the depth of a bag beside the reader of its colour; holds two times REACH of it at most."""

    def __init__(self, reader: Reader, topic: str, store) -> None:
        """`reader`: an open one of its own; `store`: the types of the messages."""
        connections = [connection for connection in reader.connections if connection.topic == topic]
        self._messages: Iterator = reader.messages(connections=connections)
        self._store = store
        self._near: deque[tuple[int, int, str, bytes]] = deque()
        self._ahead = next(self._messages, None)

    def at(self, stamp: int, recorded: int) -> np.ndarray | None:
        """Depth of the colour image with this stamp, recorded at that time, both in nanoseconds; None without any."""
        while self._ahead is not None and self._ahead[1] <= recorded + REACH:
            connection, time, data = self._ahead
            # A serialised header: its number, then the stamp's seconds and nanoseconds.
            seconds, nanoseconds = _STAMP.unpack_from(data, 4)
            self._near.append((seconds * 10**9 + nanoseconds, time, connection.msgtype, data))
            self._ahead = next(self._messages, None)
        while self._near and self._near[0][1] < recorded - REACH:
            self._near.popleft()
        found = min(self._near, key=lambda entry: abs(entry[0] - stamp), default=None)
        if found is None or abs(found[0] - stamp) > SLOP:
            return None
        return depth_of(self._store.deserialize_ros1(found[3], found[2]))
