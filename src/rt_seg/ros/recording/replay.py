"""Plays a recording of the RealSense topics like a live camera: with current stamps, at the recorded pace."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Iterator, Optional, Tuple, Union

import rosgraph
import rospy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from tf2_msgs.msg import TFMessage

from rt_seg.command_line import BAD_INPUT, node_arguments
from rt_seg.ros import camera_topics
from rt_seg.ros.caller_folder import caller_path
from rt_seg.ros.camera_frames import camera_transforms
from rt_seg.ros.camera_topics import RECEIVE_BUFFER
from rt_seg.ros.launch_arguments import DEMO
from rt_seg.ros.launch_end import end_launch, init_node
from rt_seg.ros.master_watch import MasterWatch
from rt_seg.ros.publishing import create_publisher
from rt_seg.ros.recording.bag_writer import CAMERA
from rt_seg.ros.recording.demo import demo_recording
from rt_seg.ros.recording.framesets import MESSAGE_TYPES, Frameset, RecordingError, read_framesets
from rt_seg.ros.synchronizer import EVERY_FRAME, LIVE, MODES
from rt_seg.settings import SettingsError, read_settings, setting
from rt_seg.simulation.errors import SimulationError

EXAMPLE = """rosrun rt_seg replay _recording:=recordings/demo.bag _loop:=true
rosrun rt_seg replay _recording:=my_images _rate:=10

`roslaunch rt_seg live.launch recording:=FILE` starts it with a segmentation node."""

CLOCK_STEP = 0.01
"""Seconds between two messages on /clock."""
REST_PATIENCE = 3.0
"""Seconds that a consumer may be idle, without subscribers to its results, before the recording starts anyway."""
PREFETCH = 16
"""Framesets decoded ahead, so that a slow read does not show in the pace."""


@dataclass(frozen=True)
class ReplaySettings:
    """Private parameters of the node."""

    recording: str = setting(help_text="bag or folder to play; demo: a simulated one, rendered if missing")
    camera: str = setting(CAMERA, "namespace to publish in; may differ from the recording's")
    rate: float = setting(30.0, "frames per second of a folder of images; a bag has stamps", 0.1, 1000.0)
    loop: bool = setting(False, "restart at the end")
    clock: bool = setting(False, "publish /clock and keep the recorded stamps, for nodes in simulated time")
    duration: float = setting(0.0, "seconds of the recording to play; 0: all", 0.0, 1e9)
    speed: float = setting(1.0, "recorded seconds per second", 0.01, 100.0)
    mode: str = setting(
        LIVE, "live: like a camera, slow subscribers miss images; every_frame: wait for subscribers", accepted=MODES
    )
    consumer: str = setting("", "node that must have subscribed before the start; empty: any subscriber of colour")
    result: str = setting("", "every_frame: topic with a result for each image; the end waits for the last")
    wait: float = setting(120.0, "maximum seconds to wait for the consumer", 0.0, 1e6)
    linger: float = setting(3.0, "seconds between the last frameset, or the last result, and the end", 0.0, 1e6)


class _Prefetch:
    """Reads framesets in a thread of its own; iterates over (frameset, seconds from the start)."""

    def __init__(self, settings: ReplaySettings) -> None:
        self._settings = settings
        self._queue: "queue.Queue[Union[Tuple[Frameset, float], Exception, None]]" = queue.Queue(PREFETCH)
        threading.Thread(target=self._read, name="prefetch", daemon=True).start()

    def _read(self) -> None:
        path, camera = Path(self._settings.recording), self._settings.camera
        try:
            base = 0.0
            while True:
                first: Optional[float] = None
                offset, interval = 0.0, 1 / 30
                for frameset in read_framesets(path, camera, self._settings.rate, tell=rospy.logwarn):
                    first = frameset.time if first is None else first
                    if self._settings.duration and frameset.time - first >= self._settings.duration:
                        break
                    if frameset.time - first > offset:
                        interval = frameset.time - first - offset
                    offset = frameset.time - first
                    self._queue.put((frameset, base + offset))
                if not self._settings.loop:
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
    """Publishes a recording, each frameset with one stamp: of now, or with `clock` of the recording."""

    def __init__(self, settings: ReplaySettings) -> None:
        self._settings = settings
        self._last_result: Optional[rospy.Time] = None
        self._last_arrival = 0.0
        self._rests_since: Optional[float] = None
        if settings.result and settings.mode == EVERY_FRAME:
            rospy.Subscriber(settings.result, Image, self._on_result, queue_size=1, buff_size=RECEIVE_BUFFER)
        self._publishers = {
            topic: create_publisher(f"/{settings.camera}/{topic}", kind, settings.mode, 4)
            for topic, kind in MESSAGE_TYPES.items()
            if topic != camera_topics.GROUND_TRUTH_LABELS
        }
        labels = camera_topics.GROUND_TRUTH_LABELS  # once in a recording, for all who come later
        self._publishers[labels] = rospy.Publisher(
            f"/{settings.camera}/{labels}", MESSAGE_TYPES[labels], queue_size=1, latch=True
        )
        self._static = rospy.Publisher("/tf_static", TFMessage, queue_size=1, latch=True)
        self._clock = rospy.Publisher("/clock", Clock, queue_size=1) if settings.clock else None

    def run(self) -> int:
        """Play to the end or to the shutdown; returns how many framesets were published. Raises RecordingError."""
        count = 0
        start: Optional[float] = None
        begin = 0.0
        stamp: Optional[rospy.Time] = None
        for frameset, offset in _Prefetch(self._settings):
            if start is None:
                begin = frameset.time
                self._show_frames(frameset)
                self._wait_for_subscribers(begin)
                start = time.monotonic()
            self._pause_until(start + offset / self._settings.speed, begin + offset)
            if rospy.is_shutdown():
                return count
            if self._clock is None:
                stamp = rospy.Time.now()
            else:  # A recording that begins again continues in time: no stamp steps back.
                shift = begin + offset - frameset.time
                stamp = frameset.messages[0][1].header.stamp + rospy.Duration.from_sec(shift)
            for _, message in frameset.messages:
                message.header.stamp = stamp
                message.header.frame_id = self._frame_id(message.header.frame_id)
            for topic, message in frameset.messages:
                self._publishers[topic].publish(message)
            count += 1
        self._finish(stamp)
        return count

    def _frame_id(self, recorded: str) -> str:
        """The contract's frame of this camera for the frame that the driver gave the recorded one; others stay."""
        standard = not recorded or recorded.endswith("_color_optical_frame")
        return f"{self._settings.camera}_color_optical_frame" if standard else recorded

    def _show_frames(self, frameset: Frameset) -> None:
        """Publish the camera's own frames, unless the recording names others."""
        topics = {topic for topic, _ in frameset.messages}
        frame_id = f"{self._settings.camera}_color_optical_frame"
        if all(self._frame_id(message.header.frame_id) == frame_id for _, message in frameset.messages):
            self._static.publish(camera_transforms(self._settings.camera, camera_topics.DEPTH in topics))

    def _on_result(self, message: Image) -> None:
        self._last_result, self._last_arrival = message.header.stamp, time.monotonic()

    def _finish(self, last_stamp: Optional[rospy.Time]) -> None:
        """Wait for what is still being worked on: until the last result is here, or none has come for `linger`."""
        end = time.monotonic()
        while not rospy.is_shutdown():
            if last_stamp is not None and self._last_result == last_stamp:
                time.sleep(0.5)  # for other subscribers of the result
                return
            if time.monotonic() > max(end, self._last_arrival) + self._settings.linger:
                return
            time.sleep(0.05)

    def _pause_until(self, moment: float, clock: float) -> None:
        """Sleep on the wall clock until a moment at which recorded time is `clock`, in steps: a shutdown is noticed,
        and with `clock` of the settings simulated time continues."""
        step = 0.2 if self._clock is None else CLOCK_STEP
        while not rospy.is_shutdown():
            left = moment - time.monotonic()
            self._tick(clock - max(left, 0.0) * self._settings.speed)
            if left <= 0:
                return
            time.sleep(min(left, step))

    def _tick(self, seconds: float) -> None:
        if self._clock is not None:
            self._clock.publish(Clock(rospy.Time.from_sec(seconds)))

    def _wait_for_subscribers(self, begin: float) -> None:
        deadline = time.monotonic() + self._settings.wait
        while not rospy.is_shutdown() and not self._subscribers_ready():
            if time.monotonic() > deadline:
                who = self._settings.consumer or "a subscriber"
                rospy.logwarn(f"waited {self._settings.wait:.0f} s for {who}; playing anyway")
                return
            self._tick(begin)  # nodes in simulated time wait for it
            time.sleep(0.1)
        # A subscriber learns of its publishers one after the other; the last connections follow within moments.
        time.sleep(0.3)

    def _subscribers_ready(self) -> bool:
        """Whether the consumer has subscribed, and all who subscribed are connected."""
        try:
            published, subscriptions, _ = rosgraph.Master(rospy.get_name()).getSystemState()
        except (OSError, rosgraph.MasterException):
            return False
        nodes = dict(subscriptions)
        publishers = {publisher.resolved_name: publisher for publisher in self._publishers.values()}
        color = self._publishers[camera_topics.COLOR].resolved_name
        consumer = self._settings.consumer and rospy.resolve_name(self._settings.consumer)
        if not nodes.get(color) or (consumer and consumer not in nodes[color]):
            results = [topic for topic, who in published if consumer in who and topic.startswith(f"{consumer}/")]
            return self._rests_long_enough(bool(results) and not any(nodes.get(topic) for topic in results))
        return all(publishers[name].get_num_connections() >= len(nodes.get(name, [])) for name in publishers)

    def _rests_long_enough(self, rests: bool) -> bool:
        """Whether the consumer is running, but has had no subscriber for REST_PATIENCE: then it needs no images."""
        now = time.monotonic()
        if not rests:
            self._rests_since = None
            return False
        self._rests_since = self._rests_since or now
        return now - self._rests_since > REST_PATIENCE


def main() -> int:
    """Run the node; returns the exit code: 0 at the end of the recording, 2 when it cannot be played, 1 when the ROS
    master was restarted."""
    node_arguments("replay", __doc__, [ReplaySettings], EXAMPLE)
    init_node("replay")
    master = MasterWatch()
    try:
        settings = read_settings(ReplaySettings, rospy.get_param("~", {}), f"node {rospy.get_name()}")
        path = demo_recording() if settings.recording == DEMO else caller_path(settings.recording)
        settings = replace(settings, recording=str(path))
        count = Replay(settings).run()
    except (SettingsError, RecordingError, SimulationError, OSError) as error:
        rospy.logfatal(str(error))
        end_launch(failed=True)
        return BAD_INPUT
    except rospy.ROSException:
        if not rospy.core.is_shutdown_requested():
            raise
        return int(master.lost)
    rospy.loginfo(f"{settings.recording}: {count} framesets played")
    if not rospy.is_shutdown():
        end_launch()
    return int(master.lost)
