"""Segment the colour images of a rosbag: a second bag with all that the first holds, and masks and overlays beside it.

Bags of ROS 1 are read and written by rosbags, which is pure Python: no ROS is needed here.
"""
from __future__ import annotations

import contextlib
import os
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import lz4.frame
import numpy as np
from rosbags.rosbag1 import Reader, ReaderError, Writer
from rosbags.typesys import Stores, get_typestore

from rt_seg.progress import progress_bar
from rt_seg.recordings.bag_files import fault_of_bag
from rt_seg.recordings.image_messages import ConversionError, color_to_rgb
from rt_seg_training.prediction.bag_depth import BagDepth, depth_topic

MASK_TOPIC, OVERLAY_TOPIC = "/segmentation/mask", "/segmentation/overlay"
"""Those of the live node."""

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
class BagError(ValueError):
    """A bag cannot be read, or does not hold the images that are to be segmented."""


@dataclass
class BagResult:
    """What was made of a bag: `images` with a mask, and `notes` of what was left out or taken otherwise than it seems,
    in words, with how many images."""

    images: int = 0
    notes: Counter[str] = field(default_factory=Counter)


def color_topic(topics: dict[str, str], wanted: str | None) -> str:
    """The topic to segment, of `topics` {name: type}: `wanted`, else the one of a RealSense camera, else the only one.

    Raises BagError, naming the image topics there are, when that is not clear.
    """
    images = sorted(name for name, kind in topics.items() if kind in (IMAGE, COMPRESSED))
    present = f"image topics there: {', '.join(images) or 'none'}"
    if wanted is not None:
        if wanted not in images:
            raise BagError(f"topic {wanted!r} holds no images; {present}")
        return wanted
    color = [name for name in images if "depth" not in name.lower() and "infra" not in name.lower()]
    usual = [name for name in color if name.endswith("color/image_raw")]
    found = usual or [name for name in color if name.endswith("color/image_raw/compressed")] or color
    if len(found) != 1:
        raise BagError(f"which topic is the colour image? Name it with --topic; {present}")
    return found[0]


def _compress(data: bytes) -> bytes:
    """LZ4 as roslz4 writes it: it refuses the linked blocks that rosbags' own compressor makes."""
    return lz4.frame.compress(data, block_linked=False, content_checksum=True, store_size=False)


def _image(store, header, pixels: np.ndarray, encoding: str):
    height, width = pixels.shape[:2]
    data = np.ascontiguousarray(pixels).reshape(-1)
    return store.types[IMAGE](header, height, width, encoding, 0, data.size // height, data)


def predict_bag(
    source: Path,
    output: Path,
    predict: Callable[..., tuple[np.ndarray, np.ndarray]],
    topic: str | None = None,
    with_depth: bool = False,
) -> BagResult:
    """Write `output`, atomically: all messages of the bag `source` as they are, and for each colour image a mask
    (mono8) and an overlay (rgb8) with the image's header, recorded at the image's time.

    Args:
        predict: mask uint8 (H, W) and overlay uint8 (H, W, 3) of an RGB image, and of its depth, (H, W) float32 metres
            or None.
        topic: the topic of the colour images; None finds it, see `color_topic`.
        with_depth: give `predict` the aligned depth of the same stamp; else None.

    An image that cannot be decoded gets no mask; the result counts it. Raises BagError naming the bag, also when none
    of its images can be decoded.
    """
    store = get_typestore(Stores.ROS1_NOETIC)
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.{os.getpid()}.part")
    result = BagResult()
    try:
        with contextlib.ExitStack() as more, Reader(source) as reader:
            topics = {connection.topic: connection.msgtype for connection in reader.connections}
            there = sorted({MASK_TOPIC, OVERLAY_TOPIC} & set(topics))
            if there:
                raise BagError(f"{source}: holds {there[0]} already; segment the bag it was made from")
            chosen = color_topic(topics, topic)
            total = sum(c.msgcount for c in reader.connections if c.topic == chosen)
            depth_name = depth_topic(topics, chosen) if with_depth else None
            if depth_name is not None:
                depths = BagDepth(more.enter_context(Reader(source)), depth_name, store)
            writer = Writer(temporary)
            writer.set_compression(Writer.CompressionFormat.LZ4)
            writer.compressor = _compress
            with writer, progress_bar(total=total, unit="image", desc=source.name) as progress:
                copies, known = {}, {}
                for connection in reader.connections:
                    options = {
                        "msgdef": connection.msgdef.data, "md5sum": connection.digest,
                        "callerid": connection.ext.callerid, "latching": connection.ext.latching,
                    }  # fmt: skip
                    # A bag may hold one connection several times, a publisher that came again; one copy serves all.
                    key = (connection.topic, connection.msgtype, *options.values())
                    if key not in known:
                        known[key] = writer.add_connection(connection.topic, connection.msgtype, **options)
                    copies[connection.id] = known[key]
                added = [writer.add_connection(name, IMAGE, typestore=store) for name in (MASK_TOPIC, OVERLAY_TOPIC)]
                for connection, time, data in reader.messages():
                    writer.write(copies[connection.id], time, data)
                    if connection.topic != chosen:
                        continue
                    progress.update()
                    message = store.deserialize_ros1(data, connection.msgtype)
                    try:
                        rgb, depth = color_to_rgb(message), None
                    except ConversionError as error:
                        result.notes[f"without a mask: {error}"] += 1
                        continue
                    stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
                    result.notes["have no stamp (0); the time of recording stands for it"] += not stamp
                    if depth_name is not None:
                        depth = depths.at(stamp, time, rgb.shape[1], rgb.shape[0])
                    results = zip(added, predict(rgb, depth), ("mono8", "rgb8"))
                    for target, pixels, encoding in results:
                        made = _image(store, message.header, pixels, encoding)
                        writer.write(target, time, store.serialize_ros1(made, IMAGE))
                    result.images += 1
            if total and not result.images:
                raise BagError(f"{source}: none of {total} images on {chosen} can be used, {next(iter(result.notes))}")
            if not total:
                raise BagError(f"{source}: {chosen} holds no image")
            if depth_name is not None:
                result.notes.update({f"without depth: {text}": count for text, count in depths.refused.items()})
        os.replace(temporary, output)
    except FileNotFoundError as error:
        raise BagError(f"{source}: no such bag") from error
    except (ReaderError, struct.error, AssertionError, KeyError, IndexError, UnicodeDecodeError) as error:
        # rosbags raises these of damaged records.
        fault = fault_of_bag(source) or f"cannot be read as a bag of ROS 1: {type(error).__name__}: {error}"
        raise BagError(f"{source}: {fault}") from error
    except BagError as error:
        raise error if str(error).startswith(str(source)) else BagError(f"{source}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    result.notes = +result.notes
    return result


def bag_frames(
    source: Path, with_depth: bool = False, topic: str | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Colour uint8 (H, W, 3) RGB and aligned depth, (H, W) float32 metres or None, of a bag, in order of recording.

    Images that cannot be decoded are left out. Raises BagError naming the bag.
    """
    store = get_typestore(Stores.ROS1_NOETIC)
    try:
        with Reader(source) as reader, Reader(source) as second:
            topics = {connection.topic: connection.msgtype for connection in reader.connections}
            chosen = color_topic(topics, topic)
            depth_name = depth_topic(topics, chosen) if with_depth else None
            depths = BagDepth(second, depth_name, store) if depth_name is not None else None
            connections = [connection for connection in reader.connections if connection.topic == chosen]
            for connection, time, data in reader.messages(connections=connections):
                message = store.deserialize_ros1(data, connection.msgtype)
                try:
                    rgb = color_to_rgb(message)
                except ConversionError:
                    continue
                stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
                yield rgb, depths.at(stamp, time, rgb.shape[1], rgb.shape[0]) if depths is not None else None
    except FileNotFoundError as error:
        raise BagError(f"{source}: no such bag") from error
    except (ReaderError, struct.error, AssertionError, KeyError, IndexError, UnicodeDecodeError) as error:
        fault = fault_of_bag(source) or f"cannot be read as a bag of ROS 1: {type(error).__name__}: {error}"
        raise BagError(f"{source}: {fault}") from error
    except BagError as error:
        raise error if str(error).startswith(str(source)) else BagError(f"{source}: {error}") from error
