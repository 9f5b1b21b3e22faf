"""MCAP files of ROS 1 messages, by the profile `ros1` (mcap.dev/spec/registry), which viewers open."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Collection, Dict, Iterator, Optional, Tuple

from rt_seg.recordings.bag import IMAGE, MCAP_ROS1, AnyBag, AnyBagError, BagCopy, Stream, rosbags_library


def _mcap() -> Any:
    try:
        import mcap.reader
        import mcap.writer
    except ImportError as error:
        raise AnyBagError(f"needs the package mcap: 'pip install mcap' ({error})") from error
    return mcap


class McapBag(AnyBag):
    """An MCAP file of ROS 1 messages."""

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
            raise AnyBagError("has no summary: its recording was interrupted. 'mcap recover' repairs it")
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
            raise AnyBagError(f"contains no messages of ROS 1 or 2, only {', '.join(foreign) or 'nothing'}")

    def _records(self, topics: Optional[Collection[str]]) -> Iterator[Tuple[int, int, bytes]]:
        wanted = None if topics is None else list(topics)
        try:
            for _, channel, message in self._reader.iter_messages(topics=wanted):
                yield channel.id, message.log_time, message.data
        except Exception as error:
            if isinstance(error, (GeneratorExit, OSError)):
                raise
            raise AnyBagError(f"is damaged: {type(error).__name__}: {error}") from error

    def writer_like(self, path: Path) -> BagCopy:
        return _McapCopy(self, path)

    def _close(self) -> None:
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


class _McapCopy(BagCopy):
    _source: McapBag

    def _open(self) -> None:
        library = rosbags_library()
        self._store = library.typesys.get_typestore(library.typesys.Stores.ROS1_NOETIC)
        self._writer = Mcap1Writer(self.temporary)
        schemas = self._source.schemas
        self._copies = {
            c.id: self._writer.add_channel(c.topic, schemas[c.schema_id].name, schemas[c.schema_id].data, c.metadata)
            for c in self._source.channels.values()
            if c.message_encoding == "ros1"
        }

    def _add_images(self, topic: str) -> Any:
        definition, md5sum = self._store.generate_msgdef(IMAGE)
        kind = IMAGE.replace("/msg/", "/")
        return self._writer.add_channel(topic, kind, definition.encode("utf-8"), {"md5sum": md5sum})
