"""sensor_msgs/Image to NumPy and back, refusing what cannot be meant.

Not by cv_bridge: its Python side ignores `step` (padded rows come out sheared), drops the header, converts 16UC1 to
32FC1 without scaling the unit, and its binary module ties the package to one NumPy.
"""
from __future__ import annotations

import sys
from typing import Dict, NamedTuple, Optional

import cv2
import numpy as np
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header


class ConversionError(ValueError):
    """An image message cannot be used; the text names encoding or size and what is accepted."""


class _Layout(NamedTuple):
    dtype: str
    channels: int
    to_rgb: Optional[int]


_COLOR_LAYOUTS: Dict[str, _Layout] = {
    "rgb8": _Layout("u1", 3, None),
    "bgr8": _Layout("u1", 3, cv2.COLOR_BGR2RGB),
    "rgba8": _Layout("u1", 4, cv2.COLOR_RGBA2RGB),
    "bgra8": _Layout("u1", 4, cv2.COLOR_BGRA2RGB),
    "mono8": _Layout("u1", 1, cv2.COLOR_GRAY2RGB),
}
_DEPTH_LAYOUTS: Dict[str, _Layout] = {
    "16UC1": _Layout("u2", 1, None),
    "mono16": _Layout("u2", 1, None),
    "32FC1": _Layout("f4", 1, None),
}
_MASK_LAYOUTS: Dict[str, _Layout] = {"mono8": _Layout("u1", 1, None), "8UC1": _Layout("u1", 1, None)}


def _layout(message: Image, layouts: Dict[str, _Layout], role: str, hint: str) -> _Layout:
    layout = layouts.get(message.encoding)
    if layout is None:
        raise ConversionError(
            f"encoding {message.encoding!r} is not {role}; accepted are {', '.join(layouts)}. {hint}"
        )
    row = message.width * layout.channels * np.dtype(layout.dtype).itemsize
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
    return layout


def _pixels(message: Image, layout: _Layout) -> np.ndarray:
    """View of the message's data as (H, W) or (H, W, C); read-only, rows may be padded."""
    order = ">" if message.is_bigendian else "<"
    dtype = np.dtype(layout.dtype).newbyteorder(order)
    shape = (message.height, message.width, layout.channels)
    strides = (message.step, layout.channels * dtype.itemsize, dtype.itemsize)
    view = np.ndarray(shape, dtype, buffer=message.data, strides=strides)
    return view[:, :, 0] if layout.channels == 1 else view


def color_to_rgb(message: Image) -> np.ndarray:
    """Colour image as (H, W, 3) uint8 RGB, C-contiguous, possibly read-only.

    Takes rgb8, bgr8, rgba8, bgra8 and mono8 with any row padding. Raises ConversionError.
    """
    layout = _layout(message, _COLOR_LAYOUTS, "a colour image", "Remap the topic or convert with image_proc.")
    pixels = np.ascontiguousarray(_pixels(message, layout))
    return pixels if layout.to_rgb is None else cv2.cvtColor(pixels, layout.to_rgb)


def check_depth(message: Image, width: int, height: int) -> None:
    """Raise ConversionError unless `message` is a depth image of width × height pixels, as aligned depth must be."""
    _layout(
        message,
        _DEPTH_LAYOUTS,
        "a depth image",
        "The driver's colorizer filter turns depth into rgb8: switch it off.",
    )
    if (message.width, message.height) != (width, height):
        raise ConversionError(
            f"depth is {message.width}x{message.height} and colour {width}x{height} pixels, so it is not aligned to "
            "colour. Subscribe to aligned_depth_to_color/image_raw and start the driver with align_depth:=true"
        )


def depth_to_metres(message: Image) -> np.ndarray:
    """Depth as (H, W) float32 metres, NaN where there is no reading (0 in millimetres; 0, NaN or inf in metres).

    Takes 16UC1 and mono16 (millimetres) and 32FC1 (metres), REP 118. Raises ConversionError.
    """
    layout = _layout(message, _DEPTH_LAYOUTS, "a depth image", "Remap the topic to the camera's aligned depth.")
    pixels = _pixels(message, layout)
    metres = pixels.astype(np.float32) if layout.dtype == "f4" else pixels * np.float32(0.001)
    metres[~np.isfinite(metres) | (metres <= 0)] = np.nan
    return metres


def mask_from_message(message: Image) -> np.ndarray:
    """Class ids as (H, W) uint8 from a mono8 or 8UC1 image. Raises ConversionError."""
    layout = _layout(message, _MASK_LAYOUTS, "a mask", "Masks hold one byte per pixel, the class id.")
    return np.ascontiguousarray(_pixels(message, layout))


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
    height, width = pixels.shape[:2]
    return Image(
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=int(sys.byteorder == "big"),
        step=width * pixels.itemsize * (3 if pixels.ndim == 3 else 1),
        data=pixels.tobytes(),
    )


def camera_info_message(intrinsics, header: Header) -> CameraInfo:
    """CameraInfo of an unrectified camera (plumb_bob, R = 1, P from K) from rt_seg.cameras.frame.Intrinsics."""
    fx, fy, cx, cy = (float(value) for value in (intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy))
    return CameraInfo(
        header=header,
        height=intrinsics.height,
        width=intrinsics.width,
        distortion_model="plumb_bob",
        D=[float(value) for value in intrinsics.distortion],
        K=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        R=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        P=[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )
