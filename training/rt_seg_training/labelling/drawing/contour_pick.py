"""Edges of the image make closed contours, and a click picks one: a part, or a hole inside it."""
from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from rt_seg_training.labelling.drawing.tool import Line, Point, Slider, Target, Tool, box_line, box_of

DRAG = 4.0
"""Pixels of the image from which a press and a release are a box, not a click."""
LEAST_AREA = 12
MOST_CONTOURS = 400


def edge_contours(
    color: np.ndarray, box: tuple[int, int, int, int], low: int, high: int, black: int, kernel: int
) -> list[np.ndarray]:
    """Closed contours, (N, 2) int32 (x, y) of the image, in a box of it (left, top, right, bottom), largest first.

    Canny's edges (thresholds `low` and `high`) of the grey image, blurred and closed by a kernel of `kernel` pixels
    (odd), bound regions. What is darker than `black` (0 = off) counts as a region of its own.
    """
    left, top, right, bottom = box
    grey = cv2.cvtColor(np.ascontiguousarray(color[top:bottom, left:right]), cv2.COLOR_RGB2GRAY)
    if kernel > 1:
        grey = cv2.GaussianBlur(grey, (kernel, kernel), 0)
    edges = cv2.Canny(grey, min(low, high), max(low, high))
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (kernel, kernel))
    edges = cv2.morphologyEx(edges, cv2.MORPH_CLOSE, ellipse)
    binary = [edges]
    if black:
        dark = (grey < black).astype(np.uint8) * 255
        binary.append(cv2.morphologyEx(dark, cv2.MORPH_OPEN, ellipse))
    found = []
    for image in binary:
        # A rim of nothing, so that what touches the box is closed, too.
        padded = cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        contours, _ = cv2.findContours(padded, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE, offset=(left - 1, top - 1))
        found += [contour.reshape(-1, 2) for contour in contours if cv2.contourArea(contour) >= LEAST_AREA]
    return sorted(found, key=cv2.contourArea, reverse=True)[:MOST_CONTOURS]


class ContourPick(Tool):
    """Drag a box, set the sliders until the contour closes, click it. Without a box, that of what is labelled."""

    name = "contours"
    key = "c"
    hint = ("left drag: box to look in", "left click: take contour", "right click: erase it")

    def __init__(self) -> None:
        super().__init__()
        self.sliders = (
            Slider("low", 40, 0, 255),
            Slider("high", 120, 0, 255),
            Slider("black", 0, 0, 255),
            Slider("kernel", 3, 1, 15),
        )
        self._box: tuple[int, int, int, int] | None = None
        self._start: Point | None = None
        self._secondary = False
        self._pointer: Point | None = None
        self._known: tuple[object, list[np.ndarray]] = (None, [])

    def _look_in(self, target: Target) -> tuple[int, int, int, int]:
        if self._box is not None:
            return self._box
        height, width = target.document.mask.shape
        x, y, box_width, box_height = cv2.boundingRect((target.document.began_with > 0).astype(np.uint8))
        if not box_width:
            return (0, 0, width, height)
        return (max(0, x - 4), max(0, y - 4), min(width, x + box_width + 4), min(height, y + box_height + 4))

    def contours(self, target: Target) -> list[np.ndarray]:
        """The contours of the box under the present settings."""
        low, high, black, kernel = (slider.value for slider in self.sliders)
        settings = (id(target.document), self._look_in(target), low, high, black, kernel | 1)
        if self._known[0] != settings:
            self._known = (settings, edge_contours(target.document.color, *settings[1:]))
        return self._known[1]

    def _meant(self, target: Target, point: Point) -> np.ndarray | None:
        """The smallest contour around a place."""
        place = (float(point[0]), float(point[1]))
        around = [contour for contour in self.contours(target) if cv2.pointPolygonTest(contour, place, False) >= 0]
        return around[-1] if around else None

    def press(self, target: Target, point: Point, secondary: bool, shift: bool) -> None:
        self._start, self._pointer, self._secondary = point, point, secondary

    def move(self, target: Target, point: Point) -> None:
        self._pointer = point

    def _dragged(self, point: Point) -> bool:
        return self._start is not None and np.hypot(*np.subtract(point, self._start)) >= DRAG

    def release(self, target: Target, point: Point) -> str | None:
        if self._start is None:
            return None
        start, dragged = self._start, self._dragged(point)
        self._start = None
        if dragged and not self._secondary:
            box = box_of(start, point, target.document.mask.shape)
            if box[2] - box[0] < 2 or box[3] - box[1] < 2:
                return "the box is outside the image"
            self._box = box
            count = len(self.contours(target))
            return f"{count} contours; click one, or move the sliders"
        contour = self._meant(target, start)
        if contour is None:
            return "no closed contour around this place; lower the sliders low and high, or raise kernel"
        # With the pixels that it runs along: Canny's edge lies on both sides of the border, and a contour around its
        # inner side. Discs of 6 to 20 px: IoU 0.96 with exact coverage, 0.93 for what the contour encloses exactly.
        region = np.zeros(target.document.mask.shape, np.uint8)
        cv2.drawContours(region, [contour], -1, 1, cv2.FILLED)
        return None if target.paint(region > 0, self._secondary) else "nothing changed: that was this class already"

    def cancel(self) -> None:
        self._box = self._start = None

    def lines(self, target: Target) -> Iterator[Line]:
        start, end = self._start, self._pointer
        if start is not None and end is not None and self._dragged(end) and not self._secondary:
            yield box_line(box_of(start, end, target.document.mask.shape), strong=True)
            return
        yield box_line(self._look_in(target))
        meant = self._meant(target, self._pointer) if self._pointer is not None else None
        for contour in self.contours(target):
            yield Line(contour, closed=True, strong=contour is meant)
