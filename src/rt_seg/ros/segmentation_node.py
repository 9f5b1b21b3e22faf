"""The live node: framesets in, masks out, with the stamps and frames of the input."""
from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, List, Optional

import message_filters
import numpy as np
import rospy
from sensor_msgs.msg import CameraInfo, Image

from rt_seg.bundle import Bundle, BundleError, load_bundle
from rt_seg.cameras.frame import Intrinsics
from rt_seg.engines import PRECISIONS
from rt_seg.msg import FrameTiming
from rt_seg.ros.camera_topics import COLOR, COLOR_INFO, DEPTH, RECEIVE_BUFFER
from rt_seg.ros.conversions import (
    ConversionError,
    check_depth,
    color_to_rgb,
    depth_to_metres,
    intrinsics_from_message,
)
from rt_seg.ros.diagnostics import Diagnostics, StreamState
from rt_seg.ros.frame_queue import FrameQueue
from rt_seg.ros.outputs import Inputs, Outputs, ProductSettings
from rt_seg.ros.settings import SettingsError, read_settings
from rt_seg.ros.synchronizer import EVERY_FRAME, LIVE, MODES, Pair
from rt_seg.segmenter import Segmenter


@dataclass(frozen=True)
class SegmentationSettings:
    """Private parameters of the node; config/segmentation.yaml explains them."""

    bundle: str
    runtime: str = "auto"
    precision: str = field(default="auto", metadata={"accepted": PRECISIONS})
    threads: int = field(default=0, metadata={"range": (0, 1024)})
    warm_up_width: int = field(default=640, metadata={"range": (1, 16384)})
    warm_up_height: int = field(default=480, metadata={"range": (1, 16384)})
    mode: str = field(default=LIVE, metadata={"accepted": MODES})
    use_depth: bool = True
    slop: float = field(default=0.01, metadata={"range": (0.0, 1.0)})
    depth_timeout: float = field(default=1.0, metadata={"range": (0.05, 60.0)})
    overlay_alpha: float = field(default=0.5, metadata={"range": (0.0, 1.0)})
    threshold: float = field(default=0.0, metadata={"range": (0.0, 1.0)})
    cloud_stride: int = field(default=1, metadata={"range": (1, 64)})
    least_area: int = field(default=150, metadata={"range": (1, 10**8)})
    openings: str = "hole"
    diagnostic_period: float = field(default=1.0, metadata={"range": (0.1, 60.0)})


def product_settings(settings: SegmentationSettings, bundle: Bundle) -> ProductSettings:
    """The part of the settings that concerns the products. A class of `openings` that the model lacks is left out:
    one configuration serves several models."""
    openings = frozenset(name.strip() for name in settings.openings.split(",")) & frozenset(bundle.labels.names)
    return ProductSettings(
        settings.overlay_alpha, settings.threshold, settings.cloud_stride, settings.least_area, openings
    )


class SegmentationNode:
    """Subscriber callbacks only enqueue; `run` works on the newest frameset (or on each, in order: every_frame)."""

    def __init__(self, settings: SegmentationSettings, bundle: Bundle, segmenter: Segmenter) -> None:
        keeps_all = settings.mode == EVERY_FRAME
        self._segmenter = segmenter
        self._queue = FrameQueue(settings.mode, settings.use_depth, settings.slop, settings.depth_timeout)
        self._outputs = Outputs(bundle, product_settings(settings, bundle), settings.mode)
        self._uses_depth = settings.use_depth
        self._camera_info: Optional[CameraInfo] = None
        self._segmented = self._failed = self._depth_refused = self._unwanted = 0
        self._last_failure: Optional[str] = None
        self._inference: Optional[float] = None
        self._age: Optional[float] = None
        self._color_topic = rospy.resolve_name(COLOR)
        self._depth_topic = rospy.resolve_name(DEPTH)
        self._diagnostics = Diagnostics(
            bundle, segmenter.description, self._color_topic, self._state, settings.diagnostic_period
        )
        options = {"queue_size": None if keeps_all else 1, "buff_size": RECEIVE_BUFFER, "tcp_nodelay": True}
        # Colour comes last: a recording starts when colour has a subscriber, and by then all else is connected.
        self._subscribers: List[message_filters.Subscriber] = []
        self._subscribe(COLOR_INFO, CameraInfo, self._on_camera_info, queue_size=1)
        if settings.use_depth:
            self._subscribe(DEPTH, Image, self._on_depth, **options)
        self._subscribe(COLOR, Image, self._on_color, **options)

    def _subscribe(self, topic: str, kind: type, callback: Callable, **options: object) -> None:
        subscriber = message_filters.Subscriber(topic, kind, **options)
        subscriber.registerCallback(callback)
        self._subscribers.append(subscriber)

    def run(self) -> None:
        """Work until the node is shut down."""
        try:
            while not rospy.is_shutdown():
                pair = self._queue.take(timeout=0.2)
                if pair is not None:
                    self._process(pair)
                elif self._queue.silence > 5.0:
                    rospy.logwarn_throttle(
                        10.0, f"no colour image for {self._queue.silence:.0f} s on {self._color_topic}"
                    )
        finally:
            self.close()

    def close(self) -> None:
        """Stop taking messages and free the engine."""
        self._queue.close()
        for subscriber in self._subscribers:
            subscriber.unregister()
        self._diagnostics.stop()
        self._segmenter.close()

    def _on_color(self, message: Image) -> None:
        self._queue.put_color(message.header.stamp.to_nsec(), message)

    def _on_depth(self, message: Image) -> None:
        self._queue.put_depth(message.header.stamp.to_nsec(), message)

    def _on_camera_info(self, message: CameraInfo) -> None:
        self._camera_info = message

    def _process(self, pair: Pair) -> None:
        if not self._outputs.wanted:
            self._unwanted += 1
            return
        color: Image = pair.color
        started = time.monotonic()
        wait = self._age_of(color)
        try:
            rgb = color_to_rgb(color)
            info = self._camera_info_for(color)
            depth = self._depth_for(pair.depth, color)
            inputs = Inputs(color.header, rgb, info, self._intrinsics_of(info), depth)
            converted = time.monotonic()
            segmentation = self._segmenter.segment(rgb, self._outputs.wants_confidence)
            inferred = time.monotonic()
            self._outputs.publish(inputs, segmentation)
            ended = time.monotonic()
            self._outputs.publish_timing(
                FrameTiming(
                    header=color.header,
                    wait=wait,
                    preprocess=converted - started,
                    inference=inferred - converted,
                    publish=ended - inferred,
                    age=self._age_of(color),
                )
            )
            self._inference = inferred - converted
        except rospy.ROSException:
            if not rospy.is_shutdown():  # publishing on a topic closed by the shutdown is no failure
                raise
        except Exception as error:  # one bad message must not end the node
            self._failed += 1
            reason = str(error) if isinstance(error, ConversionError) else f"{type(error).__name__}: {error}"
            self._report(f"{self._color_topic} ({color.encoding}): {reason}; the image is skipped")
        else:
            self._segmented += 1
            self._age = self._age_of(color)

    @staticmethod
    def _age_of(image: Image) -> float:
        """Seconds of ROS time since the image's stamp."""
        return (rospy.Time.now() - image.header.stamp).to_sec()

    def _depth_for(self, depth: Optional[Image], color: Image) -> Optional[np.ndarray]:
        """Depth in metres, where something needs it and it belongs to the colour image."""
        if depth is None:
            return None
        try:
            check_depth(depth, color.width, color.height)
            return depth_to_metres(depth) if self._outputs.wants_depth else None
        except ConversionError as error:
            self._depth_refused += 1
            self._report(f"{self._depth_topic} ({depth.encoding}): {error}; colour goes on alone")
            return None

    def _camera_info_for(self, color: Image) -> Optional[CameraInfo]:
        info = self._camera_info
        if info is not None and (info.width, info.height) != (color.width, color.height):
            self._report(
                f"{rospy.resolve_name(COLOR_INFO)}: camera info is for {info.width}x{info.height} pixels and the "
                f"image has {color.width}x{color.height}; ~camera_info is not published"
            )
            return None
        return info

    def _intrinsics_of(self, info: Optional[CameraInfo]) -> Optional[Intrinsics]:
        """The camera of a camera info, where something needs it and it is a calibration."""
        if info is None or not self._outputs.wants_depth:
            return None
        try:
            return intrinsics_from_message(info)
        except ConversionError as error:
            self._report(f"{rospy.resolve_name(COLOR_INFO)}: {error}; there are no points and no poses")
            return None

    def _report(self, text: str) -> None:
        self._last_failure = text
        rospy.logerr_throttle_identical(5.0, text)

    def _state(self) -> StreamState:
        counters = dict(
            self._queue.counters,
            segmented=self._segmented,
            failed=self._failed,
            depth_refused=self._depth_refused,
            unwanted=self._unwanted,
        )
        silence, alive = self._queue.silence, self._queue.depth_alive
        return StreamState(
            counters, silence, self._uses_depth, alive, self._last_failure, self._inference, self._age
        )


def main() -> int:
    """Run the node; returns the exit code: 0 after a shutdown, 1 when settings or model bundle cannot be used."""
    rospy.init_node("segmentation")
    try:
        settings = read_settings(SegmentationSettings, rospy.get_param("~", {}), f"node {rospy.get_name()}")
        bundle = load_bundle(Path(settings.bundle))
        segmenter = Segmenter(bundle, settings.runtime, settings.threads, settings.precision)
    except (SettingsError, BundleError) as error:
        rospy.logfatal(str(error))
        return 1
    try:
        # The engine prepares itself for a size of images at the first of them; better before images come than after.
        segmenter.segment(np.zeros((settings.warm_up_height, settings.warm_up_width, 3), np.uint8))
    except Exception as error:  # whatever a runtime raises for a model that loads but does not run
        rospy.logfatal(f"{bundle.folder}: the model does not run with {segmenter.description}: {error}")
        return 1
    rospy.loginfo(f"model {bundle.name} {bundle.version} from {bundle.folder}: {segmenter.description}")
    SegmentationNode(settings, bundle, segmenter).run()
    return 0
