"""Converts the messages of one moment to the inputs of network and products; skips and reports mismatches.

Only a colour image that cannot be read is an error. Depth and camera info that do not fit it are refused, counted, and
what needs them is missing.
"""

from __future__ import annotations

from typing import Optional, Union

from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from rt_seg.camera_image import CameraDepth, CameraImage
from rt_seg.cameras.frame import Intrinsics
from rt_seg.recordings.image_messages import (
    ConversionError,
    check_depth,
    check_depth_size,
    depth_image,
)
from rt_seg.ros.bridged_images import color_image
from rt_seg.ros.conversions import intrinsics_from_message
from rt_seg.ros.node.complaints import CAMERA_INFO, DEPTH_IMAGE, Complaints
from rt_seg.ros.node.frame_products import Inputs
from rt_seg.ros.synchronizer import Pair

AnyImage = Union[Image, CompressedImage]


class FrameReader:
    """Reads framesets; `camera_info` is the latest one of the camera.

    `depth_refused`, `info_refused` and `without_depth` (frames of a model that takes depth) count since the start.
    """

    def __init__(self, depth_topic: str, info_topic: str, complaints: Complaints, rectified: bool = False) -> None:
        """The topics are for the complaints; `rectified`: whether the colour images are, which camera infos do not
        tell."""
        self._rectified = rectified
        self._depth_topic, self._info_topic, self._complaints = depth_topic, info_topic, complaints
        self.camera_info: Optional[CameraInfo] = None
        self.depth_refused = self.info_refused = self.without_depth = 0

    def read(self, pair: Pair, uses_depth: bool, takes_depth: bool) -> Inputs:
        """The frame of a colour image and perhaps depth.

        `uses_depth`: products want depth and a calibration; `takes_depth`: the network wants depth. Raises
        ConversionError for a colour image that cannot be read.
        """
        image = color_image(pair.color)
        info = self._camera_info_for(image)
        depth = self._depth_for(pair.depth, image, uses_depth or takes_depth)
        self.without_depth += takes_depth and depth is None
        intrinsics = self._intrinsics_of(info) if uses_depth else None
        return Inputs(pair.color.header, image, info, intrinsics, depth, not _is_float(pair.depth))

    def _depth_for(self, depth: Optional[AnyImage], image: CameraImage, used: bool) -> Optional[CameraDepth]:
        """Depth, where it is used and belongs to the colour image."""
        if depth is None:
            return None
        height, width = image.size
        try:
            if isinstance(depth, Image):
                check_depth(depth, width, height)
                return depth_image(depth) if used else None
            if not used:
                return None  # its size shows only when it is decoded
            found = depth_image(depth)
            check_depth_size(found.readings.shape[1], found.readings.shape[0], width, height)
            return found
        except ConversionError as error:
            self.depth_refused += 1
            text = f"{self._depth_topic} ({encoding_of(depth)}): {error}; continuing with RGB only"
            self._complaints.add(DEPTH_IMAGE, text)
            return None

    def _camera_info_for(self, image: CameraImage) -> Optional[CameraInfo]:
        info = self.camera_info
        height, width = image.size
        if info is not None and (info.width, info.height) != (width, height):
            self.info_refused += 1
            self._complaints.add(
                CAMERA_INFO,
                f"{self._info_topic}: camera info is for {info.width}x{info.height} pixels and the "
                f"image has {width}x{height}; no points, poses or ~camera_info are published",
            )
            return None
        return info

    def _intrinsics_of(self, info: Optional[CameraInfo]) -> Optional[Intrinsics]:
        """The camera of a camera info, where it is a calibration."""
        if info is None:
            return None
        try:
            return intrinsics_from_message(info, self._rectified)
        except ConversionError as error:
            self.info_refused += 1
            text = f"{self._info_topic}: {error}; no points or poses are published"
            self._complaints.add(CAMERA_INFO, text)
            return None


def encoding_of(message: AnyImage) -> str:
    """The encoding of an image, or the format of a compressed one."""
    return message.encoding if isinstance(message, Image) else message.format


def _is_float(depth: Optional[AnyImage]) -> bool:
    """Whether depth comes as 32FC1, in metres."""
    return depth is not None and encoding_of(depth).startswith("32FC1")
