"""The topics of the segmentation node; computes and publishes only results with subscribers."""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass, replace
from typing import Any, Callable, Collection, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import rospy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from rt_seg.bundle import Bundle
from rt_seg.labels import UNLABELLED, LabelSet
from rt_seg.msg import ChannelInfo, ClassStatistics, FrameTiming, LabelInfo, SegmentedObjects
from rt_seg.products.class_filter import ClassFilter, split_known, split_names
from rt_seg.products.kept_geometry import ClassSelection, keep_depth, keep_millimetres
from rt_seg.products.legend import draw_legend
from rt_seg.products.overlay import Palette
from rt_seg.products.smoothing import TemporalSmoother
from rt_seg.products.statistics import class_statistics
from rt_seg.ros.conversions import image_message, png_message, rgb_to_compressed
from rt_seg.ros.label_messages import label_info
from rt_seg.ros.node.adjustable_settings import AdjustableSettings
from rt_seg.ros.node.detections import detections_2d, detections_3d, vision_msgs
from rt_seg.ros.node.frame_products import FoundObjects, FrameProducts, Inputs, Memory, Plan
from rt_seg.ros.node.messages import (
    marker_message,
    object_frames_message,
    objects_message,
    point_cloud_message,
    statistics_message,
)
from rt_seg.ros.publishing import create_publisher
from rt_seg.segmenter import Segmentation
from rt_seg.settings import SettingsError

OVERLAY_QUALITY = 80
"""Of the JPEG, for eyes: image_transport's own default."""


class _Topic(NamedTuple):
    """A topic: its message class, how a message is made (None where the image lacks what it takes, as that of a
    subscriber who came since), and what has to be computed for it."""

    kind: type
    make: Callable[[FrameProducts], Optional[Any]]
    depth: bool = False
    confidence: bool = False
    probabilities: bool = False


def _camera_info(products: FrameProducts) -> Optional[CameraInfo]:
    if products.inputs.camera_info is None:
        return None
    message = copy.copy(products.inputs.camera_info)
    message.header = products.header
    return message


def _depth_kept(products: FrameProducts) -> Optional[Image]:
    if products.inputs.depth is None:
        return None
    way = keep_millimetres if products.inputs.depth_in_millimetres else keep_depth
    return image_message(way(products.inputs.depth, products.stays), products.header)


def _confidence_8bit(products: FrameProducts) -> Optional[Image]:
    if products.confidence is None:
        return None
    return image_message(np.rint(products.confidence * np.float32(255.0)).astype(np.uint8), products.header)


def _floats(values: Optional[np.ndarray], header: Header) -> Optional[Image]:
    return None if values is None else image_message(values, header)


def _cloud(points: Optional[np.ndarray], header: Header) -> Optional[PointCloud2]:
    return None if points is None else point_cloud_message(points, header)


def _statistics(products: FrameProducts) -> ClassStatistics:
    labels = products.plan.bundle.labels
    return statistics_message(class_statistics(products.mask, products.inputs.depth, labels), labels, products.header)


def _channel_info(products: FrameProducts) -> ChannelInfo:
    names = products.plan.bundle.labels.names
    return ChannelInfo(products.header, [names[class_id] for class_id in products.plan.channels])


_TOPICS: Dict[str, _Topic] = {
    "camera_info": _Topic(CameraInfo, _camera_info),
    "mask": _Topic(Image, lambda p: image_message(p.mask, p.header)),
    "mask/compressed": _Topic(CompressedImage, lambda p: png_message(p.mask, p.header)),
    # Signed, since to cv_bridge mono16 is a brightness: from mono8 it multiplies by 257, and back it divides.
    "labels_16": _Topic(Image, lambda p: image_message(p.mask.astype(np.int16), p.header)),
    "mask_color": _Topic(Image, lambda p: image_message(p.color_mask, p.header)),
    "mask_color/compressed": _Topic(CompressedImage, lambda p: png_message(p.color_mask, p.header)),
    "overlay": _Topic(Image, lambda p: image_message(p.overlay, p.header)),
    "overlay/compressed": _Topic(CompressedImage, lambda p: rgb_to_compressed(p.overlay, p.header, OVERLAY_QUALITY)),
    "confidence": _Topic(Image, lambda p: _floats(p.confidence, p.header), confidence=True),
    "confidence_8bit": _Topic(Image, _confidence_8bit, confidence=True),
    "channel_info": _Topic(ChannelInfo, _channel_info),
    "probabilities": _Topic(Image, lambda p: _floats(p.probabilities, p.header), probabilities=True),
    "statistics": _Topic(ClassStatistics, _statistics, depth=True),
    "depth_kept": _Topic(Image, _depth_kept, depth=True),
    "points": _Topic(PointCloud2, lambda p: _cloud(p.points, p.header), depth=True),
    "points_kept": _Topic(PointCloud2, lambda p: _cloud(p.points_kept, p.header), depth=True),
    "objects": _Topic(
        SegmentedObjects, lambda p: objects_message(p.objects, p.plan.bundle.labels), depth=True, confidence=True
    ),
    "object_markers": _Topic(
        MarkerArray, lambda p: marker_message(p.objects, p.plan.bundle.labels), depth=True, confidence=True
    ),
}
if vision_msgs is not None:
    _TOPICS["detections_2d"] = _Topic(
        vision_msgs.Detection2DArray, lambda p: detections_2d(p.objects), depth=True, confidence=True
    )
    _TOPICS["detections_3d"] = _Topic(
        vision_msgs.Detection3DArray, lambda p: detections_3d(p.objects), depth=True, confidence=True
    )
"""In the order in which they are sent; a camera info goes before the images that it belongs to."""
_TIMING = "timing"

CLASS_SETTINGS = ("classes", "remap", "keep", "drop", "channels")
"""Settings that name classes of the model."""


def fit_to_classes(
    settings: AdjustableSettings, names: Collection[str], which: Collection[str] = CLASS_SETTINGS
) -> Tuple[AdjustableSettings, List[str]]:
    """The settings `which` without the entries that name other classes than `names`, and those entries, each with its
    setting."""
    kept: Dict[str, Any] = {}
    left_out: List[str] = []
    for setting in which:
        known, other = split_known(getattr(settings, setting), names)
        kept[setting] = ",".join(known)
        left_out += [f"~{setting} {entry}" for entry in other]
    return replace(settings, **kept), left_out


LONGEST_GAP = 1.0
"""Seconds between two images after which smoothing starts over."""


@dataclass(frozen=True)
class Results:
    """What became of one image: mask (H, W) uint8, as published; confidence (H, W) float32 and the objects where they
    were wanted."""

    labels: LabelSet
    mask: np.ndarray
    confidence: Optional[np.ndarray]
    objects: Optional[FoundObjects]


class Outputs:
    """Publishers of the results; in `every_frame` mode they wait for slow subscribers."""

    def __init__(
        self,
        bundle: Bundle,
        settings: AdjustableSettings,
        mode: str,
        on_subscriber: Callable[[], None],
        target_frame: str = "",
        prefix: str = "~",
        frame_prefix: str = "",
    ) -> None:
        """`on_subscriber` is called when somebody has subscribed to a result, in a thread of rospy; `target_frame` is
        that of objects, empty for the camera's; `prefix` comes before the names of topics, and `frame_prefix` before
        those of the objects' frames."""
        self._changing = threading.Lock()
        self._memory = Memory(target_frame)
        self._frame_prefix = frame_prefix
        self._smoother = TemporalSmoother()
        self._last_stamp: Optional[float] = None
        self._publishers = {
            name: create_publisher(f"{prefix}{name}", kind, mode, 1, on_subscriber)
            for name, kind in [*((name, topic.kind) for name, topic in _TOPICS.items()), (_TIMING, FrameTiming)]
        }
        self._frames = create_publisher("/tf", TFMessage, mode, 10, on_subscriber)
        self._labels = rospy.Publisher(f"{prefix}labels", LabelInfo, queue_size=1, latch=True)
        self._legend = rospy.Publisher(f"{prefix}legend", Image, queue_size=1, latch=True)
        self._wanted = settings
        self._plan = self._make_plan(bundle, settings)
        self._announce()

    @property
    def settings(self) -> AdjustableSettings:
        """The settings now in force."""
        return self._plan.settings

    @property
    def wanted_settings(self) -> AdjustableSettings:
        """The settings as they were given: those in force, and classes that other models had and this one lacks."""
        return self._wanted

    def configure(self, settings: AdjustableSettings) -> None:
        """Change the settings, from the next image on. Raises SettingsError for classes that the model lacks, where
        these are not of before."""
        with self._changing:
            announced = settings.threshold != self._plan.settings.threshold
            bundle = self._plan.bundle
            same = [name for name in CLASS_SETTINGS if getattr(settings, name) == getattr(self._wanted, name)]
            self._plan = self._make_plan(bundle, fit_to_classes(settings, bundle.labels.names, same)[0])
            self._wanted = settings
            if announced:
                self._announce()

    def use_model(self, bundle: Bundle) -> None:
        """Change the classes, from the next image on. Class settings that the model has no class for are off until one
        has it."""
        with self._changing:
            settings, left_out = fit_to_classes(self._wanted, bundle.labels.names)
            self._plan = self._make_plan(bundle, settings)
            if left_out:
                rospy.logwarn(
                    f"{bundle.name} has only the classes {', '.join(bundle.labels.names)}; these class settings are "
                    f"off for this model: {', '.join(left_out)}"
                )
            self._smoother.reset()
            self._memory.tracker.reset()
            self._announce()

    def _announce(self) -> None:
        plan = self._plan
        now = rospy.Time.now()
        title = f"{plan.bundle.name} {plan.bundle.version}"
        self._labels.publish(label_info(plan.bundle.labels, Header(stamp=now), title, plan.settings.threshold))
        self._legend.publish(image_message(draw_legend(plan.bundle.labels), Header(stamp=now)))

    @staticmethod
    def _make_plan(bundle: Bundle, settings: AdjustableSettings) -> Plan:
        labels = bundle.labels
        class_filter = ClassFilter(labels, settings.classes, settings.remap)
        selection = ClassSelection(labels, settings.keep, settings.drop)
        wanted = split_names(settings.channels) or labels.names
        if class_filter.malformed:
            raise SettingsError(
                f"~remap: {', '.join(map(repr, class_filter.malformed))}: expected CLASS=CLASS, such as hole=peg"
            )
        for where, unknown in (
            ("~classes and ~remap", class_filter.unknown),
            ("~keep and ~drop", selection.unknown),
            ("~channels", [name for name in wanted if name not in labels.names]),
        ):
            if unknown:
                raise SettingsError(
                    f"{where}: {bundle.name} has no class {', '.join(unknown)}; its classes are "
                    f"{', '.join(labels.names)}"
                )
        # An opening that the model lacks is left out: one configuration serves several models.
        openings = frozenset(split_names(settings.openings)) & frozenset(labels.names)
        channels = tuple(labels.names.index(name) for name in wanted if name in labels.names)
        return Plan(bundle, settings, Palette(labels), class_filter, selection, openings, channels)

    def _subscribed(self, name: str) -> bool:
        return self._publishers[name].get_num_connections() > 0

    def _wants(self, need: str) -> bool:
        """Whether a topic that `need`s something is subscribed to."""
        return any(getattr(topic, need) and self._subscribed(name) for name, topic in _TOPICS.items())

    @property
    def wanted(self) -> bool:
        """Whether anybody subscribes to a result."""
        return self._wants_frames or any(self._subscribed(name) for name in self._publishers)

    @property
    def _wants_frames(self) -> bool:
        return self._plan.settings.object_frames and self._frames.get_num_connections() > 0

    @property
    def wants_depth(self) -> bool:
        """Whether a result that needs depth is subscribed to."""
        return self._wants_frames or self._wants("depth")

    @property
    def wants_confidence(self) -> bool:
        """Whether the probability of each pixel's class is needed."""
        return self._plan.settings.threshold > 0.0 or self._wants("confidence")

    @property
    def wanted_channels(self) -> Tuple[int, ...]:
        """Ids of the classes whose probabilities are needed."""
        return self._plan.channels if self._wants("probabilities") else ()

    def publish(self, inputs: Inputs, segmentation: Segmentation, with_objects: bool = False) -> Results:
        """Send the results of one image, all with its header; `with_objects` finds them for the caller, too."""
        plan = self._plan
        settings = plan.settings
        inputs = inputs.limited(settings.minimum_depth, settings.maximum_depth)
        mask = self._final_mask(plan, segmentation, inputs.header)
        products = FrameProducts(
            plan, inputs, mask, segmentation.confidence, segmentation.probabilities, self._memory,
            self._subscribed("confidence"),
        )  # fmt: skip
        for name, topic in _TOPICS.items():
            if self._subscribed(name):
                message = topic.make(products)
                if message is not None:
                    self._publishers[name].publish(message)
        if self._wants_frames:
            self._frames.publish(object_frames_message(products.objects, self._frame_prefix))
        objects = products.objects if with_objects or "objects" in vars(products) else None
        return Results(plan.bundle.labels, mask, segmentation.confidence, objects)

    def _final_mask(self, plan: Plan, segmentation: Segmentation, header: Header) -> np.ndarray:
        """The mask after threshold, smoothing and class filter."""
        settings, mask = plan.settings, segmentation.mask
        if settings.threshold > 0.0 and segmentation.confidence is not None:
            mask = np.where(segmentation.confidence < settings.threshold, np.uint8(UNLABELLED), mask)
        if settings.smoothing > 1:
            stamp = header.stamp.to_sec()
            # After a gap, or when the clock was set back, the images before tell nothing about this one.
            if self._last_stamp is not None and not 0.0 <= stamp - self._last_stamp <= LONGEST_GAP:
                self._smoother.reset()
            self._last_stamp = stamp
            mask = self._smoother.smooth(mask, settings.smoothing)
        return plan.filter.apply(mask)

    def publish_timing(self, timing: FrameTiming) -> None:
        """Send where the time of a frame went."""
        if self._subscribed(_TIMING):
            self._publishers[_TIMING].publish(timing)
