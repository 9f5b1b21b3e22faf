"""Plays a recording of the RealSense topics as if the camera were there: now, at the recorded pace."""
from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

import rosbag
import rosgraph
import rospy
from sensor_msgs.msg import CameraInfo, Image

from rt_seg.ros import camera_topics
from rt_seg.ros.camera_topics import RECEIVE_BUFFER
from rt_seg.ros.publishing import create_publisher
from rt_seg.ros.recording import CAMERA
from rt_seg.ros.settings import SettingsError, read_settings
from rt_seg.ros.synchronizer import EVERY_FRAME, LIVE, MODES

MESSAGE_TYPES = {
    camera_topics.COLOR_INFO: CameraInfo,
    camera_topics.COLOR: Image,
    camera_topics.DEPTH_INFO: CameraInfo,
    camera_topics.DEPTH: Image,
    camera_topics.GROUND_TRUTH: Image,
}

GATHER = 0.25
"""Seconds of recorded time in which all messages of one frameset have arrived."""

PREFETCH = 16
"""Framesets decoded ahead, so that a slow read does not show in the pace."""


class RecordingError(ValueError):
    """A bag cannot be played; the text names the file."""


@dataclass(frozen=True)
class ReplaySettings:
    """Private parameters of the node.

    recording  bag to play
    camera     namespace to publish in; the bag's own is /camera
    loop       begin again at the end
    duration   seconds of the recording to play; 0: all
    speed      recorded seconds per second
    mode       live: like a camera, a subscriber that is too slow misses images; every_frame: wait for subscribers
    consumer   node that must have subscribed before the start (relative name); empty: any subscriber of colour
    wait       longest time to wait for it, seconds
    result     every_frame: topic of images made from the colour images, with their stamps; the end waits for the last
    linger     seconds between the last frameset, or the last result that comes, and the end
    """

    recording: str
    camera: str = CAMERA
    loop: bool = False
    duration: float = field(default=0.0, metadata={"range": (0.0, 1e9)})
    speed: float = field(default=1.0, metadata={"range": (0.01, 100.0)})
    mode: str = field(default=LIVE, metadata={"accepted": MODES})
    consumer: str = ""
    result: str = ""
    wait: float = field(default=120.0, metadata={"range": (0.0, 1e6)})
    linger: float = field(default=3.0, metadata={"range": (0.0, 1e6)})


class Frameset(NamedTuple):
    """Messages of one moment, as (topic relative to the camera, message); `time` is when it was recorded, seconds."""

    time: float
    messages: List[Tuple[str, Any]]


def read_framesets(path: Path) -> Iterator[Frameset]:
    """The framesets of a bag in the order of recording: messages with equal header stamps belong together.

    Raises RecordingError when the bag cannot be read or holds no colour images.
    """
    try:
        with rosbag.Bag(str(path)) as bag:
            topics = {f"/{CAMERA}/{topic}": topic for topic in MESSAGE_TYPES}
            if bag.get_message_count(f"/{CAMERA}/{camera_topics.COLOR}") == 0:
                held = ", ".join(sorted(bag.get_type_and_topic_info().topics)) or "no topics"
                raise RecordingError(
                    f"{path}: holds no images on /{CAMERA}/{camera_topics.COLOR}, only {held}. "
                    "Record the topics of realsense2_camera, or remap them with 'rosbag filter'"
                )
            gathering: Dict[int, Frameset] = {}
            for name, message, received in bag.read_messages(topics=list(topics)):
                now = received.to_sec()
                for stamp in [s for s, frameset in gathering.items() if now - frameset.time > GATHER]:
                    yield gathering.pop(stamp)
                frameset = gathering.setdefault(message.header.stamp.to_nsec(), Frameset(now, []))
                frameset.messages.append((topics[name], message))
            yield from gathering.values()
    except (OSError, rosbag.ROSBagException, rosbag.bag.ROSBagFormatException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise RecordingError(
            f"{path}: cannot be played: {reason}. Make a recording with 'rosrun rt_seg make_recording'"
        ) from error


class _Prefetch:
    """Reads framesets in a thread of its own; iterates over (frameset, seconds from the start)."""

    def __init__(self, path: Path, loop: bool, duration: float) -> None:
        self._path, self._loop, self._duration = path, loop, duration
        self._queue: "queue.Queue[Union[Tuple[Frameset, float], Exception, None]]" = queue.Queue(PREFETCH)
        threading.Thread(target=self._read, name="prefetch", daemon=True).start()

    def _read(self) -> None:
        try:
            base = 0.0
            while True:
                first: Optional[float] = None
                offset, interval = 0.0, 1 / 30
                for frameset in read_framesets(self._path):
                    first = frameset.time if first is None else first
                    if self._duration and frameset.time - first >= self._duration:
                        break
                    if frameset.time - first > offset:
                        interval = frameset.time - first - offset
                    offset = frameset.time - first
                    self._queue.put((frameset, base + offset))
                if not self._loop:
                    break
                base += offset + interval
            self._queue.put(None)
        except Exception as error:  # raised again where the framesets are used
            self._queue.put(error)

    def __iter__(self) -> Iterator[Tuple[Frameset, float]]:
        while True:
            item = self._queue.get()
            if item is None:
                return
            if isinstance(item, Exception):
                raise item
            yield item


class Replay:
    """Publishes a recording, each frameset with one new stamp."""

    def __init__(self, settings: ReplaySettings) -> None:
        self._settings = settings
        self._last_result: Optional[rospy.Time] = None
        self._last_arrival = 0.0
        if settings.result and settings.mode == EVERY_FRAME:
            rospy.Subscriber(settings.result, Image, self._on_result, queue_size=1, buff_size=RECEIVE_BUFFER)
        self._publishers = {
            topic: create_publisher(f"/{settings.camera}/{topic}", kind, settings.mode, 4)
            for topic, kind in MESSAGE_TYPES.items()
        }

    def run(self) -> int:
        """Play to the end or to the shutdown; returns how many framesets were published. Raises RecordingError."""
        recording = Path(self._settings.recording).expanduser()
        framesets = _Prefetch(recording, self._settings.loop, self._settings.duration)
        count = 0
        start: Optional[float] = None
        stamp: Optional[rospy.Time] = None
        for frameset, offset in framesets:
            if start is None:
                self._wait_for_subscribers()
                start = time.monotonic()
            self._pause_until(start + offset / self._settings.speed)
            if rospy.is_shutdown():
                return count
            stamp = rospy.Time.now()
            for topic, message in frameset.messages:
                message.header.stamp = stamp
                self._publishers[topic].publish(message)
            count += 1
        self._finish(stamp)
        return count

    def _on_result(self, message: Image) -> None:
        self._last_result, self._last_arrival = message.header.stamp, time.monotonic()

    def _finish(self, last_stamp: Optional[rospy.Time]) -> None:
        """Wait for what is still being worked on: until the last result is here, or none has come for `linger`."""
        end = time.monotonic()
        while not rospy.is_shutdown():
            if last_stamp is not None and self._last_result == last_stamp:
                self._pause_until(time.monotonic() + 0.5)  # for other subscribers of the result
                return
            if time.monotonic() > max(end, self._last_arrival) + self._settings.linger:
                return
            time.sleep(0.05)

    @staticmethod
    def _pause_until(moment: float) -> None:
        """Sleep on the wall clock, in steps, so that a shutdown is noticed."""
        while not rospy.is_shutdown():
            left = moment - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.2))

    def _wait_for_subscribers(self) -> None:
        deadline = time.monotonic() + self._settings.wait
        while not rospy.is_shutdown() and not self._subscribers_ready():
            if time.monotonic() > deadline:
                who = self._settings.consumer or "anybody"
                rospy.logwarn(f"waited {self._settings.wait:.0f} s for {who} to subscribe; playing without")
                return
            time.sleep(0.1)
        # A subscriber learns of its publishers one after the other; the last connections follow within moments.
        time.sleep(0.3)

    def _subscribers_ready(self) -> bool:
        """Whether the consumer has subscribed, and all who subscribed are connected."""
        try:
            _, subscriptions, _ = rosgraph.Master(rospy.get_name()).getSystemState()
        except (OSError, rosgraph.MasterException):
            return False
        nodes = dict(subscriptions)
        publishers = {publisher.resolved_name: publisher for publisher in self._publishers.values()}
        color = self._publishers[camera_topics.COLOR].resolved_name
        consumer = self._settings.consumer and rospy.resolve_name(self._settings.consumer)
        if not nodes.get(color) or (consumer and consumer not in nodes[color]):
            return False
        return all(publishers[name].get_num_connections() >= len(nodes.get(name, [])) for name in publishers)


def main() -> int:
    """Run the node; returns the exit code: 0 at the end of the recording, 1 when it cannot be played."""
    rospy.init_node("replay")
    try:
        settings = read_settings(ReplaySettings, rospy.get_param("~", {}), f"node {rospy.get_name()}")
        count = Replay(settings).run()
    except (SettingsError, RecordingError) as error:
        rospy.logfatal(str(error))
        return 1
    except rospy.ROSException:
        if not rospy.is_shutdown():
            raise
        return 0
    rospy.loginfo(f"{settings.recording}: {count} framesets played")
    return 0
