"""Segment the colour images of a rosbag: a second bag with all that the first holds, and masks and overlays beside it.

Bags of ROS 1 are read and written by rosbags, which is pure Python: no ROS is needed here.
"""
from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import lz4.frame
import numpy as np
from rosbags.rosbag1 import Reader, ReaderError, Writer
from rosbags.typesys import Stores, get_typestore
from tqdm import tqdm

from rt_seg_training.prediction.bag_depth import BagDepth, depth_topic

MASK_TOPIC, OVERLAY_TOPIC = "/segmentation/mask", "/segmentation/overlay"
"""Those of the live node."""

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
_CODES = {
    "rgb8": None, "bgr8": cv2.COLOR_BGR2RGB, "rgba8": cv2.COLOR_RGBA2RGB, "bgra8": cv2.COLOR_BGRA2RGB,
    "mono8": cv2.COLOR_GRAY2RGB, "yuv422": cv2.COLOR_YUV2RGB_UYVY, "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUY2,
}  # fmt: skip
_CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1, "yuv422": 2, "yuv422_yuy2": 2}


class BagError(ValueError):
    """A bag cannot be read, or does not hold the images that are to be segmented."""


def rgb_of(message) -> np.ndarray:
    """The pixels of an Image or CompressedImage message, uint8 (H, W, 3) RGB. Raises BagError."""
    if not hasattr(message, "encoding"):
        picture = cv2.imdecode(np.asarray(message.data), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if picture is None:
            raise BagError(f"{len(message.data)} bytes ({message.format!r}) are no JPEG or PNG")
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    if message.encoding not in _CODES:
        raise BagError(f"encoding {message.encoding!r} is not a colour image; accepted are {', '.join(_CODES)}")
    row = message.width * _CHANNELS[message.encoding]
    if message.step < row or len(message.data) < message.step * (message.height - 1) + row or not row * message.height:
        raise BagError(
            f"image of {message.width}x{message.height} pixels ({message.encoding}, step {message.step}) holds "
            f"{len(message.data)} bytes; the message was cut"
        )
    shape = (message.height, message.width, _CHANNELS[message.encoding])
    strides = (message.step, _CHANNELS[message.encoding], 1)
    pixels = np.ascontiguousarray(np.ndarray(shape, np.uint8, np.ascontiguousarray(message.data), strides=strides))
    code = _CODES[message.encoding]
    return pixels if code is None else cv2.cvtColor(pixels, code)


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
) -> int:
    """Write `output`, atomically: all messages of the bag `source` as they are, and for each colour image a mask
    (mono8) and an overlay (rgb8) with the image's header, recorded at the image's time; returns how many.

    Args:
        predict: mask uint8 (H, W) and overlay uint8 (H, W, 3) of an RGB image, and of its depth, (H, W) or None.
        topic: the topic of the colour images; None finds it, see `color_topic`.
        with_depth: give `predict` the aligned depth of the same stamp; else None.

    Raises BagError naming the bag.
    """
    store = get_typestore(Stores.ROS1_NOETIC)
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.{os.getpid()}.part")
    count = 0
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
            with writer, tqdm(total=total, unit="image", desc=source.name) as progress:
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
                    message = store.deserialize_ros1(data, connection.msgtype)
                    rgb, depth = rgb_of(message), None
                    if depth_name is not None:
                        stamp = message.header.stamp
                        depth = depths.at(stamp.sec * 10**9 + stamp.nanosec, time)
                    results = zip(added, predict(rgb, depth), ("mono8", "rgb8"))
                    for target, pixels, encoding in results:
                        result = _image(store, message.header, pixels, encoding)
                        writer.write(target, time, store.serialize_ros1(result, IMAGE))
                    count += 1
                    progress.update()
        os.replace(temporary, output)
    except (ReaderError, FileNotFoundError) as error:
        raise BagError(f"{source}: cannot be read as a bag of ROS 1: {error}") from error
    except BagError as error:
        raise error if str(error).startswith(str(source)) else BagError(f"{source}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return count
