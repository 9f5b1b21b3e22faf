"""Frames out of ROS: the topics of a running camera, and rosbags."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import message_filters
import numpy as np
import rosgraph
import rospy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from rt_seg.cameras.errors import CameraError
from rt_seg.cameras.frame import Frame, Intrinsics, metres_to_millimetres
from rt_seg.cameras.image_folder import nominal_intrinsics
from rt_seg.recordings.image_messages import ConversionError, check_depth_size, depth_to_metres
from rt_seg.ros.bridged_images import color_to_rgb
from rt_seg.ros.camera_topics import COLOR, COLOR_INFO, DEPTH, RECEIVE_BUFFER
from rt_seg.ros.conversions import intrinsics_from_message
from rt_seg.ros.frame_queue import FrameQueue
from rt_seg.ros.recording.framesets import RecordingError, read_framesets
from rt_seg.ros.synchronizer import LIVE

INFO_PATIENCE = 2.0
"""Seconds that the first image waits for the camera info, which a driver sends beside it."""


def frame_of(color: Any, depth: Any, info: Optional[CameraInfo]) -> Frame:
    """A frame of messages, raw or compressed; without camera info, or with one that does not fit, the intrinsics are
    nominal (`calibration` tells). Raises ConversionError."""
    rgb = color_to_rgb(color)
    height, width = rgb.shape[:2]
    millimetres = None
    if depth is not None:
        metres = depth_to_metres(depth)
        check_depth_size(metres.shape[1], metres.shape[0], width, height)
        millimetres = metres_to_millimetres(metres)
    camera = calibration(info, width, height) or nominal_intrinsics(width, height)
    return Frame(np.ascontiguousarray(rgb), millimetres, None, camera, color.header.stamp.to_sec())


def calibration(info: Optional[CameraInfo], width: int, height: int) -> Optional[Intrinsics]:
    """The camera of a camera info, where it is one of images of this size."""
    try:
        camera = None if info is None else intrinsics_from_message(info)
    except ConversionError:
        return None
    return camera if camera is not None and (camera.width, camera.height) == (width, height) else None


class BagFrames:
    """Frames of a rosbag (or of the parts of a split one), in order.

    Attributes: notes, what there is to say of the messages read so far, in words, with how often.
    """

    def __init__(self, path: Path, camera: str) -> None:
        """`camera`: namespace to take, where a bag has the topics of several."""
        self._path, self._camera = path, camera
        self.calibrated = False
        self.notes: Counter = Counter()

    def __iter__(self) -> Iterator[Frame]:
        """Read frameset by frameset. Raises CameraError naming the bag, also when no image of it can be used."""
        given = 0
        with_depth = False
        self.notes.clear()
        try:
            for frameset in read_framesets(self._path, self._camera, 30.0, "--camera NAME", self._tell):
                messages = dict(frameset.messages)
                with_depth = with_depth or DEPTH in messages
                if COLOR not in messages:
                    self.notes[f"{self._path}: depth images without a colour image, skipped"] += DEPTH in messages
                    continue
                frame = self._frame(messages)
                if frame is not None:
                    given += 1
                    yield frame
        except RecordingError as error:
            raise CameraError(str(error)) from error
        if not given:
            raise CameraError(next(iter(self.notes), f"{self._path}: contains no colour images"))
        if not with_depth:
            del self.notes[self._without_depth]

    def _tell(self, text: str) -> None:
        self.notes[text] += 1

    @property
    def _without_depth(self) -> str:
        return f"{self._path}: images without depth at the same stamp"

    def _frame(self, messages: Dict[str, Any]) -> Optional[Frame]:
        """The frame of a frameset, without its depth where that is not usable; None where colour is not."""
        info, image, depth = messages.get(COLOR_INFO), messages[COLOR], messages.get(DEPTH)
        self.calibrated = calibration(info, image.width, image.height) is not None
        self.notes[self._without_depth] += depth is None
        try:
            return frame_of(image, depth, info)
        except ConversionError as error:
            reason = f"{self._path}: {error}"
        if depth is not None:
            try:
                frame = frame_of(image, None, info)
            except ConversionError as error:
                reason = f"{self._path}: {error}"
            else:
                self.notes[f"{reason}; saved without depth"] += 1
                return frame
        self.notes[f"{reason}; skipped"] += 1
        return None


class TopicFrames:
    """The newest frames of a camera that publishes under the topic contract, as they come."""

    def __init__(self, camera: str, compressed: bool, patience: float = 10.0) -> None:
        """Start a node and subscribe below the namespace `camera`. `patience`: seconds without an image that are too
        long. Raises CameraError without a ROS master."""
        if not rosgraph.is_master_online():
            raise CameraError("no ROS master; start the camera first: roslaunch rt_seg live.launch camera:=realsense")
        rospy.init_node("capture", anonymous=True, disable_signals=True)
        self._patience = patience
        self._info: Optional[CameraInfo] = None
        self._queue = FrameQueue(LIVE, use_depth=True, slop=0.01, depth_timeout=1.0)
        self._color_topic = f"/{camera}/{COLOR}" + ("/compressed" if compressed else "")
        depth_topic = f"/{camera}/{DEPTH}" + ("/compressedDepth" if compressed else "")
        kind = CompressedImage if compressed else Image
        options = {"queue_size": 1, "buff_size": RECEIVE_BUFFER, "tcp_nodelay": True}
        self._subscribers: List[message_filters.Subscriber] = []
        for topic, message, callback in (
            (f"/{camera}/{COLOR_INFO}", CameraInfo, self._on_info),
            (depth_topic, kind, self._on_depth),
            (self._color_topic, kind, self._on_color),
        ):
            subscriber = message_filters.Subscriber(topic, message, **options)
            subscriber.registerCallback(callback)
            self._subscribers.append(subscriber)

    @property
    def calibrated(self) -> bool:
        """Whether there is a camera info that can be used."""
        return self._info is not None and calibration(self._info, self._info.width, self._info.height) is not None

    def __iter__(self) -> Iterator[Frame]:
        """Frames without end. Raises CameraError when no image came for `patience` seconds."""
        last = time.monotonic()
        waits_for_info = True
        while not rospy.is_shutdown():
            pair = self._queue.take(timeout=0.2)
            if pair is None:
                if time.monotonic() - last > self._patience:
                    raise CameraError(
                        f"no image on {self._color_topic} for {self._patience:.0f} s; see 'rosrun rt_seg doctor'"
                    )
                continue
            last = time.monotonic()
            if waits_for_info:
                while self._info is None and time.monotonic() - last < INFO_PATIENCE:
                    time.sleep(0.02)
                waits_for_info = False
                if self._info is None:
                    rospy.logwarn(f"no camera info for {self._color_topic}: camera parameters are not saved")
            try:
                yield frame_of(pair.color, pair.depth, self._info)
            except ConversionError as error:
                rospy.logwarn_throttle(5.0, f"{self._color_topic}: {error}; the image is skipped")

    def close(self) -> None:
        """Unsubscribe and end the node."""
        self._queue.close()
        for subscriber in self._subscribers:
            subscriber.unregister()
        rospy.signal_shutdown("capture has ended")

    def _on_info(self, message: CameraInfo) -> None:
        self._info = message

    def _on_color(self, message: Any) -> None:
        self._queue.put_color(message.header.stamp.to_nsec(), message)

    def _on_depth(self, message: Any) -> None:
        self._queue.put_depth(message.header.stamp.to_nsec(), message)
