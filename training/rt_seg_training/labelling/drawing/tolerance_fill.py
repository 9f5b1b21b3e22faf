"""Paints what has the colour of the place where it began."""

from __future__ import annotations

import cv2
import numpy as np

from rt_seg_training.labelling.drawing.tool import Point, Slider, Target, Tool


class ToleranceFill(Tool):
    """A brush that takes only pixels like the first one and connected with it, within its reach; 0 is no limit."""

    name = "tolerance"
    key = "t"
    hint = ("left: paint like colour", "right: erase like colour", "reach 0: whole region")

    def __init__(self) -> None:
        super().__init__()
        self.sliders = (Slider("tolerance", 20, 0, 128), Slider("reach", 0, 0, 200))
        self._alike: np.ndarray | None = None
        self._region: np.ndarray | None = None
        self._erase = False

    def press(self, target: Target, point: Point, secondary: bool, shift: bool) -> None:
        color = target.document.color
        x, y = round(point[0]), round(point[1])
        if not (0 <= x < color.shape[1] and 0 <= y < color.shape[0]):
            return
        low, high = (np.clip(color[y, x].astype(int) + sign * self.sliders[0].value, 0, 255) for sign in (-1, 1))
        self._alike = cv2.inRange(color, low, high)
        self._region = np.zeros(color.shape[:2], np.uint8)
        self._erase = secondary
        self.move(target, point)

    def move(self, target: Target, point: Point) -> None:
        if self._alike is None or self._region is None:
            return
        height, width = self._alike.shape
        x, y = round(point[0]), round(point[1])
        if not (0 <= x < width and 0 <= y < height) or not self._alike[y, x]:
            return
        reach = self.sliders[1].value
        left, top = (max(0, x - reach), max(0, y - reach)) if reach else (0, 0)
        right, bottom = (x + reach + 1, y + reach + 1) if reach else (width, height)
        part = self._alike[top:bottom, left:right]
        if reach:
            disc = cv2.circle(np.zeros_like(part), (x - left, y - top), reach, 255, cv2.FILLED)
            part = cv2.bitwise_and(part, disc)
        found = np.zeros((part.shape[0] + 2, part.shape[1] + 2), np.uint8)
        # 4 neighbours; the found pixels become 1 in the mask of floodFill, which has a rim of one pixel.
        cv2.floodFill(part.copy(), found, (x - left, y - top), 0, flags=4 | cv2.FLOODFILL_MASK_ONLY | (1 << 8))
        self._region[top:bottom, left:right] |= found[1:-1, 1:-1]

    def release(self, target: Target, point: Point) -> str | None:
        if self._region is None:
            return None
        self.move(target, point)
        changed = target.paint(self._region > 0, self._erase)
        self.cancel()
        return None if changed else "no change: already this class, or outside the object"

    def cancel(self) -> None:
        self._alike = self._region = None

    def preview(self, target: Target) -> np.ndarray | None:
        return None if self._region is None else target.painted(self._region > 0, self._erase)
