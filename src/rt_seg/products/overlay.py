"""Masks as images: in the colours of their classes, alone or blended over the camera image."""

from __future__ import annotations

import cv2
import numpy as np

from rt_seg.labels import LabelSet

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_TEXT_SCALE = 0.45


class Palette:
    """Draws masks of one label set.

    Classes that are pure black, and ids without a class (255 among them), leave the camera image as it is in the
    overlay: the background stays readable. In the coloured mask, ids without a class have `LabelSet.unlabelled_color`:
    black, or a black that no eye but a table tells from that of a class.

    Examples:
        >>> labels = LabelSet((Label(0, "background", (0, 0, 0)), Label(1, "cup", (200, 0, 0))))
        >>> mask = np.array([[0, 1]], np.uint8)
        >>> Palette(labels).colorize(mask).tolist()
        [[[0, 0, 0], [200, 0, 0]]]
        >>> Palette(labels).blend(np.full((1, 2, 3), 100, np.uint8), mask, alpha=0.5).tolist()
        [[[100, 100, 100], [150, 50, 50]]]
    """

    def __init__(self, labels: LabelSet) -> None:
        self._labels = labels
        self._drawn = np.where(labels.color_table.any(axis=1), 255, 0).astype(np.uint8)
        self._bare = 255 - self._drawn
        table = labels.color_table
        table[len(labels) :] = labels.unlabelled_color
        self._table = table.reshape(256, 1, 3)

    def colorize(self, mask: np.ndarray) -> np.ndarray:
        """The mask in the colours of its classes: (H, W) uint8 ids to (H, W, 3) uint8 RGB."""
        return cv2.applyColorMap(mask, self._table)

    def blend(
        self, image: np.ndarray, mask: np.ndarray, alpha: float, contours: bool = False, names: bool = False
    ) -> np.ndarray:
        """Mix class colours into a camera image.

        `image` is (H, W, 3) uint8 RGB, `mask` (H, W) uint8, `alpha` the overlay opacity, 0..1. With
        `contours` the borders of the regions are drawn in full colour, with `names` the largest region of each class
        carries its name. Returns a new (H, W, 3) uint8 RGB image. Raises ValueError when image and mask differ in size.
        """
        if image.shape[:2] != mask.shape:
            raise ValueError(
                f"the image is {image.shape[1]}x{image.shape[0]} and the mask {mask.shape[1]}x{mask.shape[0]} pixels; "
                "an overlay needs both at one size"
            )
        colors = self.colorize(mask)
        blended = cv2.addWeighted(image, 1.0 - alpha, colors, alpha, 0.0)
        picture = cv2.copyTo(image, cv2.LUT(mask, self._bare), blended)
        if contours:
            # Not the coloured side only: a border of a region on black is its own outermost pixel.
            border = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
            picture = cv2.copyTo(
                colors, cv2.bitwise_and(cv2.compare(border, 0, cv2.CMP_GT), cv2.LUT(mask, self._drawn)), picture
            )
        if names:
            self._write_names(picture, mask)
        return picture

    def _write_names(self, picture: np.ndarray, mask: np.ndarray) -> None:
        for label in self._labels.labels:
            if not self._drawn[label.id]:
                continue
            region = cv2.compare(mask, label.id, cv2.CMP_EQ)
            if not cv2.countNonZero(region):
                continue
            _, _, boxes, centers = cv2.connectedComponentsWithStats(region, connectivity=8)
            largest = 1 + int(np.argmax(boxes[1:, cv2.CC_STAT_AREA]))
            text = label.name.encode("ascii", "replace").decode("ascii")  # OpenCV's font knows no more
            width, height = cv2.getTextSize(text, _FONT, _TEXT_SCALE, 1)[0]
            x = int(np.clip(centers[largest][0] - width / 2, 0, max(mask.shape[1] - width, 0)))
            y = int(np.clip(centers[largest][1] + height / 2, height, mask.shape[0]))
            cv2.putText(picture, text, (x, y), _FONT, _TEXT_SCALE, (0, 0, 0), 3, cv2.LINE_AA)
            cv2.putText(picture, text, (x, y), _FONT, _TEXT_SCALE, (255, 255, 255), 1, cv2.LINE_AA)
