"""The topics of the segmentation node; makes and sends only what somebody subscribes to."""
from __future__ import annotations

import copy
import threading
from dataclasses import dataclass, replace
from typing import Callable, Dict, FrozenSet, List, Optional

import numpy as np
import rospy
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from rt_seg.bundle import Bundle
from rt_seg.cameras.frame import Intrinsics
from rt_seg.labels import UNLABELLED, LabelSet
from rt_seg.msg import ClassStatistics, FrameTiming, LabelInfo, SegmentedObjects
from rt_seg.products.class_filter import ClassFilter, split_names
from rt_seg.products.objects import SegmentedObject, find_objects
from rt_seg.products.overlay import Palette
from rt_seg.products.point_cloud import Rays, label_points
from rt_seg.products.smoothing import TemporalSmoother
from rt_seg.products.statistics import class_statistics
from rt_seg.ros.conversions import image_message
from rt_seg.ros.node.adjustable_settings import AdjustableSettings
from rt_seg.ros.node.messages import (
    label_info_message,
    marker_message,
    objects_message,
    point_cloud_message,
    statistics_message,
)
from rt_seg.ros.publishing import create_publisher
from rt_seg.segmenter import Segmentation

_KINDS: Dict[str, type] = {
    "mask": Image,
    "mask_color": Image,
    "overlay": Image,
    "confidence": Image,
    "camera_info": CameraInfo,
    "points": PointCloud2,
    "statistics": ClassStatistics,
    "objects": SegmentedObjects,
    "object_markers": MarkerArray,
    "timing": FrameTiming,
}


LONGEST_GAP = 1.0
"""Seconds between two images after which smoothing starts anew."""


@dataclass(frozen=True)
class Inputs:
    """One image with what belongs to it: rgb (H, W, 3) uint8; camera_info of H × W pixels, intrinsics where that is a
    calibration, and depth (H, W) float32 metres with NaN where unknown, each None when there is none."""

    header: Header
    rgb: np.ndarray
    camera_info: Optional[CameraInfo]
    intrinsics: Optional[Intrinsics]
    depth: Optional[np.ndarray]


@dataclass(frozen=True)
class Results:
    """What became of one image: mask (H, W) uint8, as published; confidence (H, W) float32 and the objects where they
    were wanted."""

    labels: LabelSet
    mask: np.ndarray
    confidence: Optional[np.ndarray]
    objects: Optional[List[SegmentedObject]]


@dataclass(frozen=True)
class _Plan:
    """All that the products of one image are made by; exchanged whole, so that no image mixes two."""

    bundle: Bundle
    settings: AdjustableSettings
    palette: Palette
    filter: ClassFilter
    openings: FrozenSet[str]


class Outputs:
    """Publishers of the results; in `every_frame` mode they wait for slow subscribers."""

    def __init__(
        self, bundle: Bundle, settings: AdjustableSettings, mode: str, on_subscriber: Callable[[], None]
    ) -> None:
        """`on_subscriber` is called when somebody has subscribed to a result, in a thread of rospy."""
        self._changing = threading.Lock()
        self._rays: Optional[Rays] = None
        self._points: Optional[np.ndarray] = None
        self._smoother = TemporalSmoother()
        self._last_stamp: Optional[float] = None
        self._publishers = {
            name: create_publisher(f"~{name}", kind, mode, 1, on_subscriber) for name, kind in _KINDS.items()
        }
        self._labels = rospy.Publisher("~labels", LabelInfo, queue_size=1, latch=True)
        self._plan = self._make_plan(bundle, settings)
        self._announce()

    @property
    def settings(self) -> AdjustableSettings:
        """The settings now in force."""
        return self._plan.settings

    def configure(self, settings: AdjustableSettings) -> None:
        """Change the settings, from the next image on."""
        with self._changing:
            announced = settings.threshold != self._plan.settings.threshold
            self._plan = self._make_plan(self._plan.bundle, settings)
            if announced:
                self._announce()

    def use_model(self, bundle: Bundle) -> None:
        """Change the classes, from the next image on."""
        with self._changing:
            self._plan = self._make_plan(bundle, self._plan.settings)
            self._smoother.reset()
            self._announce()

    def _announce(self) -> None:
        plan = self._plan
        self._labels.publish(label_info_message(plan.bundle, rospy.Time.now(), plan.settings.threshold))

    @staticmethod
    def _make_plan(bundle: Bundle, settings: AdjustableSettings) -> _Plan:
        labels = bundle.labels
        class_filter = ClassFilter(labels, settings.classes, settings.remap)
        if class_filter.unknown:
            rospy.logwarn(
                f"~classes and ~remap: {', '.join(class_filter.unknown)} is no class of {bundle.name}; its classes are "
                f"{', '.join(labels.names)}, and ~remap has the form hole=peg"
            )
        # An opening that the model lacks is left out: one configuration serves several models.
        openings = frozenset(split_names(settings.openings)) & frozenset(labels.names)
        return _Plan(bundle, settings, Palette(labels), class_filter, openings)

    def _subscribed(self, *names: str) -> bool:
        return any(self._publishers[name].get_num_connections() for name in names)

    @property
    def wanted(self) -> bool:
        """Whether anybody subscribes to a result."""
        return self._subscribed(*_KINDS)

    @property
    def wants_depth(self) -> bool:
        """Whether a result that needs depth is subscribed to."""
        return self._subscribed("points", "statistics", "objects", "object_markers")

    @property
    def wants_confidence(self) -> bool:
        """Whether the probability of each pixel's class is needed."""
        return self._plan.settings.threshold > 0.0 or self._subscribed("confidence")

    def publish(self, inputs: Inputs, segmentation: Segmentation, with_objects: bool = False) -> Results:
        """Send the results of one image, all with its header; `with_objects` finds them for the caller, too."""
        plan = self._plan
        header, labels, settings = inputs.header, plan.bundle.labels, plan.settings
        mask, confidence = self._final_mask(plan, segmentation, header), segmentation.confidence
        inputs = replace(inputs, depth=_limited(inputs.depth, settings.minimum_depth, settings.maximum_depth))
        if inputs.camera_info is not None and self._subscribed("camera_info"):
            message = copy.copy(inputs.camera_info)
            message.header = header
            self._publishers["camera_info"].publish(message)
        self._send("mask", lambda: image_message(mask, header))
        self._send("mask_color", lambda: image_message(plan.palette.colorize(mask), header))
        drawn = (settings.overlay_alpha, settings.overlay_contours, settings.overlay_names)
        self._send("overlay", lambda: image_message(plan.palette.blend(inputs.rgb, mask, *drawn), header))
        if confidence is not None:
            self._send("confidence", lambda: image_message(confidence, header))
        self._send(
            "statistics", lambda: statistics_message(class_statistics(mask, inputs.depth, labels), labels, header)
        )
        rays = None if inputs.intrinsics is None else self._rays_of(inputs.intrinsics)
        if rays is not None and inputs.depth is not None and self._subscribed("points"):
            self._points = label_points(
                rays, inputs.depth, inputs.rgb, mask, settings.cloud_stride, confidence, self._points
            )
            self._publishers["points"].publish(point_cloud_message(self._points, header))
        objects = None
        if with_objects or self._subscribed("objects", "object_markers"):
            objects = find_objects(mask, labels, settings.least_area, inputs.depth, rays, confidence, plan.openings)
            self._send("objects", lambda: objects_message(objects, labels, header))
            self._send("object_markers", lambda: marker_message(objects, labels, header))
        return Results(labels, mask, confidence, objects)

    def _final_mask(self, plan: _Plan, segmentation: Segmentation, header: Header) -> np.ndarray:
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

    def _send(self, name: str, make: Callable[[], object]) -> None:
        if self._subscribed(name):
            self._publishers[name].publish(make())

    def _rays_of(self, intrinsics: Intrinsics) -> Rays:
        if self._rays is None or self._rays.intrinsics != intrinsics:
            self._rays = Rays(intrinsics)
        return self._rays

    def publish_timing(self, timing: FrameTiming) -> None:
        """Send where the time of a frame went."""
        self._send("timing", lambda: timing)


def _limited(depth: Optional[np.ndarray], nearest: float, farthest: float) -> Optional[np.ndarray]:
    """Depth with NaN outside of nearest..farthest metres; `farthest` 0 is no limit."""
    if depth is None or (nearest <= 0.0 and farthest <= 0.0):
        return depth
    with np.errstate(invalid="ignore"):
        outside = depth < nearest
        if farthest > 0.0:
            outside |= depth > farthest
    return np.where(outside, np.float32("nan"), depth)
