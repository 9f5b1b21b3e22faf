"""Reads recordings, rosbags and folders of images, as the messages of one frameset after the other."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

import rosbag
import rospy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from rt_seg.cameras.frame import metres_to_millimetres
from rt_seg.cameras.image_folder import FolderError, open_recording_folder
from rt_seg.msg import LabelInfo
from rt_seg.recordings.any_bag import kind_of_bag, open_bag
from rt_seg.recordings.bag import ROS1, AnyBagError
from rt_seg.recordings.bag_files import fault_of_bag
from rt_seg.recordings.image_messages import ConversionError, depth_to_metres
from rt_seg.ros import camera_topics
from rt_seg.ros.bridged_images import color_to_rgb
from rt_seg.ros.conversions import camera_info_message, image_message
from rt_seg.ros.label_messages import label_info
from rt_seg.ros.recording.bag_writer import CAMERA, START

MESSAGE_TYPES = {
    camera_topics.COLOR_INFO: CameraInfo,
    camera_topics.COLOR: Image,
    camera_topics.DEPTH_INFO: CameraInfo,
    camera_topics.DEPTH: Image,
    camera_topics.GROUND_TRUTH: Image,
    camera_topics.GROUND_TRUTH_LABELS: LabelInfo,
}

_CLASSES = {"sensor_msgs/msg/Image": Image, "sensor_msgs/msg/CompressedImage": CompressedImage,
            "sensor_msgs/msg/CameraInfo": CameraInfo, "rt_seg/msg/LabelInfo": LabelInfo}  # fmt: skip

GATHER = 0.25
"""Seconds of recorded time in which all messages of one frameset have arrived."""
SLOP = 0.01
"""Seconds by which the stamps within a frameset may differ, as in the live node."""
UNSTAMPED_SLOP = 0.02
"""The same of times of recording, which stand for stamps of 0: below the period of a camera of 30 Hz."""


class RecordingError(ValueError):
    """A recording cannot be played; the text names the file."""


class Frameset(NamedTuple):
    """Messages of one moment, as (topic relative to the camera, message); `time` is when it was recorded, seconds."""

    time: float
    messages: List[Tuple[str, Any]]


def read_framesets(
    recording: Path,
    camera: str,
    rate: float,
    flag: str = "camera_name:=NAME",
    tell: Callable[[str], None] = lambda text: None,
) -> Iterator[Frameset]:
    """The framesets of a recording, in the order of recording.

    Args:
        recording: a bag of any kind (`open_bag`); the name of the parts of a split one without their number (kitchen
            for kitchen_0.bag …); or a folder of images, as `open_recording_folder` takes it.
        camera: namespace to take, where a bag has the topics of several cameras.
        rate: frames per second of a folder; bags have stamps.
        flag: how the caller's user chooses a camera, for the message.
        tell: called with what there is to say of a bag that was read: messages without a stamp or not decodable, and
            parts of a split one that are missing or unfinished.

    Where stamps are 0, the time of recording stands for them, also in the messages. Raises RecordingError when the
    recording cannot be read or holds no colour images.
    """
    if recording.is_dir() and kind_of_bag(recording) is None:
        yield from _read_folder(recording, rate)
        return
    parts = {0: recording} if recording.exists() else _parts(recording, ".bag")
    if not recording.exists():
        _tell_of_missing(recording, parts, tell)
    for part in parts.values() or [recording]:
        yield from _read_bag(part, camera, flag, tell)


def _parts(recording: Path, ending: str) -> Dict[int, Path]:
    """The bags that `record` splits a recording of this name into, by their number, in its order."""
    numbered = re.compile(re.escape(recording.name) + r"_(\d+)" + re.escape(ending))
    matches = ((numbered.fullmatch(path.name), path) for path in recording.parent.glob("*"))
    return dict(sorted((int(match.group(1)), path) for match, path in matches if match))


def _tell_of_missing(recording: Path, parts: Dict[int, Path], tell: Callable[[str], None]) -> None:
    """Tell which parts of a split recording are not among those that are played."""
    unfinished = {number: path for number, path in _parts(recording, ".bag.active").items() if number not in parts}
    for path in unfinished.values():
        tell(
            f"{path}: unfinished, not played. If its recording has ended, 'rosbag reindex {path}' repairs it; then "
            f"rename it to {path.stem}"
        )
    numbers = {*parts, *unfinished}
    missing = [number for number in range(max(numbers, default=0)) if number not in numbers]
    if missing:
        names = ", ".join(f"{recording.name}_{number}.bag" for number in missing[:3])
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        tell(f"{recording}: {names}{more} missing: the recording has a gap")


def _read_folder(folder: Path, rate: float) -> Iterator[Frameset]:
    try:
        images = open_recording_folder(folder, rate)
        for number, frame in enumerate(images):
            header = Header(number, rospy.Time.from_sec(START + frame.stamp), camera_topics.OPTICAL_FRAME)
            info = camera_info_message(frame.intrinsics, header)
            messages = [(camera_topics.COLOR_INFO, info), (camera_topics.COLOR, image_message(frame.color, header))]
            if frame.depth is not None:
                messages.append((camera_topics.DEPTH_INFO, camera_info_message(frame.intrinsics, header)))
                messages.append((camera_topics.DEPTH, image_message(frame.depth, header)))
            if frame.ground_truth is not None:
                messages.append((camera_topics.GROUND_TRUTH, image_message(frame.ground_truth, header)))
            if number == 0 and images.labels is not None:
                message = label_info(images.labels, header, "ground truth")
                messages.append((camera_topics.GROUND_TRUTH_LABELS, message))
            yield Frameset(START + frame.stamp, messages)
    except FolderError as error:
        raise RecordingError(str(error)) from error


class _Gathering:
    """Puts messages of one moment together: each topic once, stamps within the slop of each other."""

    def __init__(self) -> None:
        self._open: List[Tuple[float, Frameset]] = []

    def add(self, topic: str, message: Any, stamp: float, now: float, slop: float) -> List[Frameset]:
        """Take a message; returns the framesets that are complete by `now`."""
        fitting = [
            (abs(stamp - other), number)
            for number, (other, frameset) in enumerate(self._open)
            if abs(stamp - other) <= slop and topic not in dict(frameset.messages)
        ]
        if fitting:
            self._open[min(fitting)[1]][1].messages.append((topic, message))
        else:
            self._open.append((stamp, Frameset(now, [(topic, message)])))
        complete = [frameset for _, frameset in self._open if now - frameset.time > GATHER]
        self._open = [entry for entry in self._open if now - entry[1].time <= GATHER]
        return complete

    def rest(self) -> List[Frameset]:
        """Those that are left at the end."""
        return [frameset for _, frameset in self._open]


def _read_bag(path: Path, camera: str, flag: str, tell: Callable[[str], None]) -> Iterator[Frameset]:
    """Framesets of one bag: messages whose header stamps are equal, or nearly so, belong together."""
    unstamped = 0
    refused: Counter = Counter()
    try:
        with _open(path) as bag:
            wanted = _topics(path, bag.held, camera, flag)
            gathering = _Gathering()
            for name, message, received in bag.messages(list(wanted)):
                topic, decode = wanted[name]
                slop = SLOP
                if message.header.stamp.is_zero():
                    unstamped += 1
                    message.header.stamp, slop = received, UNSTAMPED_SLOP
                try:
                    message = decode(message) if decode else message
                except ConversionError as error:
                    refused[f"{name}: {error}"] += 1
                    continue
                yield from gathering.add(topic, message, message.header.stamp.to_sec(), received.to_sec(), slop)
            yield from gathering.rest()
    except AnyBagError as error:
        raise RecordingError(f"{path}: cannot be played: it {error}") from error
    except (OSError, rosbag.ROSBagException, rosbag.bag.ROSBagFormatException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        with contextlib.suppress(OSError):
            fault = fault_of_bag(path)
            if fault is not None:
                raise RecordingError(f"{path}: cannot be played: it {fault}") from error
        raise RecordingError(
            f"{path}: cannot be played: {reason}. Make a recording with 'rosrun rt_seg make_recording'"
        ) from error
    if unstamped:
        tell(f"{path}: {unstamped} messages have no stamp (0); their recording time is used")
    for text, count in refused.most_common(3):
        tell(f"{path}: {count} messages skipped, {text}")


class _OpenBag(NamedTuple):
    """Names of the topics that hold messages, and what reads some of them as (topic, message, time of recording)."""

    held: List[str]
    messages: Callable[[List[str]], Iterable[Tuple[str, Any, rospy.Time]]]


@contextlib.contextmanager
def _open(path: Path) -> Iterator[_OpenBag]:
    """A bag of any kind. Bags of ROS 1 are read by rosbag: it is at hand, and its LZ4 is compiled."""
    kind = kind_of_bag(path) if path.exists() else ROS1
    if kind in (ROS1, None):
        with rosbag.Bag(str(path)) as bag:
            held = sorted(name for name, topic in bag.get_type_and_topic_info().topics.items() if topic.message_count)
            yield _OpenBag(held, lambda topics: bag.read_messages(topics=topics))
        return
    with open_bag(path) as other:

        def messages(topics: List[str]) -> Iterator[Tuple[str, Any, rospy.Time]]:
            for stream, time, data in other.messages(topics):
                if stream.msgtype in _CLASSES:
                    message = _CLASSES[stream.msgtype]()
                    message.deserialize(other.ros1(stream, data))
                    yield stream.topic, message, rospy.Time(*divmod(time, 10**9))

        yield _OpenBag(sorted({stream.topic for stream in other.streams if stream.msgcount}), messages)


_Wanted = Dict[str, Tuple[str, Optional[Callable[[CompressedImage], Image]]]]


def _topics(path: Path, held: List[str], camera: str, flag: str) -> _Wanted:
    """Topics of the bag to read → topic of the contract, and how to decode what is compressed."""
    packed = {camera_topics.COLOR_COMPRESSED: (camera_topics.COLOR, _decode_color),
              camera_topics.DEPTH_COMPRESSED: (camera_topics.DEPTH, _decode_depth)}  # fmt: skip
    endings = ("/" + camera_topics.COLOR, "/" + camera_topics.COLOR_COMPRESSED)
    cameras = sorted({name[: -len(ending)] for name in held for ending in endings if name.endswith(ending)})
    if not cameras:
        raise RecordingError(
            f"{path}: contains no images on /{CAMERA}/{camera_topics.COLOR}, only {', '.join(held) or 'no topics'}. "
            "Record the topics of realsense2_camera, or remap them with 'rosbag filter'"
        )
    known = [name for name in (f"/{camera}", f"/{CAMERA}") if name in cameras]
    if not known and len(cameras) > 1:
        raise RecordingError(f"{path}: contains the cameras {', '.join(cameras)}; choose one with {flag}")
    chosen = (known or cameras)[0]
    names: _Wanted = {f"{chosen}/{topic}": (topic, None) for topic in MESSAGE_TYPES}
    for ending, (topic, decode) in packed.items():
        if f"{chosen}/{topic}" not in held:
            names[f"{chosen}/{ending}"] = (topic, decode)
    return {name: meaning for name, meaning in names.items() if name in held}


def _decode_color(message: CompressedImage) -> Image:
    return image_message(color_to_rgb(message), message.header)


def _decode_depth(message: CompressedImage) -> Image:
    return image_message(metres_to_millimetres(depth_to_metres(message)), message.header)
