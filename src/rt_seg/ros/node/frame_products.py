"""The products of one image and its mask; each is computed once, when it is first requested."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import List, Optional, Tuple

import numpy as np
import rospy
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from rt_seg.bundle import Bundle
from rt_seg.camera_image import CameraDepth, CameraImage
from rt_seg.cameras.frame import Intrinsics
from rt_seg.products.class_filter import ClassFilter
from rt_seg.products.kept_geometry import ClassSelection, keep_points
from rt_seg.products.objects import SegmentedObject, find_objects
from rt_seg.products.overlay import Palette
from rt_seg.products.point_cloud import Rays, label_points
from rt_seg.products.tracking import STILL, Track, Tracker
from rt_seg.ros.node.adjustable_settings import AdjustableSettings
from rt_seg.ros.node.target_frame import TargetFrame


class Inputs:
    """One image with what belongs to it. RGB and metres at full size are made when they are first asked for."""

    def __init__(
        self,
        header: Header,
        image: CameraImage,
        camera_info: Optional[CameraInfo] = None,
        intrinsics: Optional[Intrinsics] = None,
        depth_image: Optional[CameraDepth] = None,
        depth_in_millimetres: bool = True,
        depth_limits: Tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """
        Args:
            image: of H × W pixels, as are the others; each is None when there is none.
            intrinsics: of `camera_info`, where that is a calibration.
            depth_in_millimetres: whether depth came as whole millimetres (16UC1) or as metres (32FC1).
            depth_limits: nearest and farthest depth that counts, metres; 0 is no limit.
        """
        self.header = header
        self.image = image
        self.camera_info = camera_info
        self.intrinsics = intrinsics
        self.depth_image = depth_image
        self.depth_in_millimetres = depth_in_millimetres
        self._depth_limits = depth_limits

    @property
    def rgb(self) -> np.ndarray:
        """(H, W, 3) uint8."""
        return self.image.rgb

    @cached_property
    def depth(self) -> Optional[np.ndarray]:
        """(H, W) float32 metres with NaN where unknown or beyond the limits."""
        return None if self.depth_image is None else _limited(self.depth_image.metres, *self._depth_limits)

    def limited(self, nearest: float, farthest: float) -> Inputs:
        """The same with depth from `nearest` to `farthest` metres alone."""
        return Inputs(
            self.header, self.image, self.camera_info, self.intrinsics, self.depth_image, self.depth_in_millimetres,
            (nearest, farthest),
        )  # fmt: skip


def _limited(depth: np.ndarray, nearest: float, farthest: float) -> np.ndarray:
    """Depth with NaN outside of nearest..farthest metres; `farthest` 0 is no limit."""
    if nearest <= 0.0 and farthest <= 0.0:
        return depth
    with np.errstate(invalid="ignore"):
        outside = depth < nearest
        if farthest > 0.0:
            outside |= depth > farthest
    return np.where(outside, np.float32("nan"), depth)


@dataclass(frozen=True)
class Plan:
    """All that the products of one image are made by; exchanged whole, so that no image mixes two."""

    bundle: Bundle
    settings: AdjustableSettings
    palette: Palette
    filter: ClassFilter
    selection: ClassSelection
    openings: frozenset
    channels: Tuple[int, ...]
    """Ids of the classes of ~probabilities, in their order."""


@dataclass(frozen=True)
class FoundObjects:
    """The objects of an image, largest first, in the frame of `header`; `tracks` has that of each, or None; `camera`
    is where the camera was in that frame, (3,), metres."""

    image_header: Header
    header: Header
    objects: List[SegmentedObject]
    tracks: List[Optional[Track]]
    camera: np.ndarray


class Memory:
    """What is kept from image to image: what is expensive to make and the same as long as the camera is, and tracks."""

    def __init__(self, target_frame: str = "") -> None:
        self.target = TargetFrame(target_frame)
        self.tracker = Tracker()
        self._rays: Optional[Rays] = None
        self.points: Optional[np.ndarray] = None

    def rays(self, intrinsics: Intrinsics) -> Rays:
        """The rays of a camera."""
        if self._rays is None or self._rays.intrinsics != intrinsics:
            self._rays = Rays(intrinsics)
        return self._rays


class FrameProducts:
    """The products of one image."""

    def __init__(
        self,
        plan: Plan,
        inputs: Inputs,
        mask: np.ndarray,
        confidence: Optional[np.ndarray],
        probabilities: Optional[np.ndarray],
        memory: Memory,
        points_with_confidence: bool = False,
    ) -> None:
        """
        Args:
            inputs: with depth as it counts here, limited.
            mask: (H, W) uint8, final.
            confidence: (H, W) float32 and `probabilities` (H, W, n) float32, None unless they were asked for.
        """
        self.plan = plan
        self.inputs = inputs
        self.mask = mask
        self.confidence = confidence
        self.probabilities = probabilities
        self._memory = memory
        self._points_with_confidence = points_with_confidence

    @property
    def header(self) -> Header:
        """Stamp and frame of the colour image."""
        return self.inputs.header

    @cached_property
    def color_mask(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        return self.plan.palette.colorize(self.mask)

    @cached_property
    def overlay(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        settings = self.plan.settings
        return self.plan.palette.blend(
            self.inputs.rgb, self.mask, settings.overlay_alpha, settings.overlay_contours, settings.overlay_names
        )

    @cached_property
    def rays(self) -> Optional[Rays]:
        """Of the camera, where there is a calibration."""
        return None if self.inputs.intrinsics is None else self._memory.rays(self.inputs.intrinsics)

    @cached_property
    def points(self) -> Optional[np.ndarray]:
        """Organised points; None without depth or calibration. Valid until the next image's are made."""
        if self.rays is None or self.inputs.depth is None:
            return None
        settings = self.plan.settings
        self._memory.points = label_points(
            self.rays, self.inputs.depth, self.inputs.rgb, self.mask, settings.cloud_stride,
            self.confidence if self._points_with_confidence else None,
            self._memory.points, settings.float_labels,
        )  # fmt: skip
        return self._memory.points

    @cached_property
    def stays(self) -> np.ndarray:
        """(H, W) uint8, 255 where a pixel's class is wanted and its neighbours' too, else 0."""
        return self.plan.selection.stays(self.mask, self.plan.settings.margin)

    @cached_property
    def points_kept(self) -> Optional[np.ndarray]:
        """Points (n,) of the wanted classes; None without depth or calibration."""
        if self.points is None:
            return None
        return keep_points(self.points, self.stays, self.plan.settings.cloud_stride)

    @cached_property
    def objects(self) -> FoundObjects:
        """Connected regions, largest first, with their tracks."""
        plan, target = self.plan, self._memory.target
        objects = find_objects(
            self.mask, plan.bundle.labels, plan.settings.min_area, self.inputs.depth, self.rays, self.confidence,
            plan.openings,
        )  # fmt: skip
        header, motion = self.header, STILL
        if target.name and target.name != header.frame_id:
            found = target.motion(header)
            if found is None:
                return FoundObjects(header, header, objects, [None] * len(objects), STILL.translation)
            header, motion = copy.copy(header), found
            header.frame_id = target.name
        tracks: List[Optional[Track]] = [None] * len(objects)
        if header.stamp.is_zero():  # neither the velocity of an object nor the end of its track would be known
            rospy.logwarn_once("images are stamped 0: objects are not tracked")
        else:
            height, width = self.mask.shape
            tracks = self._memory.tracker.update(objects, header.stamp.to_sec(), (height, width), motion)
        if motion is not STILL:
            objects = [item if item.pose is None else replace(item, pose=item.pose.moved(*motion)) for item in objects]
        return FoundObjects(self.header, header, objects, tracks, motion.translation)
