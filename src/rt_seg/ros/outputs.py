"""The topics of the segmentation node; makes and sends only what somebody subscribes to."""
from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Callable, Dict, FrozenSet, Optional

import numpy as np
import rospy
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from rt_seg.bundle import Bundle
from rt_seg.cameras.frame import Intrinsics
from rt_seg.labels import UNLABELLED
from rt_seg.msg import ClassStatistics, FrameTiming, LabelInfo, SegmentedObjects
from rt_seg.products.objects import find_objects
from rt_seg.products.overlay import Palette
from rt_seg.products.point_cloud import Rays, label_points
from rt_seg.products.statistics import class_statistics
from rt_seg.ros.conversions import image_message
from rt_seg.ros.messages import (
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


@dataclass(frozen=True)
class ProductSettings:
    """How the products are made."""

    overlay_alpha: float
    threshold: float
    """Probability below which a pixel is unlabelled; 0 keeps all."""
    cloud_stride: int
    least_area: int
    """Pixels of the smallest object."""
    openings: FrozenSet[str]
    """Names of the classes that are holes in a surface."""


@dataclass(frozen=True)
class Inputs:
    """One image with what belongs to it: rgb (H, W, 3) uint8; camera_info of H × W pixels, intrinsics where that is a
    calibration, and depth (H, W) float32 metres with NaN where unknown, each None when there is none."""

    header: Header
    rgb: np.ndarray
    camera_info: Optional[CameraInfo]
    intrinsics: Optional[Intrinsics]
    depth: Optional[np.ndarray]


class Outputs:
    """Publishers of one model's results; in `every_frame` mode they wait for slow subscribers."""

    def __init__(self, bundle: Bundle, settings: ProductSettings, mode: str) -> None:
        self._settings = settings
        self._all_labels = bundle.labels
        self._palette = Palette(bundle.labels)
        self._rays: Optional[Rays] = None
        self._points: Optional[np.ndarray] = None
        self._publishers = {name: create_publisher(f"~{name}", kind, mode, 1) for name, kind in _KINDS.items()}
        self._labels = rospy.Publisher("~labels", LabelInfo, queue_size=1, latch=True)
        self._labels.publish(label_info_message(bundle, rospy.Time.now(), settings.threshold))

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
        return self._settings.threshold > 0.0 or self._subscribed("confidence")

    def publish(self, inputs: Inputs, segmentation: Segmentation) -> None:
        """Send the results of one image, all with its header."""
        header, mask, confidence = inputs.header, segmentation.mask, segmentation.confidence
        if self._settings.threshold > 0.0 and confidence is not None:
            mask = np.where(confidence < self._settings.threshold, np.uint8(UNLABELLED), mask)
        if inputs.camera_info is not None and self._subscribed("camera_info"):
            message = copy.copy(inputs.camera_info)
            message.header = header
            self._publishers["camera_info"].publish(message)
        self._send("mask", lambda: image_message(mask, header))
        self._send("mask_color", lambda: image_message(self._palette.colorize(mask), header))
        alpha = self._settings.overlay_alpha
        self._send("overlay", lambda: image_message(self._palette.blend(inputs.rgb, mask, alpha), header))
        if confidence is not None:
            self._send("confidence", lambda: image_message(confidence, header))
        labels = self._all_labels
        self._send(
            "statistics", lambda: statistics_message(class_statistics(mask, inputs.depth, labels), labels, header)
        )
        if self._subscribed("points", "objects", "object_markers"):
            self._publish_spatial(inputs, mask, confidence)

    def _send(self, name: str, make: Callable[[], object]) -> None:
        if self._subscribed(name):
            self._publishers[name].publish(make())

    def _publish_spatial(self, inputs: Inputs, mask: np.ndarray, confidence: Optional[np.ndarray]) -> None:
        header, labels = inputs.header, self._all_labels
        rays = None if inputs.intrinsics is None else self._rays_of(inputs.intrinsics)
        if rays is not None and inputs.depth is not None and self._subscribed("points"):
            stride = self._settings.cloud_stride
            self._points = label_points(rays, inputs.depth, inputs.rgb, mask, stride, self._points)
            self._publishers["points"].publish(point_cloud_message(self._points, header))
        if self._subscribed("objects", "object_markers"):
            settings = self._settings
            objects = find_objects(
                mask, labels, settings.least_area, inputs.depth, rays, confidence, settings.openings
            )
            self._send("objects", lambda: objects_message(objects, labels, header))
            self._send("object_markers", lambda: marker_message(objects, labels, header))

    def _rays_of(self, intrinsics: Intrinsics) -> Rays:
        if self._rays is None or self._rays.intrinsics != intrinsics:
            self._rays = Rays(intrinsics)
        return self._rays

    def publish_timing(self, timing: FrameTiming) -> None:
        """Send where the time of a frame went."""
        self._send("timing", lambda: timing)
