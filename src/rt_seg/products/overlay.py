"""Masks as pictures: in the colours of their classes, alone or blended over the camera image."""
from __future__ import annotations

import cv2
import numpy as np

from rt_seg.labels import LabelSet


class Palette:
    """Draws masks of one label set.

    Classes that are pure black, and ids without a class (255 among them), are black in the coloured mask and leave
    the camera image as it is in the overlay: the background stays readable.
    """

    def __init__(self, labels: LabelSet) -> None:
        self._table = labels.color_table.reshape(256, 1, 3)
        self._drawn = np.where(self._table.any(axis=2), 255, 0).astype(np.uint8)

    def colorize(self, mask: np.ndarray) -> np.ndarray:
        """The mask in the colours of its classes: (H, W) uint8 ids to (H, W, 3) uint8 RGB."""
        return cv2.applyColorMap(mask, self._table)

    def blend(self, image: np.ndarray, mask: np.ndarray, alpha: float) -> np.ndarray:
        """Mix class colours into a camera image.

        `image` is (H, W, 3) uint8 RGB, `mask` (H, W) uint8, `alpha` the share of the class colour, 0..1.
        Returns a new (H, W, 3) uint8 RGB image. Raises ValueError when image and mask differ in size.
        """
        if image.shape[:2] != mask.shape:
            raise ValueError(
                f"the image is {image.shape[1]}x{image.shape[0]} and the mask {mask.shape[1]}x{mask.shape[0]} pixels; "
                "an overlay needs both at one size"
            )
        blended = cv2.addWeighted(image, 1.0 - alpha, self.colorize(mask), alpha, 0.0)
        return cv2.copyTo(blended, cv2.LUT(mask, self._drawn), image.copy())
