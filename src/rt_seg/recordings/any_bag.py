"""Opens bags of every kind, by their content: rosbag (ROS 1), rosbag2 (SQLite and MCAP), MCAP of ROS 1 messages.

Whatever the kind, `AnyBag.ros1` gives a message in the serialisation of ROS 1, which both halves read. `writer_like`
writes a bag of the same kind.
"""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path
from typing import Dict, Iterator, Optional, Type

from rt_seg.recordings.bag import MCAP_ROS1, METADATA, ROS1, ROS2, AnyBag, AnyBagError
from rt_seg.recordings.bag_files import is_ros2_database
from rt_seg.recordings.mcap_ros1 import McapBag
from rt_seg.recordings.rosbag_files import Ros1Bag, Ros2Bag

_KINDS: Dict[str, Type[AnyBag]] = {kind.kind: kind for kind in (Ros1Bag, Ros2Bag, McapBag)}
_MAGIC = b"\x89MCAP0\r\n"


def kind_of_bag(path: Path) -> Optional[str]:
    """Which kind of bag this is, by its content; None for another file or folder. Raises OSError."""
    if path.is_dir():
        return ROS2 if (path / METADATA).is_file() else None
    if path.suffix == ".bag":
        return ROS1
    if path.suffix == ".db3":
        return ROS2 if is_ros2_database(path) else None
    if path.suffix != ".mcap":
        return None
    with path.open("rb") as stream:
        start = stream.read(64)
    if not start.startswith(_MAGIC):
        return None
    (length,) = struct.unpack_from("<I", start, 17) if len(start) >= 21 else (0,)
    return ROS2 if start[21 : 21 + length] == b"ros2" else MCAP_ROS1


@contextlib.contextmanager
def open_bag(path: Path) -> Iterator[AnyBag]:
    """A bag of any kind. Raises FileNotFoundError, AnyBagError, and what rosbags raises of a damaged bag of ROS 1."""
    if not path.exists():
        raise FileNotFoundError(path)
    kind = kind_of_bag(path)
    if kind is None:
        raise AnyBagError("is not a bag; accepted are .bag, .mcap, .db3 and the folder of a rosbag2")
    with _KINDS[kind](path) as bag:
        yield bag
