"""Arrays to image messages, and camera infos to cameras and back. Images are decoded by rt_seg.recordings."""

from __future__ import annotations

import sys
from typing import Optional

import cv2
import numpy as np
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from rt_seg.cameras.frame import LENS_MODELS, Intrinsics
from rt_seg.recordings.image_messages import ConversionError
from rt_seg.ros.array_messages import ArrayImage, bytes_of

FARTHEST_PIXEL = 1e6
"""Pixels. No camera has a focal length or a principal point beyond; such numbers are memory read as a calibration."""
JPEG_QUALITY = 95
"""Of image_transport's compressed topics 80 is the default; what is recorded here may become training data."""
CONFIG_BYTES = 12
"""Before the PNG of a compressedDepth message; all 0 for millimetres."""

_ENCODING_OF = {("uint8", 2): "mono8", ("uint8", 3): "rgb8", ("uint16", 2): "16UC1", ("int16", 2): "16SC1",
                ("float32", 2): "32FC1"}  # fmt: skip


def image_message(pixels: np.ndarray, header: Header) -> Image:
    """Image message with packed rows and the given header; its data is that of the array, unless that has gaps.

    (H, W) uint8 becomes mono8, (H, W, 3) uint8 rgb8, (H, W) uint16 16UC1, (H, W) int16 16SC1, (H, W) float32 32FC1
    and (H, W, n) float32 32FCn; raises ConversionError for anything else.
    """
    if pixels.dtype == np.float32 and pixels.ndim == 3:
        encoding: Optional[str] = f"32FC{pixels.shape[2]}"
    else:
        encoding = _ENCODING_OF.get((pixels.dtype.name, pixels.ndim))
    if encoding is None or (encoding == "rgb8" and pixels.shape[2] != 3):
        raise ConversionError(
            f"an array of shape {pixels.shape} and type {pixels.dtype} has no image encoding; accepted are (H, W) of "
            "uint8, uint16, int16 or float32, (H, W, 3) of uint8, and (H, W, n) of float32"
        )
    height, width = pixels.shape[:2]
    step = pixels.nbytes // height if height else 0
    return ArrayImage(header, height, width, encoding, int(sys.byteorder == "big"), step, bytes_of(pixels))


def is_rectified(topic: str) -> bool:
    """Whether a topic has rectified images by its name, as image_proc gives it: image_rect, image_rect_color."""
    return any(part.startswith("image_rect") for part in topic.split("/"))


def intrinsics_from_message(message: CameraInfo, rectified: bool = False) -> Intrinsics:
    """Pinhole camera of a CameraInfo: K, and D where the lens model is known (LENS_MODELS); of `rectified` images P,
    without distortion: the camera info beside them is that of the raw ones.

    Raises ConversionError for a camera that is not calibrated (K of zeros), for numbers that are not finite or of no
    lens, and for another lens model with distortion.
    """
    # Without a P and without distortion K is right: it is the camera info of the rectified images.
    rectified = rectified and (any(message.P) or any(message.D))
    matrix, width = (message.P, 4) if rectified else (message.K, 3)
    fx, fy, cx, cy = matrix[0], matrix[width + 1], matrix[2], matrix[width + 2]
    is_lens = 1.0 <= min(fx, fy) and max(fx, fy, abs(cx), abs(cy)) <= FARTHEST_PIXEL
    if not np.all(np.isfinite(matrix)) or not is_lens or message.width < 1 or message.height < 1:
        raise ConversionError(
            f"camera info of {message.width}x{message.height} pixels with fx {fx:g}, fy {fy:g}, cx {cx:g}, cy {cy:g} "
            f"is not a calibration; accepted are fx and fy from 1 to {FARTHEST_PIXEL:g} pixels. Calibrate the camera, "
            "or correct the publisher"
        )
    distortion = [] if rectified else [float(value) for value in message.D]
    if not np.all(np.isfinite(distortion)):
        raise ConversionError(f"camera info has the distortion {distortion}; accepted are finite numbers")
    if any(distortion) and LENS_MODELS.get(len(distortion)) != message.distortion_model:
        raise ConversionError(
            f"camera info has the lens model {message.distortion_model!r} with {len(distortion)} coefficients; "
            f"accepted are {', '.join(f'{name} with {count}' for count, name in LENS_MODELS.items())}, or no "
            "distortion. Rectify the images (image_proc), and publish a camera info of theirs: D of zeros, and K from P"
        )
    coefficients = tuple(distortion) if any(distortion) else (0.0,) * 5
    return Intrinsics(message.width, message.height, fx, fy, cx, cy, coefficients)


def camera_info_message(intrinsics: Intrinsics, header: Header) -> CameraInfo:
    """CameraInfo of an unrectified camera (R = 1, P from K)."""
    fx, fy, cx, cy = (float(value) for value in (intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy))
    return CameraInfo(
        header=header,
        height=intrinsics.height,
        width=intrinsics.width,
        distortion_model=intrinsics.distortion_model,
        D=[float(value) for value in intrinsics.distortion],
        K=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        R=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        P=[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def png_message(image: np.ndarray, header: Header) -> CompressedImage:
    """Class ids (H, W) uint8, or their colours (H, W, 3) uint8 RGB, as a PNG: not one of them may change."""
    is_color = image.ndim == 3
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if is_color else image
    png = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]  # 1: the quickest
    return CompressedImage(header, "rgb8; png compressed bgr8" if is_color else "mono8; png compressed", png.tobytes())


def rgb_to_compressed(rgb: np.ndarray, header: Header, quality: int = JPEG_QUALITY) -> CompressedImage:
    """(H, W, 3) uint8 RGB as a JPEG of a quality of 1 to 100."""
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return CompressedImage(header, "rgb8; jpeg compressed bgr8", jpeg.tobytes())


def depth_to_compressed(depth: np.ndarray, header: Header) -> CompressedImage:
    """(H, W) uint16 millimetres as a compressedDepth PNG, without loss."""
    png = cv2.imencode(".png", depth, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]  # 1: the quickest
    return CompressedImage(header, "16UC1; compressedDepth png", bytes(CONFIG_BYTES) + png.tobytes())
