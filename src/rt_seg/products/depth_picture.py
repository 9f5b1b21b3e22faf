"""Depth as an image: near is red, far is blue, and black is where there is no reading."""
from __future__ import annotations

from typing import Tuple

import cv2
import numpy as np

SHOWN = (0.2, 5.0)
"""Metres at which the colours begin and end where nothing else is said: a table, a room."""


def depth_picture(depth: np.ndarray, limits: Tuple[float, float] = SHOWN) -> np.ndarray:
    """(H, W, 3) uint8 RGB of depth, (H, W), uint16 millimetres or float metres; 0 and NaN are no reading.

    What is nearer or farther than the `limits`, in metres, has the colour of the limit.
    """
    metres = depth * np.float32(0.001) if depth.dtype == np.uint16 else np.nan_to_num(depth.astype(np.float32))
    nearest, farthest = limits
    share = np.clip((farthest - metres) / (farthest - nearest), 0.0, 1.0)
    colors = cv2.applyColorMap(np.round(255 * share).astype(np.uint8), cv2.COLORMAP_TURBO)
    picture = cv2.cvtColor(colors, cv2.COLOR_BGR2RGB)
    picture[metres <= 0.0] = 0
    return picture
