"""A round brush."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from rt_seg_training.labelling.drawing.tool import Line, Point, Slider, Target, Tool

SUBPIXEL_BITS = 4


def stroke(canvas: np.ndarray, start: Point, end: Point, size: int, value: int = 1) -> None:
    """Draw into `canvas`, (H, W) uint8, a stroke `size` pixels wide; a size of 1 is a line of single pixels."""
    ends = [tuple(int(np.clip(round(v), -10_000, 100_000)) for v in point) for point in (start, end)]
    if size == 1:
        cv2.line(canvas, *ends, value)
        return
    # Thick lines of OpenCV are wider than asked for, its small discs not even: a disc at each end and a bar between.
    for x, y in ends:
        _disc(canvas, x, y, size, value)
    along = np.subtract(ends[1], ends[0])
    if along.any():
        across = np.array([-along[1], along[0]]) * (size - 1) / 2 / np.hypot(*along)
        corners = np.array([ends[0] + across, ends[1] + across, ends[1] - across, ends[0] - across])
        fixed = np.rint(corners * (1 << SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillConvexPoly(canvas, fixed, value, shift=SUBPIXEL_BITS)


def _disc(canvas: np.ndarray, x: int, y: int, size: int, value: int) -> None:
    reach = size // 2
    rows = np.arange(max(0, y - reach), min(canvas.shape[0], y + reach + 1))
    columns = np.arange(max(0, x - reach), min(canvas.shape[1], x + reach + 1))
    if len(rows) and len(columns):
        inside = (rows[:, None] - y) ** 2 + (columns - x) ** 2 <= (size / 2) ** 2
        canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1][inside] = value


class Brush(Tool):
    """Paints while the button is down; the right button erases."""

    name = "brush"
    key = "b"
    hint = ("left drag: paint", "right drag: erase")

    def __init__(self) -> None:
        super().__init__()
        self.sliders = (Slider("size", 15, 1, 200),)
        self._canvas: np.ndarray | None = None
        self._erase = False
        self._last: Point = (0.0, 0.0)

    def press(self, target: Target, point: Point, secondary: bool, shift: bool) -> None:
        self._canvas = np.zeros(target.document.mask.shape, np.uint8)
        self._erase = secondary
        self._last = point
        stroke(self._canvas, point, point, self.sliders[0].value)

    def move(self, target: Target, point: Point) -> None:
        if self._canvas is not None:
            stroke(self._canvas, self._last, point, self.sliders[0].value)
        self._last = point

    def release(self, target: Target, point: Point) -> str | None:
        if self._canvas is not None:
            self.move(target, point)
            target.paint(self._canvas > 0, self._erase)
            self._canvas = None
        return None

    def cancel(self) -> None:
        self._canvas = None

    def preview(self, target: Target) -> np.ndarray | None:
        return None if self._canvas is None else target.painted(self._canvas > 0, self._erase)

    def lines(self, target: Target) -> Iterator[Line]:
        angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
        circle = np.stack([np.cos(angles), np.sin(angles)], axis=1) * self.sliders[0].value / 2
        yield Line(circle + np.array(self._last), closed=True)
