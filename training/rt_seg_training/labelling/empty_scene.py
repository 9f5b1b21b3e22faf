"""Foreground by difference to an image of the empty scene."""

from __future__ import annotations

import cv2
import numpy as np


def changed(color: np.ndarray, empty: np.ndarray, threshold: float) -> np.ndarray:
    """(H, W) bool: pixels whose colour differs from the empty scene by more than `threshold` (levels of 255).

    Both are (H, W, 3) uint8 RGB, taken by a camera that did not move. The largest of the three channels' differences
    counts, after a blur that takes the sensor's noise away. Raises ValueError when the sizes differ.
    """
    if color.shape != empty.shape:
        raise ValueError(
            f"the image is {color.shape[1]}x{color.shape[0]} and the empty scene {empty.shape[1]}x{empty.shape[0]}; "
            "both must come from one camera at one resolution"
        )
    difference = cv2.absdiff(cv2.GaussianBlur(color, (5, 5), 0), cv2.GaussianBlur(empty, (5, 5), 0))
    return difference.max(axis=2) > threshold
