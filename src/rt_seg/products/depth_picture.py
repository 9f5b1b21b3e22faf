"""Depth as an image: near is red, far is blue, and black is where there is no reading."""

from __future__ import annotations

from functools import lru_cache
from typing import Tuple

import cv2
import numpy as np

SHOWN = (0.2, 5.0)
"""Metres at which the colours begin and end where nothing else is said: a table, a room."""


def depth_picture(depth: np.ndarray, limits: Tuple[float, float] = SHOWN) -> np.ndarray:
    """(H, W, 3) uint8 RGB of depth, (H, W), uint16 millimetres or float metres; 0 and NaN are no reading.

    What is nearer or farther than the `limits`, in metres, has the colour of the limit.
    """
    if depth.dtype == np.uint16:
        # Looked up, four bytes at a time: a third of the time.
        colors = np.take(_colors_of_millimetres(limits), depth)
        return np.asarray(cv2.cvtColor(colors.view(np.uint8).reshape(*depth.shape, 4), cv2.COLOR_RGBA2RGB))
    metres = np.nan_to_num(depth.astype(np.float32))
    nearest, farthest = limits
    levels = np.round(255 * np.clip((farthest - metres) / (farthest - nearest), 0.0, 1.0)).astype(np.uint8)
    picture = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    return np.asarray(cv2.bitwise_and(picture, picture, mask=(metres > 0.0).view(np.uint8)))


@lru_cache(maxsize=4)
def _colors_of_millimetres(limits: Tuple[float, float]) -> np.ndarray:
    """(65536,) uint32: the colour of each reading of a depth camera, as the bytes R, G, B, 255."""
    metres = np.arange(2**16, dtype=np.float32) * np.float32(0.001)
    return cv2.cvtColor(depth_picture(metres[np.newaxis], limits), cv2.COLOR_RGB2RGBA).view(np.uint32).ravel()
