"""Image and CompressedImage messages to NumPy: the one decoder of node, capture, replay and predict.

ROS-free: a message is anything with the fields of sensor_msgs/Image (height, width, encoding, is_bigendian, step,
data) or sensor_msgs/CompressedImage (format, data), whether rospy, rosbag or rosbags made it; `data` is bytes or a
NumPy array of uint8. What cannot be meant is refused.

`.../compressed` holds a JPEG or PNG. `.../compressedDepth` holds 12 bytes (compressed_depth_image_transport's
ConfigHeader: the format and two float32 parameters) and a 16-bit PNG or RVL: millimetres, or for 32FC1 the inverse
depth.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple, Optional, Tuple

import cv2
import numpy as np

from rt_seg.camera_image import CameraDepth, CameraImage, without_invalid
from rt_seg.recordings.encoded_images import fault_of
from rt_seg.recordings.rvl import RvlError, decode_rvl


class ConversionError(ValueError):
    """An image message cannot be used; the text names encoding or size and what is accepted."""


class _Encoding(NamedTuple):
    dtype: str
    channels: int


_ENCODINGS = {
    "rgb8": _Encoding("u1", 3), "bgr8": _Encoding("u1", 3), "rgba8": _Encoding("u1", 4), "bgra8": _Encoding("u1", 4),
    "mono8": _Encoding("u1", 1), "8UC1": _Encoding("u1", 1),
    "yuv422": _Encoding("u1", 2), "yuv422_yuy2": _Encoding("u1", 2),
    "16UC1": _Encoding("u2", 1), "mono16": _Encoding("u2", 1), "32FC1": _Encoding("f4", 1),
}  # fmt: skip
_TO_RGB = {
    "bgr8": cv2.COLOR_BGR2RGB, "rgba8": cv2.COLOR_RGBA2RGB, "bgra8": cv2.COLOR_BGRA2RGB,
    "mono8": cv2.COLOR_GRAY2RGB, "yuv422": cv2.COLOR_YUV2RGB_UYVY, "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUY2,
}  # fmt: skip
"""Of yuv422, two bytes a pixel, the colour is shared by two neighbours; the encodings name the order of the bytes."""


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
_MASK = _Role("a mask", ("mono8", "8UC1"), "Masks hold one byte per pixel, the class id.")

_CONFIG_HEADER = struct.Struct("<iff")
_RVL_SIZE = struct.Struct("<ii")


def _pixels(message: Any, role: _Role) -> np.ndarray:
    """The pixels as they are, (H, W) or (H, W, C), possibly a read-only view of the message and of foreign byte order.

    Raises ConversionError unless `message` is a whole image of the role.
    """
    encoding = message.encoding
    if encoding not in role.encodings:
        hint = role.hint
        if encoding.startswith("bayer_"):
            hint = "The node and capture read Bayer mosaics of 8 bits by cv_bridge; image_proc makes image_color."
        raise ConversionError(
            f"encoding {encoding!r} is not {role.name}; accepted are {', '.join(role.encodings)}. {hint}"
        )
    layout = _ENCODINGS[encoding]
    return packed_rows(message, layout.dtype, layout.channels)


def packed_rows(message: Any, dtype_name: str, channels: int) -> np.ndarray:
    """The pixels of an Image as they are, (H, W) or (H, W, C): a view of the message, in its byte order.

    `dtype_name`: u1, u2 or f4. Raises ConversionError for sizes that do not fit the data.
    """
    encoding, width, height, step = message.encoding, message.width, message.height, message.step
    pixel = int(dtype_name[1]) * channels
    row = width * pixel
    if width < 1 or height < 1:
        raise ConversionError(f"image of {width}x{height} pixels ({encoding}) is empty")
    if step < row:
        raise ConversionError(f"step {step} is too short for {width} pixels of {encoding}: at least {row} bytes")
    data = np.frombuffer(message.data, np.uint8)
    needed = step * (height - 1) + row
    if len(data) < needed:
        raise ConversionError(
            f"image of {width}x{height} pixels ({encoding}, step {step}) holds {len(data)} bytes; needed are "
            f"{needed}. The message is truncated or its size fields are wrong"
        )
    dtype = np.dtype((">" if message.is_bigendian else "<") + dtype_name)
    shape: Tuple[int, ...] = (height, width)
    strides: Tuple[int, ...] = (step, pixel)
    if channels > 1:
        shape, strides = (*shape, channels), (*strides, dtype.itemsize)
    return np.ndarray(shape, dtype, data, strides=strides)


def is_compressed(message: Any) -> bool:
    """Whether a message is a CompressedImage, and not an Image."""
    return not hasattr(message, "encoding")


def color_image(message: Any) -> CameraImage:
    """A colour Image or CompressedImage, whose pixels are a view of the message where that is not compressed.

    Takes rgb8, bgr8, rgba8, bgra8, mono8, yuv422 (UYVY) and yuv422_yuy2 (YUYV) with any row padding; compressed, JPEG
    and PNG. Raises ConversionError.
    """
    if is_compressed(message):
        return _compressed_image(message)
    pixels = _pixels(message, _COLOR)
    if message.encoding.startswith("yuv422") and message.width % 2:
        raise ConversionError(f"a {message.encoding} image of {message.width} columns; accepted is an even number")
    return CameraImage(pixels, _TO_RGB.get(message.encoding))


def color_to_rgb(message: Any) -> np.ndarray:
    """A colour Image or CompressedImage as (H, W, 3) uint8 RGB, C-contiguous, possibly read-only; see `color_image`.

    Raises ConversionError.
    """
    return color_image(message).rgb


def depth_image(message: Any) -> CameraDepth:
    """A depth Image or CompressedImage, whose readings are a view of the message where they need no decoding.

    Takes 16UC1 and mono16 (millimetres, 0 = no reading) and 32FC1 (metres; 0, NaN or inf = none), REP 118, in either
    byte order; compressed, see `compressed_depth_to_metres`. Raises ConversionError.
    """
    if is_compressed(message):
        return CameraDepth(compressed_depth_to_metres(message))
    readings = _pixels(message, _DEPTH)
    return CameraDepth(readings.astype(readings.dtype.newbyteorder("="), copy=False))


def depth_to_metres(message: Any) -> np.ndarray:
    """A depth Image or CompressedImage as (H, W) float32 metres, NaN where there is no reading; see `depth_image`.

    Raises ConversionError.
    """
    return depth_image(message).metres


def mask_from_message(message: Any) -> np.ndarray:
    """Class ids as (H, W) uint8 from a mono8 or 8UC1 Image. Raises ConversionError."""
    return np.ascontiguousarray(_pixels(message, _MASK))


def check_depth(message: Any, width: int, height: int) -> None:
    """Raise ConversionError unless the Image is depth of width × height pixels, as aligned depth must be."""
    _pixels(message, _DEPTH)
    check_depth_size(message.width, message.height, width, height)


def check_depth_size(depth_width: int, depth_height: int, width: int, height: int) -> None:
    """Raise ConversionError unless depth has the size of the colour image, as aligned depth must."""
    if (depth_width, depth_height) != (width, height):
        raise ConversionError(
            f"depth is {depth_width}x{depth_height} and colour {width}x{height} pixels, so it is not aligned to "
            "colour. Subscribe to aligned_depth_to_color/image_raw and start the driver with align_depth:=true"
        )


def _decode(data: bytes) -> np.ndarray:
    fault = fault_of(data)
    if fault is not None:
        raise ConversionError(f"{len(data)} bytes are {fault}; the message is truncated")
    try:
        # As it is: the camera's pixels, whatever an EXIF entry says of the way up.
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    except cv2.error as error:
        raise ConversionError(f"{len(data)} bytes cannot be decoded: {error}") from error
    if image is None:
        raise ConversionError(
            f"{len(data)} bytes are not a JPEG or PNG; the message is truncated, or of another format"
        )
    return image


def _compressed_image(message: Any) -> CameraImage:
    if "compressedDepth" in message.format:
        raise ConversionError(f"format {message.format!r} is a depth image; accepted are JPEG and PNG of colour")
    image = _decode(bytes(message.data))
    if image.dtype != np.uint8:
        raise ConversionError(f"an image of {image.dtype} is not a colour image; accepted is uint8")
    if message.format.startswith("bayer_") and image.ndim == 2:
        # Publishers that remove the mosaic send three channels. As grey it would look right and give wrong masks.
        raise ConversionError(
            f"format {message.format!r} is a Bayer mosaic in a CompressedImage, not a colour image; accepted are JPEG "
            "and PNG of colour. Subscribe to the debayered image (image_proc)"
        )
    codes = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}
    return CameraImage(image, codes[1 if image.ndim == 2 else image.shape[2]])


def compressed_depth_to_metres(message: Any) -> np.ndarray:
    """A compressedDepth message as (H, W) float32 metres, NaN where unknown.

    Takes 16UC1 and mono16 (millimetres) and 32FC1 (metres, REP 118), as PNG and RVL. Raises ConversionError.
    """
    kind, _, rest = (part.strip() for part in message.format.partition(";"))
    coding = _coding(rest)
    if coding is None or kind not in ("16UC1", "mono16", "32FC1"):
        raise ConversionError(
            f"format {message.format!r} is not a depth image; accepted are compressedDepth of 16UC1 and 32FC1 as png "
            "and rvl. Set the publisher's parameter compressedDepth/format to png, or subscribe to the raw topic"
        )
    data = bytes(message.data)
    if len(data) <= _CONFIG_HEADER.size:
        raise ConversionError(f"{len(data)} bytes contain no depth image; the message is truncated")
    body = data[_CONFIG_HEADER.size :]
    pixels = _rvl_pixels(body) if coding == "rvl" else _decode(body)
    if pixels.dtype != np.uint16 or pixels.ndim != 2:
        raise ConversionError(f"a PNG of {pixels.dtype} and shape {pixels.shape} is not 16-bit depth")
    if kind != "32FC1":
        return without_invalid(pixels * np.float32(0.001))
    _, scale, offset = _CONFIG_HEADER.unpack(data[: _CONFIG_HEADER.size])
    with np.errstate(all="ignore"):
        metres = np.float32(scale) / (pixels.astype(np.float32) - np.float32(offset))
    metres[pixels == 0] = np.nan
    return without_invalid(metres)


def _coding(rest: str) -> Optional[str]:
    """png or rvl, of the second part of a compressedDepth format; None for another. Without a word it is PNG."""
    words = rest.split()
    if words[:1] != ["compressedDepth"]:
        return None
    coding = words[1] if len(words) > 1 else "png"
    return coding if coding in ("png", "rvl") else None


def _rvl_pixels(body: bytes) -> np.ndarray:
    if len(body) < _RVL_SIZE.size:
        raise ConversionError(f"{len(body)} bytes contain no RVL image; the message is truncated")
    width, height = _RVL_SIZE.unpack(body[: _RVL_SIZE.size])
    try:
        return decode_rvl(body[_RVL_SIZE.size :], height, width)
    except RvlError as error:
        raise ConversionError(str(error)) from error
