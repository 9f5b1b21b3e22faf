"""What a file that cannot be read as a rosbag is, and what to do about it."""

from __future__ import annotations

import contextlib
import sqlite3
import struct
from pathlib import Path
from typing import Dict, Optional

SUFFIX = ".bag"
FOREIGN_SUFFIXES = (".mcap", ".db3", ".active")
"""Of recordings that are no finished bags of ROS 1."""

_ROSBAG, _MCAP, _SQLITE = b"#ROSBAG V", b"\x89MCAP", b"SQLite format 3\0"
_CONVERT = "'rosbags-convert --src {path} --dst {stem}.bag' converts it to a bag of ROS 1 ('pip install rosbags')"
_REINDEX = "'rosbag reindex {path}' repairs it, as far as possible, and keeps the old file as {stem}.orig.bag"


def fault_of_bag(path: Path) -> Optional[str]:
    """Why `path` is no bag of ROS 1 that can be read, in words that follow its name, with the remedy; None for one
    that can be, as far as its beginning tells. Raises OSError."""
    if path.is_dir():
        kind = "a bag of ROS 2" if (path / "metadata.yaml").is_file() else "a folder"
        remedy = _filled(_CONVERT, path) if (path / "metadata.yaml").is_file() else "Pass a .bag inside it"
        return f"is {kind}, not a bag of ROS 1. {remedy}"
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(4096)
    if path.suffix == ".active":
        return (
            "is still being recorded, or its recorder was killed. Stop the recording; otherwise "
            f"'rosbag reindex {path}', and then rename it to {path.with_suffix('')}"
        )
    if start.startswith(_MCAP):
        return f"is an MCAP file, as ROS 2 records, not a bag of ROS 1. {_filled(_CONVERT, path)}"
    if start.startswith(_SQLITE):
        return (
            f"is an SQLite file, as ROS 2 and newer RealSense SDKs record (.db3), not a bag of ROS 1. "
            f"{_filled(_CONVERT, path)}; 'rosrun rt_seg capture' reads recordings of the SDK directly"
        )
    if not start:
        return "is empty. Record again"
    if not start.startswith(_ROSBAG):
        return f"is not a bag of ROS 1: it starts with {start[:12]!r}. 'rosrun rt_seg make_recording' creates one"
    if not start.startswith(b"#ROSBAG V2.0\n"):
        version = start[len(_ROSBAG) : len(_ROSBAG) + 3].decode("ascii", "replace")
        target = f"{path.with_suffix('')}_2.bag"
        return f"is a bag of the old version {version}; 'rosbag fix {path} {target}' brings it to 2.0"
    index = _index_position(start)
    if index is None:
        return f"is damaged in its first record. {_filled(_REINDEX, path)}"
    if index == 0:
        return f"has no index: its recording was interrupted. {_filled(_REINDEX, path)}"
    if index >= size:
        return f"is truncated: its index is at byte {index}, but the file has {size}. {_filled(_REINDEX, path)}"
    return None


def is_ros2_database(path: Path) -> bool:
    """Whether a .db3 file holds the topics of ROS 2, and not those of a recording of the RealSense SDK."""
    if not path.is_file():
        return False
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            names = [str(name) for (name,) in database.execute("SELECT name FROM topics")]
    except sqlite3.Error:
        return False
    return bool(names) and not any(name.startswith("/device_") for name in names)


def _filled(remedy: str, path: Path) -> str:
    return remedy.format(path=path, stem=path.with_suffix(""))


def _index_position(start: bytes) -> Optional[int]:
    """`index_pos` of the bag's header record; None where there is no such."""
    place = len(b"#ROSBAG V2.0\n")
    try:
        (length,) = struct.unpack_from("<I", start, place)
        end = place + 4 + length
        place += 4
        fields: Dict[bytes, bytes] = {}
        while place < end:
            (size,) = struct.unpack_from("<I", start, place)
            name, separator, value = start[place + 4 : place + 4 + size].partition(b"=")
            if not separator:
                return None
            fields[name] = value
            place += 4 + size
        return struct.unpack("<Q", fields[b"index_pos"])[0]
    except (struct.error, KeyError):
        return None
