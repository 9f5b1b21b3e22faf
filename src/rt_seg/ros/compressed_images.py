"""sensor_msgs/CompressedImage to NumPy and back: the topics of image_transport's plug-ins, which Python lacks.

`.../compressed` holds a JPEG or PNG. `.../compressedDepth` holds 12 bytes (compressed_depth_image_transport's
ConfigHeader: the format and two float32 parameters) and a 16-bit PNG: millimetres, or for 32FC1 the inverse depth.
"""
from __future__ import annotations

import struct

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header

from rt_seg.ros.conversions import ConversionError, invalid_to_nan

_HEADER = struct.Struct("<iff")
JPEG_QUALITY = 95
"""Of image_transport's compressed topics 80 is the default; what is recorded here may become training data."""


def _decode(data: bytes, flags: int) -> np.ndarray:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error as error:
        raise ConversionError(f"{len(data)} bytes cannot be decoded: {error}") from error
    if image is None:
        raise ConversionError(f"{len(data)} bytes are no JPEG or PNG; the message was cut, or is another kind")
    return image


def compressed_to_rgb(message: CompressedImage) -> np.ndarray:
    """A JPEG or PNG as (H, W, 3) uint8 RGB. Raises ConversionError."""
    if "compressedDepth" in message.format:
        raise ConversionError(f"format {message.format!r} is a depth image; accepted are JPEG and PNG of colour")
    # As it is: the camera's pixels, whatever an EXIF entry says of the way up.
    image = _decode(bytes(message.data), cv2.IMREAD_UNCHANGED)
    if image.dtype != np.uint8:
        raise ConversionError(f"an image of {image.dtype} is not a colour image; accepted is uint8")
    codes = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}
    return cv2.cvtColor(image, codes[1 if image.ndim == 2 else image.shape[2]])


def compressed_depth_to_metres(message: CompressedImage) -> np.ndarray:
    """A compressedDepth image as (H, W) float32 metres, NaN where unknown.

    Takes 16UC1 (millimetres) and 32FC1 (metres, REP 118) as PNG. Raises ConversionError.
    """
    kind = message.format.split(";")[0].strip()
    if "compressedDepth" not in message.format or "rvl" in message.format or kind not in ("16UC1", "32FC1"):
        raise ConversionError(
            f"format {message.format!r} is not a depth image; accepted are compressedDepth PNGs of 16UC1 and 32FC1. "
            "Set the publisher's parameter compressedDepth/format to png, or subscribe to the raw topic"
        )
    data = bytes(message.data)
    if len(data) <= _HEADER.size:
        raise ConversionError(f"{len(data)} bytes hold no depth image; the message was cut")
    pixels = _decode(data[_HEADER.size :], cv2.IMREAD_UNCHANGED)
    if pixels.dtype != np.uint16 or pixels.ndim != 2:
        raise ConversionError(f"a PNG of {pixels.dtype} and shape {pixels.shape} is not 16-bit depth")
    if kind == "16UC1":
        return invalid_to_nan(pixels * np.float32(0.001))
    _, scale, offset = _HEADER.unpack(data[: _HEADER.size])
    with np.errstate(divide="ignore", invalid="ignore"):
        metres = np.float32(scale) / (pixels.astype(np.float32) - np.float32(offset))
    metres[pixels == 0] = np.nan
    return invalid_to_nan(metres)


def rgb_to_compressed(rgb: np.ndarray, header: Header) -> CompressedImage:
    """(H, W, 3) uint8 RGB as a JPEG."""
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return CompressedImage(header, "rgb8; jpeg compressed bgr8", jpeg.tobytes())


def depth_to_compressed(depth: np.ndarray, header: Header) -> CompressedImage:
    """(H, W) uint16 millimetres as a compressedDepth PNG, without loss."""
    png = cv2.imencode(".png", depth, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]  # 1: the quickest
    return CompressedImage(header, "16UC1; compressedDepth png", _HEADER.pack(0, 0.0, 0.0) + png.tobytes())
