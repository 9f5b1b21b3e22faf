"""Bags of ROS 1 and of ROS 2 (SQLite and MCAP), by the library rosbags."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any, Collection, Dict, Iterator, Optional, Tuple

from rt_seg.recordings.bag import IMAGE, METADATA, ROS1, ROS2, AnyBag, AnyBagError, BagCopy, Stream, rosbags_library


class LibraryBag(AnyBag):
    """What the readers of both have in common; `_damage`: what they raise of a damaged bag."""

    _damage: Any = ()

    def __init__(self, path: Path, reader: Any) -> None:
        super().__init__(path)
        self.reader = reader
        self.reader.open()
        self.streams = [Stream(c.id, c.topic, c.msgtype, c.msgcount) for c in self.reader.connections]

    def _records(self, topics: Optional[Collection[str]]) -> Iterator[Tuple[int, int, bytes]]:
        wanted = [c for c in self.reader.connections if topics is None or c.topic in topics]
        try:
            if wanted:
                for connection, time, data in self.reader.messages(connections=wanted):
                    yield connection.id, time, data
        except self._damage as error:
            raise AnyBagError(f"is damaged: {error}") from error

    def _close(self) -> None:
        self.reader.close()


class Ros1Bag(LibraryBag):
    """A rosbag. What rosbags raises of a damaged one comes through: the caller knows the remedy."""

    kind = ROS1

    def __init__(self, path: Path) -> None:
        super().__init__(path, rosbags_library().rosbag1.Reader(path))

    def writer_like(self, path: Path) -> BagCopy:
        return _Ros1Copy(self, path)


def _compress(data: bytes) -> bytes:
    """LZ4 as roslz4 writes it: it refuses the linked blocks that rosbags' own compressor makes."""
    import lz4.frame

    return bytes(lz4.frame.compress(data, block_linked=False, content_checksum=True, store_size=False))


class _Ros1Copy(BagCopy):
    _source: Ros1Bag

    def _open(self) -> None:
        library = rosbags_library()
        self._store = library.typesys.get_typestore(library.typesys.Stores.ROS1_NOETIC)
        self._writer = library.rosbag1.Writer(self.temporary)
        self._writer.set_compression(self._writer.CompressionFormat.LZ4)
        self._writer.compressor = _compress
        self._writer.open()
        self._copies = {}
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


def _learn(store: Any, connection: Any) -> None:
    """Add a message type that a bag brings the definition of, where the store lacks it."""
    library = rosbags_library()
    definition = connection.msgdef
    if connection.msgtype in store.types or definition.format.name != "MSG":
        return
    with contextlib.suppress(library.typesys.TypesysError):  # then its messages are copied, and not read
        types = library.typesys.get_types_from_msg(definition.data, connection.msgtype)
        store.register({name: kind for name, kind in types.items() if name not in store.types})


class Ros2Bag(LibraryBag):
    """A rosbag2: its folder, or a single file of it."""

    kind = ROS2

    def __init__(self, path: Path) -> None:
        library = rosbags_library()
        self._damage = library.rosbag2.ReaderError
        try:
            super().__init__(path, library.rosbag2.Reader(path))
        except library.rosbag2.ReaderError as error:
            raise AnyBagError(f"cannot be read as a bag of ROS 2: {error}") from error
        self._store = library.typesys.get_typestore(library.typesys.Stores.ROS2_HUMBLE)
        for connection in self.reader.connections:
            _learn(self._store, connection)

    def ros1(self, stream: Stream, data: bytes) -> bytes:
        try:
            return bytes(self._store.cdr_to_ros1(data, stream.msgtype))
        except (rosbags_library().serde.SerdeError, KeyError) as error:
            raise AnyBagError(f"{stream.topic} contains a {stream.msgtype} that cannot be read: {error}") from error

    def writer_like(self, path: Path) -> BagCopy:
        return _Ros2Copy(self, path)


class _Ros2Copy(BagCopy):
    """Written as a folder in a temporary one; of a source that is a single file, the file in it is kept alone."""

    _source: Ros2Bag

    def _open(self) -> None:
        library = rosbags_library()
        self._store = library.typesys.get_typestore(library.typesys.Stores.ROS2_HUMBLE)
        self.temporary.mkdir()
        self._folder = self.temporary / self.path.stem
        plugin = library.rosbag2.StoragePlugin
        storage = plugin.MCAP if self._is_mcap() else plugin.SQLITE3
        self._writer = library.rosbag2.Writer(self._folder, version=8, storage_plugin=storage)
        self._writer.open()
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

    def _keep(self) -> None:
        if self._source.path.is_dir():
            if self.path.is_dir():
                shutil.rmtree(str(self.path))  # a folder takes no other's place
            os.replace(str(self._folder), str(self.path))
            return
        (stored,) = (path for path in self._folder.iterdir() if path.name != METADATA)
        os.replace(str(stored), str(self.path))

    def _serialized(self, image: Any) -> bytes:
        return bytes(self._store.serialize_cdr(image, IMAGE))
