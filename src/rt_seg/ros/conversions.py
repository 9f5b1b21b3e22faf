"""sensor_msgs/Image to NumPy and back, refusing what cannot be meant.

cv_bridge does the conversions. What it leaves open is settled here: it ignores `step` (padded rows would come out
sheared), takes any encoding for any purpose, and converts 16UC1 to 32FC1 without scaling the unit.
"""
from __future__ import annotations

from typing import NamedTuple, Tuple

import cv2
import numpy as np
from cv_bridge import CvBridge, CvBridgeError
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from rt_seg.cameras.frame import LENS_MODELS, Intrinsics

_BRIDGE = CvBridge()
FARTHEST_PIXEL = 1e6
"""Pixels. No camera has a focal length or a principal point beyond; such numbers are memory read as a calibration."""


class ConversionError(ValueError):
    """An image message cannot be used; the text names encoding or size and what is accepted."""


class _Role(NamedTuple):
    name: str
    encodings: Tuple[str, ...]
    hint: str


_COLOR = _Role(
    "a colour image",
    ("rgb8", "bgr8", "rgba8", "bgra8", "mono8", "yuv422", "yuv422_yuy2"),
    "Remap the topic or convert with image_proc.",
)
_DEPTH = _Role(
    "a depth image",
    ("16UC1", "mono16", "32FC1"),
    "The driver's colorizer filter turns depth into rgb8: switch it off.",
)
_BYTES_OF_PIXEL = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1, "8UC1": 1, "yuv422": 2, "yuv422_yuy2": 2,
                   "16UC1": 2, "mono16": 2, "32FC1": 4}  # fmt: skip
_YUV = {"yuv422": cv2.COLOR_YUV2RGB_UYVY, "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUY2}
"""Two bytes a pixel, the colour shared by two neighbours; the encodings name the order of the bytes."""
_MASK = _Role("a mask", ("mono8", "8UC1"), "Masks hold one byte per pixel, the class id.")


def _check(message: Image, role: _Role) -> int:
    """Bytes of a row without its padding. Raises ConversionError unless `message` is a whole image of the role."""
    if message.encoding not in role.encodings:
        raise ConversionError(
            f"encoding {message.encoding!r} is not {role.name}; accepted are {', '.join(role.encodings)}. {role.hint}"
        )
    row = message.width * _BYTES_OF_PIXEL[message.encoding]
    if message.width < 1 or message.height < 1:
        raise ConversionError(f"image of {message.width}x{message.height} pixels ({message.encoding}) is empty")
    if message.step < row:
        raise ConversionError(
            f"step {message.step} is too short for {message.width} pixels of {message.encoding}: at least {row} bytes"
        )
    needed = message.step * (message.height - 1) + row
    if len(message.data) < needed:
        raise ConversionError(
            f"image of {message.width}x{message.height} pixels ({message.encoding}, step {message.step}) holds "
            f"{len(message.data)} bytes; needed are {needed}. The message was cut or its size fields are wrong"
        )
    return row


def _pixels(message: Image, role: _Role, encoding: str = "passthrough") -> np.ndarray:
    """The image in an encoding of cv_bridge, (H, W) or (H, W, C); possibly a read-only view of the message."""
    row = _check(message, role)
    if message.step != row:
        rows = np.ndarray((message.height, row), np.uint8, buffer=message.data, strides=(message.step, 1))
        message = Image(
            height=message.height,
            width=message.width,
            encoding=message.encoding,
            is_bigendian=message.is_bigendian,
            step=row,
            data=rows.tobytes(),
        )
    try:
        return _BRIDGE.imgmsg_to_cv2(message, encoding)
    except CvBridgeError as error:
        raise ConversionError(f"cv_bridge cannot convert {message.encoding} to {encoding}: {error}") from error


def color_to_rgb(message: Image) -> np.ndarray:
    """Colour image as (H, W, 3) uint8 RGB, C-contiguous, possibly read-only.

    Takes rgb8, bgr8, rgba8, bgra8, mono8, yuv422 (UYVY) and yuv422_yuy2 (YUYV) with any row padding. Raises
    ConversionError.
    """
    if message.encoding in _YUV:
        return _yuv_to_rgb(message)
    return _pixels(message, _COLOR, "passthrough" if message.encoding == "rgb8" else "rgb8")


def _yuv_to_rgb(message: Image) -> np.ndarray:
    row = _check(message, _COLOR)
    if message.width % 2:
        raise ConversionError(f"a {message.encoding} image of {message.width} columns; accepted is an even number")
    # A view: of a padded last row, the padding may be missing.
    rows = np.ndarray((message.height, row), np.uint8, message.data, strides=(message.step, 1))
    pixels = np.ascontiguousarray(rows).reshape(message.height, message.width, 2)
    return cv2.cvtColor(pixels, _YUV[message.encoding])


def check_depth(message: Image, width: int, height: int) -> None:
    """Raise ConversionError unless `message` is a depth image of width × height pixels, as aligned depth must be."""
    _check(message, _DEPTH)
    check_depth_size(message.width, message.height, width, height)


def check_depth_size(depth_width: int, depth_height: int, width: int, height: int) -> None:
    """Raise ConversionError unless depth has the size of the colour image, as aligned depth must."""
    if (depth_width, depth_height) != (width, height):
        raise ConversionError(
            f"depth is {depth_width}x{depth_height} and colour {width}x{height} pixels, so it is not aligned to "
            "colour. Subscribe to aligned_depth_to_color/image_raw and start the driver with align_depth:=true"
        )


def invalid_to_nan(metres: np.ndarray) -> np.ndarray:
    """Set what is no distance (0, below 0, inf) of a float array to NaN, in place; returns the array."""
    metres[~np.isfinite(metres) | (metres <= 0)] = np.nan
    return metres


def depth_to_metres(message: Image) -> np.ndarray:
    """Depth as (H, W) float32 metres, NaN where there is no reading (0 in millimetres; 0, NaN or inf in metres).

    Takes 16UC1 and mono16 (millimetres) and 32FC1 (metres), REP 118. Raises ConversionError.
    """
    pixels = _pixels(message, _DEPTH)
    metres = pixels.astype(np.float32) if pixels.dtype.kind == "f" else pixels * np.float32(0.001)
    return invalid_to_nan(metres)


def mask_from_message(message: Image) -> np.ndarray:
    """Class ids as (H, W) uint8 from a mono8 or 8UC1 image. Raises ConversionError."""
    return _pixels(message, _MASK)


_ENCODING_OF = {("uint8", 2): "mono8", ("uint8", 3): "rgb8", ("uint16", 2): "16UC1", ("float32", 2): "32FC1"}


def image_message(pixels: np.ndarray, header: Header) -> Image:
    """Image message with packed rows and the given header.

    (H, W) uint8 becomes mono8, (H, W, 3) uint8 rgb8, (H, W) uint16 16UC1, (H, W) float32 32FC1; raises
    ConversionError for anything else.
    """
    encoding = _ENCODING_OF.get((pixels.dtype.name, pixels.ndim))
    if encoding is None or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise ConversionError(
            f"an array of shape {pixels.shape} and type {pixels.dtype} has no image encoding; accepted are (H, W) of "
            "uint8, uint16 or float32, and (H, W, 3) of uint8"
        )
    return _BRIDGE.cv2_to_imgmsg(pixels, encoding, header)


def intrinsics_from_message(message: CameraInfo) -> Intrinsics:
    """Pinhole camera of a CameraInfo: K, and D where the lens model is known (LENS_MODELS).

    Raises ConversionError for a camera that is not calibrated (K of zeros), for numbers that are not finite or of no
    lens, and for another lens model with distortion.
    """
    fx, fy, cx, cy = message.K[0], message.K[4], message.K[2], message.K[5]
    is_lens = 1.0 <= min(fx, fy) and max(fx, fy, abs(cx), abs(cy)) <= FARTHEST_PIXEL
    if not np.all(np.isfinite(message.K)) or not is_lens or message.width < 1 or message.height < 1:
        raise ConversionError(
            f"camera info of {message.width}x{message.height} pixels with fx {fx:g}, fy {fy:g}, cx {cx:g}, cy {cy:g} "
            f"is no calibration; accepted are fx and fy from 1 to {FARTHEST_PIXEL:g} pixels. Calibrate the camera, or "
            "mend what publishes this"
        )
    distortion = [float(value) for value in message.D]
    if not np.all(np.isfinite(distortion)):
        raise ConversionError(f"camera info has the distortion {distortion}; accepted are finite numbers")
    if any(distortion) and LENS_MODELS.get(len(distortion)) != message.distortion_model:
        raise ConversionError(
            f"camera info has the lens model {message.distortion_model!r} with {len(distortion)} coefficients; "
            f"accepted are {', '.join(f'{name} with {count}' for count, name in LENS_MODELS.items())}, or no "
            "distortion. Subscribe to rectified images instead (image_proc)"
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
