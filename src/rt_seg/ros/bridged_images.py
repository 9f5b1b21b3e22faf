"""Colour images of the encodings that cameras have but our own decoder has not: Bayer mosaics, and 16 bits a channel.

cv_bridge converts them. The usual encodings do not go through it, since it copies what can be a view of the message.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sensor_msgs.msg import Image

from rt_seg.camera_image import CameraImage
from rt_seg.recordings.image_messages import ConversionError, is_compressed, packed_rows
from rt_seg.recordings.image_messages import color_image as plain_image

ENCODINGS = {
    **{f"bayer_{order}8": ("u1", 1) for order in ("rggb", "bggr", "gbrg", "grbg")},
    "rgb16": ("u2", 3), "bgr16": ("u2", 3), "rgba16": ("u2", 4), "bgra16": ("u2", 4),
}  # fmt: skip
"""Type and channels of each encoding that cv_bridge makes rgb8 of."""


def color_image(message: Any) -> CameraImage:
    """A colour Image or CompressedImage of any encoding of rt_seg.recordings.image_messages.color_image or ENCODINGS.

    Raises ConversionError, also where cv_bridge is needed and does not load (another Python than the distribution's).
    """
    if is_compressed(message) or message.encoding not in ENCODINGS:
        return plain_image(message)
    pixels = np.ascontiguousarray(packed_rows(message, *ENCODINGS[message.encoding]))
    # cv_bridge takes the padding of the rows for pixels, so it gets rows without.
    step = pixels.nbytes // message.height
    packed = Image(message.header, message.height, message.width, message.encoding, message.is_bigendian, step,
                   pixels.tobytes())  # fmt: skip
    try:
        from cv_bridge import CvBridge

        rgb = CvBridge().imgmsg_to_cv2(packed, "rgb8")
    except Exception as error:  # a compiled module that does not fit fails in ways of its own
        raise ConversionError(
            f"encoding {message.encoding!r} needs cv_bridge, which does not work ({error}); subscribe to an rgb8 "
            "image instead (image_proc makes one), or use the distribution's Python"
        ) from error
    return CameraImage(rgb)


def color_to_rgb(message: Any) -> np.ndarray:
    """The same as (H, W, 3) uint8 RGB. Raises ConversionError."""
    return color_image(message).rgb
