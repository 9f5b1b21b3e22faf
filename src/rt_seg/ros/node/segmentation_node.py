"""The live node: framesets in, masks out, with the stamps and frames of the input."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import fields
from typing import Deque, List, Optional, Union

# Before NumPy, which it sets up.
import rt_seg.ros.node.threads  # noqa: F401

# isort: split
import rospy
from dynamic_reconfigure.server import Server
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from rt_seg.bundle import BundleError
from rt_seg.camera_image import CameraImage
from rt_seg.cfg import SegmentationConfig
from rt_seg.command_line import BAD_INPUT, node_arguments
from rt_seg.msg import FrameTiming
from rt_seg.recordings.image_messages import ConversionError
from rt_seg.ros.array_messages import ArrayImage
from rt_seg.ros.camera_topics import COLOR, COLOR_INFO, DEPTH, RECEIVE_BUFFER
from rt_seg.ros.conversions import is_rectified
from rt_seg.ros.frame_queue import FrameQueue
from rt_seg.ros.launch_end import end_launch, init_node
from rt_seg.ros.master_watch import MasterWatch
from rt_seg.ros.node.adjustable_settings import AdjustableSettings
from rt_seg.ros.node.camera_subscription import CameraSubscription, Stream
from rt_seg.ros.node.complaints import IMAGE, Complaints
from rt_seg.ros.node.diagnostics import Diagnostics, StreamState
from rt_seg.ros.node.frame_reading import FrameReader, encoding_of
from rt_seg.ros.node.frame_requests import FrameRequests
from rt_seg.ros.node.frame_saver import FrameSaver
from rt_seg.ros.node.model import REMOTE, EngineSettings, Model, load_model
from rt_seg.ros.node.model_exchange import ModelExchange
from rt_seg.ros.node.names import Names
from rt_seg.ros.node.outputs import CLASS_SETTINGS, Outputs
from rt_seg.ros.node.results_thread import ResultsThread
from rt_seg.ros.node.segmentation_settings import RAW, SegmentationSettings, read_all_settings
from rt_seg.ros.node.services import Services
from rt_seg.ros.synchronizer import EVERY_FRAME, Pair
from rt_seg.settings import SettingsError
from rt_seg.shared_engines import EnginePool
from rt_seg.sized_segmenter import AUTO, FULL

EXAMPLE = """rosrun rt_seg segmentation_node _bundle:=models/indoor color/image_raw:=/camera/color/image_raw

`roslaunch rt_seg live.launch` starts it with a camera; config/segmentation.yaml explains the parameters."""

RECENT = 300
"""Images whose times of inference the percentiles in the diagnostics are of."""
TAKE_OVER_PATIENCE = 30.0
"""Seconds that the service of load_model waits for the worker."""


class SegmentationNode:
    """Subscriber callbacks only enqueue; `run` works on the newest frameset (or on each, in order: every_frame), and
    hands what the network made of it to a thread that makes and sends the results."""

    def __init__(
        self,
        settings: SegmentationSettings,
        adjustable: AdjustableSettings,
        model: Model,
        names: Names = Names(),  # noqa: B008  it is frozen
        pool: Optional[EnginePool] = None,
    ) -> None:
        """`names` are other ones, and models come from a `pool`, where several cameras share a process."""
        self._settings = settings
        self._names, self._pool = names, pool
        self._keeps_all = settings.mode == EVERY_FRAME
        self._model = model
        self._exchange = ModelExchange()
        self._loading = threading.Lock()
        self._queue = FrameQueue(settings.mode, settings.use_depth, settings.slop, settings.depth_timeout)
        self._outputs = Outputs(
            model.bundle,
            adjustable,
            settings.mode,
            self._queue.wake,
            settings.target_frame,
            names.results,
            names.frame_prefix,
        )
        self._enabled = True
        self._segmented = self._failed = self._unwanted = self._rate_limited = 0
        self._complaints = Complaints()
        self._inferences: Deque[float] = deque(maxlen=RECENT)
        self._arrival_age: Optional[float] = None
        self._mask_age: Optional[float] = None
        self._next_start = 0.0
        self._last_arrival: Optional[float] = None
        self._period: Optional[float] = None
        self._last_image: Optional[CameraImage] = None
        self._color_topic = _transported(names.camera + COLOR, settings.color_transport)
        self._depth_topic = _transported(names.camera + DEPTH, settings.depth_transport)
        self._results = ResultsThread()
        self._requests = FrameRequests(self._queue.wake)
        self._saver = FrameSaver(settings.save_folder, settings.save_limit, settings.save_interval)
        self._info_topic = rospy.resolve_name(names.camera + COLOR_INFO)
        self._reader = FrameReader(
            self._depth_topic, self._info_topic, self._complaints, is_rectified(self._color_topic)
        )
        self._services = Services(
            self._requests, self._saver, self._color_topic, self._enable, self._load_model, names.results
        )
        # dynamic_reconfigure puts a slash behind a name, and behind "~" that is another name.
        namespace = "" if names.results == "~" else names.results
        self._reconfiguration = Server(SegmentationConfig, self._on_reconfigure, namespace)
        self._camera = CameraSubscription(self._streams(), always=self._keeps_all)
        # Last: its thread reads the state of all the others.
        self._diagnostics = Diagnostics(
            lambda: self._model, self._color_topic, self._state, settings.diagnostic_period, names.node
        )
        # Its thread reads all of the above, and on a busy machine before the last of it would have been made.

    def _streams(self) -> List[Stream]:
        options = {"queue_size": None if self._keeps_all else 1, "buff_size": RECEIVE_BUFFER, "tcp_nodelay": True}
        settings = self._settings
        kinds = [ArrayImage if transport == RAW else CompressedImage
                 for transport in (settings.color_transport, settings.depth_transport)]  # fmt: skip
        # Colour comes last: a recording starts when colour has a subscriber, and by then all else is connected.
        streams = [Stream(self._info_topic, CameraInfo, self._on_camera_info, {"queue_size": 1})]
        if settings.use_depth:
            streams.append(Stream(self._depth_topic, kinds[1], self._on_depth, options))
        return [*streams, Stream(self._color_topic, kinds[0], self._on_color, options)]

    def run(self) -> None:
        """Work until the node is shut down."""
        try:
            while not rospy.is_shutdown():
                self._take_over()
                self._camera.follow(self._images_are_wanted(), self._queue.restart)
                pair = self._queue.take(timeout=0.2)
                if pair is not None:
                    self._process(pair)
                elif self._camera.connected and self._queue.silence > 5.0:
                    rospy.logwarn_throttle(
                        10.0, f"no colour image for {self._queue.silence:.0f} s on {self._color_topic}"
                    )
        finally:
            self.close()

    def close(self) -> None:
        """Stop taking messages and free the engine."""
        self._queue.close()
        self._results.close()
        self._camera.close()
        self._services.close()
        self._diagnostics.stop()
        self._model.segmenter.close()

    def _on_color(self, message: Union[Image, CompressedImage]) -> None:
        now = time.monotonic()
        # By arrival, not by stamps: what counts is how much time there is until the next image.
        self._period = None if self._last_arrival is None else now - self._last_arrival
        self._last_arrival = now
        self._arrival_age = self._age_of(message)
        self._queue.put_color(message.header.stamp.to_nsec(), message)

    def _on_depth(self, message: Union[Image, CompressedImage]) -> None:
        self._queue.put_depth(message.header.stamp.to_nsec(), message)

    def _on_camera_info(self, message: CameraInfo) -> None:
        self._reader.camera_info = message

    def _on_reconfigure(self, config: SegmentationConfig, level: int) -> SegmentationConfig:
        values = {entry.name: config[entry.name] for entry in fields(AdjustableSettings)}
        try:
            self._outputs.configure(AdjustableSettings(**values))
        except SettingsError as error:
            rospy.logerr(f"{error}. The class settings are unchanged")
            values.update({name: getattr(self._outputs.wanted_settings, name) for name in CLASS_SETTINGS})
            config.update(values)
            self._outputs.configure(AdjustableSettings(**values))
        return config

    def _enable(self, enabled: bool) -> None:
        self._enabled = enabled
        self._queue.wake()

    def _images_are_wanted(self) -> bool:
        """Whether an image that came now would be of use."""
        saves = self._outputs.settings.save_below_confidence > 0.0
        return self._enabled and (saves or self._outputs.wanted or bool(self._requests.pending()))

    def _load_model(self, text: str) -> str:
        """Exchange the model; returns its title. Runs in the thread of a service. Raises BundleError."""
        with self._loading:
            engine = engine_settings(self._settings)
            model = load_model(text, engine, self._last_image, self._outputs.wants_confidence, self._pool)
            # Longer than any image takes: the worker is always about to look.
            if not self._exchange.offer(model, TAKE_OVER_PATIENCE):
                model.segmenter.close()
                raise BundleError(
                    f"{model.title} is loaded, but the node did not switch to it within {TAKE_OVER_PATIENCE:.0f} s"
                )
            return model.title

    def _take_over(self) -> None:
        """Exchange the model between two images, when one waits."""
        with self._exchange.taken() as model:
            if model is None:
                return
            self._results.wait()  # which are of the classes of the model before
            previous, self._model = self._model, model
            self._outputs.use_model(model.bundle)
            self._inferences.clear()
            previous.segmenter.close()
        # For the node that takes this one's place, should it be killed.
        rospy.set_param(self._names.bundle, str(model.bundle.folder))
        rospy.loginfo(f"model {model.title} from {model.bundle.folder}")

    def _is_too_soon(self) -> bool:
        """Whether ~maximum_rate leaves this image out. In every_frame mode it never does."""
        rate = self._outputs.settings.maximum_rate
        if rate <= 0.0 or self._keeps_all:
            return False
        now = time.monotonic()
        if now < self._next_start:
            return True
        # From the planned time, not from now: else the rate would fall to the next divisor of the camera's.
        self._next_start = max(self._next_start + 1.0 / rate, now)
        return False

    def _process(self, pair: Pair) -> None:
        asked = self._requests.pending()
        below = self._outputs.settings.save_below_confidence
        judges = below > 0.0 and self._saver.due
        if not self._enabled or not (asked or judges or self._outputs.wanted):
            self._unwanted += 1
            return
        if not asked and self._is_too_soon():
            self._rate_limited += 1
            return
        color = pair.color
        started = time.monotonic()
        wait = self._age_of(color)
        try:
            uses_depth = bool(asked) or judges or self._outputs.wants_depth
            inputs = self._reader.read(pair, uses_depth, self._model.bundle.input.with_depth)
            image, depth = inputs.image, inputs.depth_image
            converted = time.monotonic()
            with_confidence = bool(asked) or judges or self._outputs.wants_confidence
            segmentation = self._model.segmenter.segment(
                image, with_confidence, None if depth is None else depth.readings, self._outputs.wanted_channels
            )
            inferred = time.monotonic()
        except Exception as error:
            self._results.wait()
            self._fail(color, error)
            return
        self._inferences.append(inferred - converted)
        self._last_image = image
        timing = FrameTiming(
            header=color.header, wait=wait, preprocess=converted - started, inference=inferred - converted
        )
        timing.input_height, timing.input_width = self._model.segmenter.input_size

        def finish() -> None:
            try:
                results = self._outputs.publish(inputs, segmentation, with_objects=bool(asked))
                timing.publish = time.monotonic() - inferred
                timing.age = self._age_of(color)
                self._outputs.publish_timing(timing)
                self._requests.answer(asked, inputs, results)
                if judges:
                    self._saver.save_unsure(inputs, results, below)
            except Exception as error:
                self._fail(color, error)
            else:
                self._segmented += 1
                self._mask_age = self._age_of(color)

        self._results.run(finish)
        self._follow_rate(time.monotonic() - started)

    def _follow_rate(self, busy: float) -> None:
        """Let the model change its input size when frames take too long, or leave room for a larger one."""
        period, maximum = self._period, self._outputs.settings.maximum_rate
        if period is not None and maximum > 0.0:
            period = max(period, 1.0 / maximum)
        change = self._model.segmenter.after_frame(busy, period, time.monotonic())
        if change is not None:
            self._inferences.clear()
            rospy.loginfo(change)

    def _fail(self, color: Union[Image, CompressedImage], error: Exception) -> None:
        """Leave out an image: one bad message must not end the node."""
        if rospy.core.is_shutdown_requested():
            return  # publishing on a topic closed by the shutdown is no failure
        self._failed += 1
        reason = str(error) if isinstance(error, ConversionError) else f"{type(error).__name__}: {error}"
        self._complaints.add(IMAGE, f"{self._color_topic} ({encoding_of(color)}): {reason}; the image is skipped")

    @staticmethod
    def _age_of(image: Union[Image, CompressedImage]) -> float:
        """Seconds of ROS time since the image's stamp."""
        return (rospy.Time.now() - image.header.stamp).to_sec()

    def _state(self) -> StreamState:
        counters = dict(
            self._queue.counters,
            segmented=self._segmented,
            failed=self._failed,
            depth_refused=self._reader.depth_refused,
            info_refused=self._reader.info_refused,
            without_depth=self._reader.without_depth,
            unwanted=self._unwanted,
            rate_limited=self._rate_limited,
        )
        return StreamState(
            counters=counters,
            silence=self._queue.silence,
            enabled=self._enabled,
            idle=not self._camera.connected,
            uses_depth=self._settings.use_depth,
            depth_alive=self._queue.depth_alive,
            model_takes_depth=self._model.bundle.input.with_depth,
            complaints=dict(self._complaints.texts),
            last_failure=self._complaints.last or None,
            inferences=tuple(self._inferences),
            arrival_age=self._arrival_age,
            mask_age=self._mask_age,
        )


def _transported(topic: str, transport: str) -> str:
    """The resolved name of a topic, as image_transport names it."""
    return rospy.resolve_name(topic) + ("" if transport == RAW else f"/{transport}")


def engine_settings(settings: SegmentationSettings) -> EngineSettings:
    """The part of the settings that concerns the engine."""
    # Masks of a recording are to be the same on every machine.
    # A server has one size of a model.
    fixed = settings.mode == EVERY_FRAME or settings.runtime == REMOTE
    size = FULL if fixed and settings.input_size == AUTO else settings.input_size
    return EngineSettings(
        settings.runtime, settings.precision, settings.threads, size,
        settings.server, settings.server_encoding, settings.server_deadline,
    )  # fmt: skip


def main() -> int:
    """Run the node; returns the exit code: 0 after a shutdown, 2 when settings or model bundle cannot be used, 1 when
    the ROS master was restarted."""
    node_arguments("segmentation_node", __doc__, [SegmentationSettings, AdjustableSettings], EXAMPLE)
    init_node("segmentation")
    master = MasterWatch()
    try:
        settings, adjustable = read_all_settings(rospy.get_param("~", {}), f"node {rospy.get_name()}", rospy.logwarn)
        model = load_model(settings.bundle, engine_settings(settings))
    except (SettingsError, BundleError) as error:
        rospy.logfatal(str(error))
        end_launch(failed=True)  # to start again with the same settings would be in vain
        return BAD_INPUT
    rospy.loginfo(f"model {model.title} from {model.bundle.folder}: {model.segmenter.description}")
    try:
        node = SegmentationNode(settings, adjustable, model)
    except SettingsError as error:
        rospy.logfatal(str(error))
        end_launch(failed=True)
        return BAD_INPUT
    node.run()
    if master.lost:
        end_launch(failed=True)
    return int(master.lost)
