"""Large messages without copies of their data: read as a view of what was received, and sent from the array itself.

genpy's classes cut the data out of what came, and on the way out join it to its length before it is written: with what
made bytes of the array, that is four copies of each image, of a megabyte each at 640×480. The classes here have the
same fields, type and wire format. Their `data` is a memoryview of bytes.
"""

from __future__ import annotations

import copy
import struct
from io import BytesIO
from typing import Any

import numpy as np
from sensor_msgs.msg import Image, PointCloud2

_LENGTH = struct.Struct("<I")


def bytes_of(array: np.ndarray) -> memoryview:
    """The bytes of an array, row by row: those that it lies in, unless they have gaps. It must stay as it is until the
    message was published."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _serialize(message: Any, kind: type, after_data: int, buffer: BytesIO) -> None:
    """Write a message whose data is followed by `after_data` bytes."""
    small = copy.copy(message)
    small.data = b""
    written = BytesIO()
    kind.serialize(small, written)  # type: ignore[attr-defined]
    around = written.getvalue()
    place = len(around) - after_data - _LENGTH.size
    buffer.write(around[:place])
    buffer.write(_LENGTH.pack(len(message.data)))
    buffer.write(message.data)
    buffer.write(around[place + _LENGTH.size :])


class ArrayImage(Image):
    """sensor_msgs/Image; `data` of one that is sent: `bytes_of` the pixels."""

    __slots__ = Image.__slots__  # by which genpy knows the fields

    def serialize(self, buff: BytesIO) -> None:
        """Write the message."""
        _serialize(self, Image, 0, buff)

    def deserialize(self, str: bytes) -> ArrayImage:  # the name that genpy gives it
        """Read the message; `data` is a view of what is given. Raises struct.error where that is cut off."""
        place = 12
        place += _LENGTH.size + _LENGTH.unpack_from(str, place)[0] + 8  # frame_id, height, width
        place += _LENGTH.size + _LENGTH.unpack_from(str, place)[0] + 1 + 4  # encoding, is_bigendian, step
        (length,) = _LENGTH.unpack_from(str, place)
        super().deserialize(str[:place] + _LENGTH.pack(0))
        self.data = memoryview(str)[place + _LENGTH.size : place + _LENGTH.size + length]
        return self


class ArrayCloud(PointCloud2):
    """sensor_msgs/PointCloud2 to be sent; `data`: `bytes_of` the points."""

    __slots__ = PointCloud2.__slots__

    def serialize(self, buff: BytesIO) -> None:
        """Write the message."""
        _serialize(self, PointCloud2, 1, buff)
