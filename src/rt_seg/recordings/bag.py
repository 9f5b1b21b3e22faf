"""Common interface of all bags, for reading and writing: rosbag (ROS 1), rosbag2, and MCAP of ROS 1 messages."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Collection, Dict, Iterator, List, NamedTuple, Optional, Tuple, Type

import numpy as np

ROS1, ROS2, MCAP_ROS1 = "rosbag", "rosbag2", "MCAP of ROS 1"
IMAGE, COMPRESSED_IMAGE = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
METADATA = "metadata.yaml"
"""In the folder of a rosbag2."""


class AnyBagError(ValueError):
    """A bag cannot be read or written; the text says why and what to do, without the bag's name."""


class Stream(NamedTuple):
    """One topic of a bag, of one publisher; `msgtype` as in sensor_msgs/msg/Image, of ROS 1, too."""

    id: int
    topic: str
    msgtype: str
    msgcount: int


class Moment(NamedTuple):
    """The header of an image; ROS 2 has no number in it."""

    seconds: int
    nanoseconds: int
    frame_id: str
    number: int = 0


def rosbags_library() -> Any:
    try:
        import rosbags.rosbag1
        import rosbags.rosbag2
        import rosbags.serde
        import rosbags.typesys
    except ImportError as error:
        raise AnyBagError(
            f"needs the package rosbags, which needs Python 3.10 or newer ({error}): 'pip install rosbags', or convert "
            "the bag on another computer with rosbags-convert"
        ) from error
    return rosbags


class AnyBag:
    """A bag that is open for reading, as a context. Damage shows as AnyBagError, or as OSError."""

    kind = ""
    streams: List[Stream]

    def __init__(self, path: Path) -> None:
        self.path = path

    def messages(self, topics: Optional[Collection[str]] = None) -> Iterator[Tuple[Stream, int, bytes]]:
        """(stream, time of recording in nanoseconds, message as it lies there), in the order of recording."""
        by_id = {stream.id: stream for stream in self.streams}
        for number, time, data in self._records(topics):
            if number in by_id:
                yield by_id[number], time, data

    def _records(self, topics: Optional[Collection[str]]) -> Iterator[Tuple[int, int, bytes]]:
        """(id of the stream, time, message) of these topics, or of all."""
        raise NotImplementedError

    def ros1(self, stream: Stream, data: bytes) -> bytes:
        """A message in the serialisation of ROS 1."""
        return data

    def writer_like(self, path: Path) -> BagCopy:
        """A bag of the same kind, to be written at `path`."""
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> AnyBag:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()


class BagCopy:
    """A bag that is being written, as a context; it appears whole at the context's end, or not at all."""

    _store: Any
    """The message types, of `rosbags`."""
    _writer: Any
    """Has `write(connection, time, data)` and `close()`."""
    _copies: Dict[int, Any]
    """Id of a stream of the source → its connection in the copy."""

    def __init__(self, source: AnyBag, path: Path) -> None:
        self._source = source
        self.path = path
        self.temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._added: Dict[str, Any] = {}

    def __enter__(self) -> BagCopy:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._open()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], *_: object) -> None:
        try:
            self._writer.close()
            if kind is None:
                self._keep()
        finally:
            self._discard()

    def _open(self) -> None:
        """Sets `_store`, `_writer` and `_copies`."""
        raise NotImplementedError

    def _keep(self) -> None:
        os.replace(str(self.temporary), str(self.path))

    def _discard(self) -> None:
        if self.temporary.is_dir():
            shutil.rmtree(str(self.temporary))
        elif self.temporary.exists():
            self.temporary.unlink()

    def copy(self, stream: Stream, time: int, data: bytes) -> None:
        """Write a message of the source as it is."""
        self._writer.write(self._copies[stream.id], time, data)

    def write_image(self, topic: str, time: int, moment: Moment, pixels: np.ndarray, encoding: str) -> None:
        """Write an image, (H, W) or (H, W, C), recorded at `time` nanoseconds."""
        if topic not in self._added:
            self._added[topic] = self._add_images(topic)
        message = _stamped_image(self._store, moment, pixels, encoding)
        self._writer.write(self._added[topic], time, self._serialized(message))

    def _add_images(self, topic: str) -> Any:
        """A connection for images that the source does not have."""
        return self._writer.add_connection(topic, IMAGE, typestore=self._store)

    def _serialized(self, image: Any) -> bytes:
        return bytes(self._store.serialize_ros1(image, IMAGE))


def _stamped_image(store: Any, moment: Moment, pixels: np.ndarray, encoding: str) -> Any:
    """The image message of a type store of ROS 1 or 2."""
    height, width = pixels.shape[:2]
    data = np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)
    stamp = store.types["builtin_interfaces/msg/Time"](moment.seconds, moment.nanoseconds)
    header_type = store.types["std_msgs/msg/Header"]
    fields = {"stamp": stamp, "frame_id": moment.frame_id}
    if "seq" in header_type.__dataclass_fields__:
        fields["seq"] = moment.number
    return store.types[IMAGE](header_type(**fields), height, width, encoding, 0, len(data) // height, data)
