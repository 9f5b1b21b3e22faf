"""Arrays into Image messages: by cv_bridge, or where its compiled half does not load, by NumPy.

It does not with another Python than the distribution's, or with NumPy 2 where it was built against NumPy 1.
"""
from __future__ import annotations

import sys
from typing import Any, Callable, Optional

import numpy as np
import rospy
from sensor_msgs.msg import Image
from std_msgs.msg import Header

Pack = Callable[[np.ndarray, str, Header], Image]
_pack: Optional[Pack] = None


def pack_by_numpy(pixels: np.ndarray, encoding: str, header: Header) -> Image:
    """What cv_bridge's cv2_to_imgmsg makes of an array whose encoding is known, (H, W) or (H, W, C)."""
    height, width = pixels.shape[:2]
    step = pixels.nbytes // height if height else 0
    return Image(header, height, width, encoding, int(sys.byteorder == "big"), step, pixels.tobytes())


def _choose() -> Pack:
    try:
        from cv_bridge import CvBridge

        pack: Any = CvBridge().cv2_to_imgmsg
        pack(np.zeros((1, 1, 3), np.uint8), "rgb8", Header())
    except Exception as error:  # compiled modules fail in ways of their own
        rospy.loginfo(f"cv_bridge does not work with this Python and NumPy ({error}); NumPy packs images instead")
        return pack_by_numpy
    return pack


def pack_image(pixels: np.ndarray, encoding: str, header: Header) -> Image:
    """An Image with packed rows."""
    global _pack
    if _pack is None:
        _pack = _choose()
    return _pack(pixels, encoding, header)
