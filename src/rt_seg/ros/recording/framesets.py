"""Reads recordings, rosbags and folders of images, as the messages of one frameset after the other."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

import rosbag
import rospy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from rt_seg.cameras.frame import metres_to_millimetres
from rt_seg.cameras.image_folder import FolderError, open_recording_folder
from rt_seg.ros import camera_topics
from rt_seg.ros.compressed_images import compressed_depth_to_metres, compressed_to_rgb
from rt_seg.ros.conversions import ConversionError, camera_info_message, image_message
from rt_seg.ros.recording.bag_writer import CAMERA, START

MESSAGE_TYPES = {
    camera_topics.COLOR_INFO: CameraInfo,
    camera_topics.COLOR: Image,
    camera_topics.DEPTH_INFO: CameraInfo,
    camera_topics.DEPTH: Image,
    camera_topics.GROUND_TRUTH: Image,
}

GATHER = 0.25
"""Seconds of recorded time in which all messages of one frameset have arrived."""


class RecordingError(ValueError):
    """A recording cannot be played; the text names the file."""


class Frameset(NamedTuple):
    """Messages of one moment, as (topic relative to the camera, message); `time` is when it was recorded, seconds."""

    time: float
    messages: List[Tuple[str, Any]]


def read_framesets(recording: Path, camera: str, rate: float) -> Iterator[Frameset]:
    """The framesets of a recording, in the order of recording.

    Args:
        recording: a bag; the name of the parts of a split one without their number (kitchen for kitchen_0.bag …); or
            a folder of images, as `open_recording_folder` takes it.
        camera: namespace to take, where a bag has the topics of several cameras.
        rate: frames a second of a folder; bags have stamps.

    Raises RecordingError when the recording cannot be read or holds no colour images.
    """
    if recording.is_dir():
        yield from _read_folder(recording, rate)
        return
    parts = [recording] if recording.exists() else _parts(recording)
    for part in parts or [recording]:
        yield from _read_bag(part, camera)


def _parts(recording: Path) -> List[Path]:
    """The bags that `record` splits a recording of this name into, by their number."""
    numbered = re.compile(re.escape(recording.name) + r"_(\d+)\.bag")
    found = {path: numbered.fullmatch(path.name) for path in recording.parent.glob("*.bag")}
    return sorted((path for path in found if found[path]), key=lambda path: int(found[path].group(1)))


def _read_folder(folder: Path, rate: float) -> Iterator[Frameset]:
    try:
        for number, frame in enumerate(open_recording_folder(folder, rate)):
            header = Header(number, rospy.Time.from_sec(START + frame.stamp), camera_topics.OPTICAL_FRAME)
            info = camera_info_message(frame.intrinsics, header)
            messages = [(camera_topics.COLOR_INFO, info), (camera_topics.COLOR, image_message(frame.color, header))]
            if frame.depth is not None:
                messages.append((camera_topics.DEPTH_INFO, camera_info_message(frame.intrinsics, header)))
                messages.append((camera_topics.DEPTH, image_message(frame.depth, header)))
            if frame.ground_truth is not None:
                messages.append((camera_topics.GROUND_TRUTH, image_message(frame.ground_truth, header)))
            yield Frameset(START + frame.stamp, messages)
    except FolderError as error:
        raise RecordingError(str(error)) from error


def _read_bag(path: Path, camera: str) -> Iterator[Frameset]:
    """Framesets of one bag: messages with equal header stamps belong together."""
    try:
        with rosbag.Bag(str(path)) as bag:
            wanted = _topics(path, bag, camera)
            gathering: Dict[int, Frameset] = {}
            for name, message, received in bag.read_messages(topics=list(wanted)):
                now = received.to_sec()
                for stamp in [s for s, frameset in gathering.items() if now - frameset.time > GATHER]:
                    yield gathering.pop(stamp)
                frameset = gathering.setdefault(message.header.stamp.to_nsec(), Frameset(now, []))
                topic, decode = wanted[name]
                frameset.messages.append((topic, decode(message) if decode else message))
            yield from gathering.values()
    except (OSError, rosbag.ROSBagException, rosbag.bag.ROSBagFormatException, ConversionError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise RecordingError(
            f"{path}: cannot be played: {reason}. Make a recording with 'rosrun rt_seg make_recording'"
        ) from error


_Wanted = Dict[str, Tuple[str, Optional[Callable[[CompressedImage], Image]]]]


def _topics(path: Path, bag: rosbag.Bag, camera: str) -> _Wanted:
    """Topics of the bag to read → topic of the contract, and how to decode what is compressed."""
    held = sorted(name for name, topic in bag.get_type_and_topic_info().topics.items() if topic.message_count)
    packed = {camera_topics.COLOR_COMPRESSED: (camera_topics.COLOR, _decode_color),
              camera_topics.DEPTH_COMPRESSED: (camera_topics.DEPTH, _decode_depth)}  # fmt: skip
    endings = ("/" + camera_topics.COLOR, "/" + camera_topics.COLOR_COMPRESSED)
    cameras = sorted({name[: -len(ending)] for name in held for ending in endings if name.endswith(ending)})
    if not cameras:
        raise RecordingError(
            f"{path}: holds no images on /{CAMERA}/{camera_topics.COLOR}, only {', '.join(held) or 'no topics'}. "
            "Record the topics of realsense2_camera, or remap them with 'rosbag filter'"
        )
    known = [name for name in (f"/{camera}", f"/{CAMERA}") if name in cameras]
    if not known and len(cameras) > 1:
        raise RecordingError(f"{path}: holds the cameras {', '.join(cameras)}; choose one with camera_name:=NAME")
    chosen = (known or cameras)[0]
    names: _Wanted = {f"{chosen}/{topic}": (topic, None) for topic in MESSAGE_TYPES}
    for ending, (topic, decode) in packed.items():
        if f"{chosen}/{topic}" not in held:
            names[f"{chosen}/{ending}"] = (topic, decode)
    return {name: meaning for name, meaning in names.items() if name in held}


def _decode_color(message: CompressedImage) -> Image:
    return image_message(compressed_to_rgb(message), message.header)


def _decode_depth(message: CompressedImage) -> Image:
    return image_message(metres_to_millimetres(compressed_depth_to_metres(message)), message.header)
