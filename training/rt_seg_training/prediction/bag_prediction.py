"""Segment the colour images of a rosbag: a second bag with all that the first holds, and masks and overlays beside it.

No ROS is needed here: rt_seg.recordings.any_bag reads and writes bags of every kind.
"""

from __future__ import annotations

import contextlib
import errno
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rosbags.typesys import Stores, get_typestore

from rt_seg.progress import progress_bar
from rt_seg.recordings.any_bag import open_bag
from rt_seg.recordings.bag import COMPRESSED_IMAGE, IMAGE, AnyBagError, Moment
from rt_seg.recordings.bag_files import fault_of_bag
from rt_seg.recordings.image_messages import ConversionError, color_to_rgb
from rt_seg_training.prediction.bag_depth import BagDepth, depth_topic

MASK_TOPIC, OVERLAY_TOPIC = "/segmentation/mask", "/segmentation/overlay"
"""Those of the live node."""


class BagError(ValueError):
    """A bag cannot be read, or does not hold the images that are to be segmented."""


@dataclass
class BagResult:
    """What was made of a bag: `images` with a mask, and `notes` of what was left out or taken otherwise than it seems,
    in words, with how many images."""

    images: int = 0
    notes: Counter[str] = field(default_factory=Counter)


class _Stopped(Exception):
    """Predicting failed, which is no fault of the bag."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


@contextlib.contextmanager
def _named(source: Path) -> Iterator[None]:
    """Raises a BagError that names the bag for whatever reading it raises, a full disk and _Stopped apart."""
    try:
        yield
    except _Stopped as stopped:
        raise stopped.cause from None
    except FileNotFoundError as error:
        raise BagError(f"{source}: no such bag") from error
    except AnyBagError as error:
        raise BagError(f"{source}: {error}") from error
    except BagError as error:
        raise error if str(error).startswith(str(source)) else BagError(f"{source}: {error}") from error
    except Exception as error:
        # A place to read from that cannot be is damage, too; what else the system refuses is not.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        # In a damaged bag any number may stand for a size or an id: what the readers then raise is of many kinds.
        fault = fault_of_bag(source) or f"cannot be read: it is damaged ({type(error).__name__}: {error})"
        raise BagError(f"{source}: {fault}") from error


def color_topic(topics: dict[str, str], wanted: str | None) -> str:
    """The topic to segment, of `topics` {name: type}: `wanted`, else the one of a RealSense camera, else the only one.

    Raises BagError, naming the image topics there are, when that is not clear.
    """
    images = sorted(name for name, kind in topics.items() if kind in (IMAGE, COMPRESSED_IMAGE))
    present = f"image topics there: {', '.join(images) or 'none'}"
    if wanted is not None:
        if wanted not in images:
            raise BagError(f"topic {wanted!r} holds no images; {present}")
        return wanted
    color = [name for name in images if "depth" not in name.lower() and "infra" not in name.lower()]
    usual = [name for name in color if name.endswith("color/image_raw")]
    found = usual or [name for name in color if name.endswith("color/image_raw/compressed")] or color
    if len(found) != 1:
        raise BagError(f"no unique colour topic; name one with --topic; {present}")
    return found[0]


def predict_bag(
    source: Path,
    output: Path,
    predict: Callable[..., tuple[np.ndarray, np.ndarray]],
    topic: str | None = None,
    with_depth: bool = False,
    watch: Callable[[int, np.ndarray, np.ndarray], None] | None = None,
) -> BagResult:
    """Write `output`, atomically: all messages of the bag `source` as they are, and for each colour image a mask
    (mono8) and an overlay (rgb8) with the image's header, recorded at the image's time. It is a bag of the same kind.

    Args:
        predict: mask uint8 (H, W) and overlay uint8 (H, W, 3) of an RGB image, and of its depth, (H, W) float32 metres
            or None.
        topic: the topic of the colour images; None finds it, see `color_topic`.
        with_depth: give `predict` the aligned depth of the same stamp; else None.
        watch: called with the time of recording in nanoseconds, mask and overlay of each image.

    An image that cannot be decoded gets no mask; the result counts it. Raises BagError naming the bag, also when none
    of its images can be decoded.
    """
    store = get_typestore(Stores.ROS1_NOETIC)
    result = BagResult()
    with _named(source):
        with contextlib.ExitStack() as more, open_bag(source) as bag:
            topics = {stream.topic: stream.msgtype for stream in bag.streams}
            there = sorted({MASK_TOPIC, OVERLAY_TOPIC} & set(topics))
            if there:
                raise BagError(f"{source}: already contains {there[0]}; segment the original bag")
            chosen = color_topic(topics, topic)
            total = sum(stream.msgcount for stream in bag.streams if stream.topic == chosen)
            depth_name = depth_topic(topics, chosen) if with_depth else None
            if depth_name is not None:
                depths = BagDepth(more.enter_context(open_bag(source)), depth_name, store)
            with bag.writer_like(output) as writer, progress_bar(total=total, unit="image", desc=source.name) as bar:
                for stream, time, data in bag.messages():
                    writer.copy(stream, time, data)
                    if stream.topic != chosen:
                        continue
                    bar.update()
                    message = store.deserialize_ros1(bag.ros1(stream, data), stream.msgtype)
                    try:
                        rgb, depth = color_to_rgb(message), None
                    except ConversionError as error:
                        result.notes[f"without a mask: {error}"] += 1
                        continue
                    head = message.header
                    stamp = head.stamp.sec * 10**9 + head.stamp.nanosec
                    result.notes["have no stamp (0); the recording time is used"] += not stamp
                    if depth_name is not None:
                        depth = depths.at(stamp, time, rgb.shape[1], rgb.shape[0])
                    try:
                        mask, overlay = predict(rgb, depth)
                    except Exception as error:
                        raise _Stopped(error) from error
                    moment = Moment(head.stamp.sec, head.stamp.nanosec, head.frame_id, head.seq)
                    writer.write_image(MASK_TOPIC, time, moment, mask, "mono8")
                    writer.write_image(OVERLAY_TOPIC, time, moment, overlay, "rgb8")
                    result.images += 1
                    if watch is not None:
                        watch(time, mask, overlay)
                if total and not result.images:
                    raise BagError(
                        f"{source}: none of {total} images on {chosen} can be used, {next(iter(result.notes))}"
                    )
                if not total:
                    raise BagError(f"{source}: {chosen} holds no image")
            if depth_name is not None:
                result.notes.update({f"without depth: {text}": count for text, count in depths.refused.items()})
    result.notes = +result.notes
    return result


def count_images(source: Path, topic: str | None = None) -> int:
    """How many colour images a bag holds. Raises BagError naming the bag."""
    try:
        with open_bag(source) as bag:
            chosen = color_topic({stream.topic: stream.msgtype for stream in bag.streams}, topic)
            return sum(stream.msgcount for stream in bag.streams if stream.topic == chosen)
    except Exception as error:  # said in full where the bag is read
        raise BagError(f"{source}: {error}") from error


def bag_frames(
    source: Path, with_depth: bool = False, topic: str | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Colour uint8 (H, W, 3) RGB and aligned depth, (H, W) float32 metres or None, of a bag, in order of recording.

    Images that cannot be decoded are left out. Raises BagError naming the bag.
    """
    store = get_typestore(Stores.ROS1_NOETIC)
    with _named(source):
        with open_bag(source) as bag, open_bag(source) as second:
            topics = {stream.topic: stream.msgtype for stream in bag.streams}
            chosen = color_topic(topics, topic)
            depth_name = depth_topic(topics, chosen) if with_depth else None
            depths = BagDepth(second, depth_name, store) if depth_name is not None else None
            for stream, time, data in bag.messages([chosen]):
                message = store.deserialize_ros1(bag.ros1(stream, data), stream.msgtype)
                try:
                    rgb = color_to_rgb(message)
                except ConversionError:
                    continue
                stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
                yield rgb, depths.at(stamp, time, rgb.shape[1], rgb.shape[0]) if depths is not None else None
