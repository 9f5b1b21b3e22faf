"""An outline of straight lines, corner by corner."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rt_seg_training.label_exchange.outlines import filled
from rt_seg_training.labelling.drawing.tool import Line, Point, Target, Tool

CLOSE = 6.0
"""Pixels of the image within which a click on the first corner closes the outline."""


class Polygon(Tool):
    """Click corners, then close: the inside gets the class."""

    name = "outline"
    key = "o"
    hint = ("left click: corner", "right click, Enter or", "  first corner: fill", "z: remove corner")

    def __init__(self) -> None:
        super().__init__()
        self._corners: list[Point] = []
        self._pointer: Point | None = None

    def press(self, target: Target, point: Point, secondary: bool, shift: bool) -> None:
        self._pointer = point
        closing = len(self._corners) > 2 and np.hypot(*np.subtract(point, self._corners[0])) <= CLOSE
        if secondary or closing:
            self.confirm(target)
        else:
            self._corners.append(point)

    def move(self, target: Target, point: Point) -> None:
        self._pointer = point

    def confirm(self, target: Target) -> bool:
        if not self._corners:
            return False
        if len(self._corners) > 2:
            # Whole numbers are the centres of pixels here, and their edges there.
            target.paint(filled([np.array(self._corners) + 0.5], *target.document.mask.shape))
        self._corners = []
        return True

    def back(self, target: Target) -> bool:
        if not self._corners:
            return False
        self._corners.pop()
        return True

    def cancel(self) -> None:
        self._corners = []

    def lines(self, target: Target) -> Iterator[Line]:
        if self._corners:
            ends = [self._pointer] if self._pointer is not None else []
            yield Line(np.array(self._corners + ends), strong=True)
            for x, y in self._corners:
                yield Line(np.array([(x - 1, y - 1), (x + 1, y - 1), (x + 1, y + 1), (x - 1, y + 1)]), closed=True)
