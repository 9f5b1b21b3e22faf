"""Bags of every kind, read and written alike: rosbag (ROS 1), rosbag2 (SQLite and MCAP), and MCAP of ROS 1 messages.

Whatever the kind, `AnyBag.ros1` gives a message in the serialisation of ROS 1, which both halves read. `writer_like`
writes a bag of the same kind. MCAP of ROS 1 follows the profile `ros1` (mcap.dev/spec/registry), which viewers open.
"""
from __future__ import annotations

import contextlib
import os
import shutil
import struct
from pathlib import Path
from typing import Any, Collection, Dict, Iterator, List, NamedTuple, Optional, Tuple, Type

import numpy as np

from rt_seg.recordings.bag_files import is_ros2_database

ROS1, ROS2, MCAP_ROS1 = "rosbag", "rosbag2", "MCAP of ROS 1"
IMAGE, COMPRESSED_IMAGE = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
METADATA = "metadata.yaml"
"""In the folder of a rosbag2."""
_MAGIC = b"\x89MCAP0\r\n"


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


def _rosbags() -> Any:
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


def _mcap() -> Any:
    try:
        import mcap.reader
        import mcap.writer
    except ImportError as error:
        raise AnyBagError(f"needs the package mcap: 'pip install mcap' ({error})") from error
    return mcap


class AnyBag:
    """A bag that is open for reading, as a context. Damage shows as AnyBagError, or as OSError."""

    kind = ""
    streams: List[Stream]

    def __init__(self, path: Path) -> None:
        self.path = path

    def messages(self, topics: Optional[Collection[str]] = None) -> Iterator[Tuple[Stream, int, bytes]]:
        """(stream, time of recording in nanoseconds, message as it lies there), in the order of recording."""
        raise NotImplementedError

    def ros1(self, stream: Stream, data: bytes) -> bytes:
        """A message in the serialisation of ROS 1."""
        raise NotImplementedError

    def writer_like(self, path: Path) -> BagCopy:
        """A bag of the same kind, to be written at `path`."""
        raise NotImplementedError

    def __enter__(self) -> AnyBag:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class BagCopy:
    """A bag that is being written, as a context; it appears whole at the context's end, or not at all."""

    def __init__(self, source: AnyBag, path: Path) -> None:
        self._source = source
        self.path = path
        self.temporary = path.with_name(f".{path.name}.{os.getpid()}.part")

    def __enter__(self) -> BagCopy:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._open()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], *_: object) -> None:
        try:
            self._close()
            if kind is None:
                self._keep()
        finally:
            self._discard()

    def _open(self) -> None:
        raise NotImplementedError

    def _close(self) -> None:
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
        raise NotImplementedError

    def write_image(self, topic: str, time: int, moment: Moment, pixels: np.ndarray, encoding: str) -> None:
        """Write an image, (H, W) or (H, W, C), recorded at `time` nanoseconds."""
        raise NotImplementedError


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


class _Ros1Bag(AnyBag):
    kind = ROS1

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._library = _rosbags()
        self.reader = self._library.rosbag1.Reader(path)
        self.reader.open()
        self._of = {connection.id: connection for connection in self.reader.connections}
        self.streams = [Stream(c.id, c.topic, c.msgtype, c.msgcount) for c in self.reader.connections]

    def messages(self, topics: Optional[Collection[str]] = None) -> Iterator[Tuple[Stream, int, bytes]]:
        by_id = {stream.id: stream for stream in self.streams}
        wanted = [c for c in self.reader.connections if topics is None or c.topic in topics]
        if wanted:
            for connection, time, data in self.reader.messages(connections=wanted):
                yield by_id[connection.id], time, data

    def ros1(self, stream: Stream, data: bytes) -> bytes:
        return data

    def writer_like(self, path: Path) -> BagCopy:
        return _Ros1Copy(self, path)

    def __exit__(self, *_: object) -> None:
        self.reader.close()


def _compress(data: bytes) -> bytes:
    """LZ4 as roslz4 writes it: it refuses the linked blocks that rosbags' own compressor makes."""
    import lz4.frame

    return bytes(lz4.frame.compress(data, block_linked=False, content_checksum=True, store_size=False))


class _Ros1Copy(BagCopy):
    _source: _Ros1Bag

    def _open(self) -> None:
        library = _rosbags()
        self._store = library.typesys.get_typestore(library.typesys.Stores.ROS1_NOETIC)
        self._writer = library.rosbag1.Writer(self.temporary)
        self._writer.set_compression(self._writer.CompressionFormat.LZ4)
        self._writer.compressor = _compress
        self._writer.open()
        self._added: Dict[str, Any] = {}
        self._copies: Dict[int, Any] = {}
        known: Dict[Tuple[Any, ...], Any] = {}
        for connection in self._source.reader.connections:
            options = {
                "msgdef": connection.msgdef.data, "md5sum": connection.digest,
                "callerid": connection.ext.callerid, "latching": connection.ext.latching,
            }  # fmt: skip
            # A bag may hold one connection several times, a publisher that came again; one copy serves all.
            key = (connection.topic, connection.msgtype, *options.values())
            if key not in known:
                known[key] = self._writer.add_connection(connection.topic, connection.msgtype, **options)
            self._copies[connection.id] = known[key]

    def _close(self) -> None:
        self._writer.close()

    def copy(self, stream: Stream, time: int, data: bytes) -> None:
        self._writer.write(self._copies[stream.id], time, data)

    def write_image(self, topic: str, time: int, moment: Moment, pixels: np.ndarray, encoding: str) -> None:
        if topic not in self._added:
            self._added[topic] = self._writer.add_connection(topic, IMAGE, typestore=self._store)
        message = _stamped_image(self._store, moment, pixels, encoding)
        self._writer.write(self._added[topic], time, self._store.serialize_ros1(message, IMAGE))


def _learn(store: Any, connection: Any) -> None:
    """Add a message type that a bag brings the definition of, where the store lacks it."""
    library = _rosbags()
    definition = connection.msgdef
    if connection.msgtype in store.types or definition.format.name != "MSG":
        return
    with contextlib.suppress(library.typesys.TypesysError):  # then its messages are copied, and not read
        types = library.typesys.get_types_from_msg(definition.data, connection.msgtype)
        store.register({name: kind for name, kind in types.items() if name not in store.types})


class _Ros2Bag(AnyBag):
    kind = ROS2

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        library = _rosbags()
        try:
            self.reader = library.rosbag2.Reader(path)
            self.reader.open()
        except library.rosbag2.ReaderError as error:
            raise AnyBagError(f"cannot be read as a bag of ROS 2: {error}") from error
        self._store = library.typesys.get_typestore(library.typesys.Stores.ROS2_HUMBLE)
        for connection in self.reader.connections:
            _learn(self._store, connection)
        self.streams = [Stream(c.id, c.topic, c.msgtype, c.msgcount) for c in self.reader.connections]

    def messages(self, topics: Optional[Collection[str]] = None) -> Iterator[Tuple[Stream, int, bytes]]:
        library = _rosbags()
        by_id = {stream.id: stream for stream in self.streams}
        wanted = [c for c in self.reader.connections if topics is None or c.topic in topics]
        try:
            if wanted:
                for connection, time, data in self.reader.messages(connections=wanted):
                    yield by_id[connection.id], time, data
        except library.rosbag2.ReaderError as error:
            raise AnyBagError(f"is damaged: {error}") from error

    def ros1(self, stream: Stream, data: bytes) -> bytes:
        try:
            return bytes(self._store.cdr_to_ros1(data, stream.msgtype))
        except (_rosbags().serde.SerdeError, KeyError) as error:
            raise AnyBagError(f"{stream.topic} holds a {stream.msgtype} that cannot be read: {error}") from error

    def writer_like(self, path: Path) -> BagCopy:
        return _Ros2Copy(self, path)

    def __exit__(self, *_: object) -> None:
        self.reader.close()


class _Ros2Copy(BagCopy):
    """Written as a folder in a temporary one; of a source that is a single file, the file in it is kept alone."""

    _source: _Ros2Bag

    def _open(self) -> None:
        library = _rosbags()
        self._library = library
        self._store = library.typesys.get_typestore(library.typesys.Stores.ROS2_HUMBLE)
        self.temporary.mkdir()
        self._folder = self.temporary / self.path.stem
        plugin = library.rosbag2.StoragePlugin
        storage = plugin.MCAP if self._is_mcap() else plugin.SQLITE3
        self._writer = library.rosbag2.Writer(self._folder, version=8, storage_plugin=storage)
        self._writer.open()
        self._added: Dict[str, Any] = {}
        self._copies = {connection.id: self._copied(connection) for connection in self._source.reader.connections}

    def _is_mcap(self) -> bool:
        path = self._source.path
        return any(path.glob("*.mcap")) if path.is_dir() else path.suffix == ".mcap"

    def _copied(self, connection: Any) -> Any:
        options: Dict[str, Any] = {"offered_qos_profiles": connection.ext.offered_qos_profiles}
        if connection.msgdef.data and connection.digest:
            options.update(msgdef=connection.msgdef.data, rihs01=connection.digest)
        else:  # as in older bags
            _learn(self._store, connection)
            options.update(typestore=self._store)
        return self._writer.add_connection(connection.topic, connection.msgtype, **options)

    def _close(self) -> None:
        self._writer.close()

    def _keep(self) -> None:
        if self._source.path.is_dir():
            if self.path.is_dir():
                shutil.rmtree(str(self.path))  # a folder takes no other's place
            os.replace(str(self._folder), str(self.path))
            return
        (stored,) = (path for path in self._folder.iterdir() if path.name != METADATA)
        os.replace(str(stored), str(self.path))

    def copy(self, stream: Stream, time: int, data: bytes) -> None:
        self._writer.write(self._copies[stream.id], time, data)

    def write_image(self, topic: str, time: int, moment: Moment, pixels: np.ndarray, encoding: str) -> None:
        if topic not in self._added:
            self._added[topic] = self._writer.add_connection(topic, IMAGE, typestore=self._store)
        message = _stamped_image(self._store, moment, pixels, encoding)
        self._writer.write(self._added[topic], time, self._store.serialize_cdr(message, IMAGE))


class _Mcap1Bag(AnyBag):
    kind = MCAP_ROS1

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        library = _mcap()
        self._file = path.open("rb")
        try:
            self._reader = library.reader.make_reader(self._file)
            summary = self._reader.get_summary()
        except Exception as error:  # of many kinds, for one cause
            self._file.close()
            raise AnyBagError(f"cannot be read as MCAP: {type(error).__name__}: {error}") from error
        if summary is None or summary.statistics is None:
            self._file.close()
            raise AnyBagError("has no summary: its recording was broken off. 'mcap recover' mends it")
        self.schemas, self.channels = summary.schemas, summary.channels
        foreign = [c.topic for c in self.channels.values() if c.message_encoding != "ros1"]
        counts = summary.statistics.channel_message_counts
        self.streams = [
            Stream(c.id, c.topic, self.schemas[c.schema_id].name.replace("/", "/msg/"), counts.get(c.id, 0))
            for c in self.channels.values()
            if c.topic not in foreign
        ]
        if not self.streams:
            self._file.close()
            raise AnyBagError(f"holds no messages of ROS 1 or 2, only {', '.join(foreign) or 'nothing'}")

    def messages(self, topics: Optional[Collection[str]] = None) -> Iterator[Tuple[Stream, int, bytes]]:
        by_id = {stream.id: stream for stream in self.streams}
        wanted = None if topics is None else list(topics)
        try:
            for _, channel, message in self._reader.iter_messages(topics=wanted):
                if channel.id in by_id:
                    yield by_id[channel.id], message.log_time, message.data
        except Exception as error:
            if isinstance(error, (GeneratorExit, OSError)):
                raise
            raise AnyBagError(f"is damaged: {type(error).__name__}: {error}") from error

    def ros1(self, stream: Stream, data: bytes) -> bytes:
        return data

    def writer_like(self, path: Path) -> BagCopy:
        return _Mcap1Copy(self, path)

    def __exit__(self, *_: object) -> None:
        self._file.close()


class Mcap1Writer:
    """Messages of ROS 1 into an MCAP file, by the profile `ros1`."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._writer = _mcap().writer.Writer(self._file)
        self._writer.start(profile="ros1", library="rt_seg")
        self._schemas: Dict[Tuple[str, bytes], int] = {}

    def add_channel(self, topic: str, kind: str, definition: bytes, metadata: Dict[str, str]) -> int:
        """A topic; `kind` as in sensor_msgs/Image, `definition` its text with those of what it holds."""
        key = (kind, definition)
        if key not in self._schemas:
            self._schemas[key] = self._writer.register_schema(kind, "ros1msg", definition)
        return int(self._writer.register_channel(topic, "ros1", self._schemas[key], metadata))

    def write(self, channel: int, time: int, data: bytes) -> None:
        """Write a message that was recorded at `time` nanoseconds."""
        self._writer.add_message(channel, time, data, time)

    def close(self) -> None:
        """End the file: without it there is no index."""
        self._writer.finish()
        self._file.close()


class _Mcap1Copy(BagCopy):
    _source: _Mcap1Bag

    def _open(self) -> None:
        library = _rosbags()
        self._store = library.typesys.get_typestore(library.typesys.Stores.ROS1_NOETIC)
        self._writer = Mcap1Writer(self.temporary)
        self._copies: Dict[int, int] = {}
        self._added: Dict[str, int] = {}
        for channel in self._source.channels.values():
            schema = self._source.schemas[channel.schema_id]
            if channel.message_encoding == "ros1":
                self._copies[channel.id] = self._writer.add_channel(
                    channel.topic, schema.name, schema.data, channel.metadata
                )

    def _close(self) -> None:
        self._writer.close()

    def copy(self, stream: Stream, time: int, data: bytes) -> None:
        self._writer.write(self._copies[stream.id], time, data)

    def write_image(self, topic: str, time: int, moment: Moment, pixels: np.ndarray, encoding: str) -> None:
        if topic not in self._added:
            definition, md5sum = self._store.generate_msgdef(IMAGE)
            self._added[topic] = self._writer.add_channel(
                topic, IMAGE.replace("/msg/", "/"), definition.encode("utf-8"), {"md5sum": md5sum}
            )
        message = _stamped_image(self._store, moment, pixels, encoding)
        self._writer.write(self._added[topic], time, bytes(self._store.serialize_ros1(message, IMAGE)))


_KINDS: Dict[str, Type[AnyBag]] = {kind.kind: kind for kind in (_Ros1Bag, _Ros2Bag, _Mcap1Bag)}


@contextlib.contextmanager
def open_bag(path: Path) -> Iterator[AnyBag]:
    """A bag of any kind. Raises FileNotFoundError, AnyBagError, and what rosbags raises of a damaged bag of ROS 1."""
    if not path.exists():
        raise FileNotFoundError(path)
    kind = kind_of_bag(path)
    if kind is None:
        raise AnyBagError("is no bag; accepted are .bag, .mcap, .db3 and the folder of a rosbag2")
    with _KINDS[kind](path) as bag:
        yield bag
