"""Common base of the tools: pointer events and changes of the mask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from rt_seg_training.labelling.label_document import LabelDocument

Point = tuple[float, float]
"""Place in the image, (x, y) in pixels; whole numbers are the pixels' centres."""


@dataclass
class Slider:
    """A whole number that the user sets, `least` to `most`."""

    name: str
    value: int
    least: int
    most: int

    def set(self, value: float) -> None:
        """Take the nearest value that is allowed."""
        self.value = int(min(max(round(value), self.least), self.most))


@dataclass
class Target:
    """The document that is edited, and the class that is painted there.

    `allowed`, (H, W) bool, holds where pixels may change; None: everywhere. `erasing`: what is painted becomes class 0.
    """

    document: LabelDocument
    label: int
    erasing: bool = False
    allowed: np.ndarray | None = None

    def painted(self, region: np.ndarray, erase: bool = False) -> np.ndarray:
        """(H, W) uint8: the mask with the class in `region`, (H, W) bool, or with class 0 there."""
        if self.allowed is not None:
            region = region & self.allowed
        mask = self.document.mask.copy()
        mask[region] = 0 if erase or self.erasing else self.label
        return mask

    def paint(self, region: np.ndarray, erase: bool = False, memory: Any = None) -> bool:
        """Make `painted` a change of the document; False when it changes nothing."""
        return self.document.change(self.painted(region, erase), memory)


@dataclass(frozen=True)
class Line:
    """A line over the image: (N, 2) points (x, y), closed or open, `strong` where it is what the pointer means."""

    points: np.ndarray
    closed: bool = False
    strong: bool = False


class Tool:
    """A way of labelling. `hint` says what the mouse does; each line has at most 30 characters."""

    name = ""
    key = ""
    hint: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.sliders: tuple[Slider, ...] = ()

    def press(self, target: Target, point: Point, secondary: bool, shift: bool) -> None:
        """A mouse button went down; `secondary`: the right one."""

    def move(self, target: Target, point: Point) -> None:
        """The pointer moved, pressed or not."""

    def release(self, target: Target, point: Point) -> str | None:
        """The button went up; returns what the user should know, or None."""

    def confirm(self, target: Target) -> bool:
        """Enter; False when the tool has nothing to end, so that it means the frame."""
        return False

    def back(self, target: Target) -> bool:
        """Take back a step that is no change of the mask yet; False when there is none."""
        return False

    def cancel(self) -> None:
        """Forget what was begun: Escape, another frame, another tool."""

    def preview(self, target: Target) -> np.ndarray | None:
        """(H, W) uint8 mask to show while something is being done; None: that of the document."""
        return None

    def lines(self, target: Target) -> Iterator[Line]:
        """What to draw over the image."""
        return iter(())


def box_of(start: Point, end: Point, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """left, top, right, bottom (the last two excluded) of a box dragged over an image of `shape` (H, W)."""
    left, right = sorted((start[0], end[0]))
    top, bottom = sorted((start[1], end[1]))
    return (
        int(np.clip(round(left), 0, shape[1])),
        int(np.clip(round(top), 0, shape[0])),
        int(np.clip(round(right) + 1, 0, shape[1])),
        int(np.clip(round(bottom) + 1, 0, shape[0])),
    )


def box_line(box: tuple[int, int, int, int], strong: bool = False) -> Line:
    """The outline of a box of `box_of`."""
    left, top, right, bottom = box
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)]) - 0.5  # the pixels' outer edges
    return Line(corners, closed=True, strong=strong)
