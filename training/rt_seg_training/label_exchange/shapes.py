"""Shapes that programs draw, each with the pixels of an image that it covers."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from rt_seg_training.label_exchange.outlines import EMPTY, Patch, fill, fill_ellipse

OUTSIDE = 0.5
"""Pixels by which a shape may reach over the border of its image before that is worth a remark."""


class Shape(Protocol):
    """What every shape has."""

    def patch(self, height: int, width: int) -> Patch:
        """The pixels of an image of this size."""
        ...

    def reaches_outside(self, height: int, width: int) -> bool:
        """Whether a part of it lies outside such an image."""
        ...


def turned(points: np.ndarray, center: np.ndarray, degrees: float) -> np.ndarray:
    """(N, 2) points (x, y) turned clockwise around a centre; y points down."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return (points - center) @ np.array([[cos, sin], [-sin, cos]]) + center


@dataclass(frozen=True)
class Outline:
    """Rings of (N, 2) float64 corners (x, y), together by the even-odd rule: a ring in a ring is a hole.

    Coordinates are pixels, or, where `relative`, shares of the image's width and height.
    """

    rings: tuple[np.ndarray, ...]
    relative: bool = False

    def _pixels(self, height: int, width: int) -> list[np.ndarray]:
        return [ring * (width, height) if self.relative else ring for ring in self.rings]

    def patch(self, height: int, width: int) -> Patch:
        """See Shape."""
        return fill(self._pixels(height, width), height, width)

    def reaches_outside(self, height: int, width: int) -> bool:
        """See Shape."""
        corners = np.concatenate(self._pixels(height, width))
        return bool((corners < -OUTSIDE).any() or (corners > np.array([width, height]) + OUTSIDE).any())


@dataclass(frozen=True)
class Perforated:
    """An outline without its holes, which may overlap each other and the rim."""

    exterior: Outline
    holes: tuple[Outline, ...]

    def patch(self, height: int, width: int) -> Patch:
        """See Shape."""
        whole = self.exterior.patch(height, width)
        canvas = np.zeros((height, width), bool)
        whole.of(canvas)[:] = whole.mask
        for hole in self.holes:
            part = hole.patch(height, width)
            part.of(canvas)[part.mask] = False
        return Patch(whole.top, whole.left, whole.of(canvas))

    def reaches_outside(self, height: int, width: int) -> bool:
        """See Shape."""
        return self.exterior.reaches_outside(height, width)


@dataclass(frozen=True)
class Ellipse:
    """`center` (x, y) and `radii` along x and y in pixels, turned clockwise by `degrees`."""

    center: tuple[float, float]
    radii: tuple[float, float]
    degrees: float = 0.0

    def patch(self, height: int, width: int) -> Patch:
        """See Shape."""
        return fill_ellipse(self.center, self.radii, self.degrees, height, width)

    def reaches_outside(self, height: int, width: int) -> bool:
        """See Shape."""
        cos, sin = np.cos(np.radians(self.degrees)), np.sin(np.radians(self.degrees))
        reach = np.hypot([self.radii[0] * cos, self.radii[0] * sin], [self.radii[1] * sin, self.radii[1] * cos])
        low, high = np.subtract(self.center, reach), np.add(self.center, reach)
        return bool((low < -OUTSIDE).any() or (high > np.array([width, height]) + OUTSIDE).any())


@dataclass(frozen=True)
class Bitmap:
    """`mask`, (h, w) bool, with its upper left pixel at row `top` and column `left`, which may lie outside."""

    top: int
    left: int
    mask: np.ndarray

    def patch(self, height: int, width: int) -> Patch:
        """See Shape."""
        bottom, right = self.top + self.mask.shape[0], self.left + self.mask.shape[1]
        top, left = max(0, self.top), max(0, self.left)
        part = self.mask[top - self.top : max(0, min(bottom, height) - self.top)]
        part = part[:, left - self.left : max(0, min(right, width) - self.left)]
        return Patch(top, left, part) if part.size else EMPTY

    def reaches_outside(self, height: int, width: int) -> bool:
        """See Shape."""
        return int(self.patch(height, width).mask.sum()) < int(self.mask.sum())


@dataclass(frozen=True)
class Runs:
    """Run lengths of a whole image, the first one of zeros, down its columns as in COCO.

    `lengths` is (N,) int64 and sums to height × width.
    """

    lengths: np.ndarray
    height: int
    width: int

    def patch(self, height: int, width: int) -> Patch:
        """See Shape; the image has the size of the runs."""
        values = np.repeat(np.arange(len(self.lengths)) % 2 == 1, self.lengths)
        return Patch(0, 0, values.reshape(self.width, self.height).T)

    def reaches_outside(self, height: int, width: int) -> bool:
        """See Shape."""
        return False


@functools.lru_cache(maxsize=1)
def _image(file: Path) -> np.ndarray:
    from rt_seg_training.datasets.images import read_color_mask

    return read_color_mask(file)


@dataclass(frozen=True)
class ColorIn:
    """The pixels of an image file that have a colour (red, green, blue)."""

    file: Path
    color: tuple[int, int, int]

    def patch(self, height: int, width: int) -> Patch:
        """See Shape; the file has the size of the image. Raises DatasetError."""
        return Patch(0, 0, (_image(self.file) == self.color).all(axis=2))

    def reaches_outside(self, height: int, width: int) -> bool:
        """See Shape."""
        return False


@functools.lru_cache(maxsize=1)
def _values(file: Path) -> np.ndarray:
    from rt_seg_training.datasets.images import read_mask

    return read_mask(file)


@dataclass(frozen=True)
class ValueIn:
    """The pixels of an image file of class ids that have a value."""

    file: Path
    value: int

    def patch(self, height: int, width: int) -> Patch:
        """See Shape; the file has the size of the image. Raises DatasetError."""
        return Patch(0, 0, _values(self.file) == self.value)

    def reaches_outside(self, height: int, width: int) -> bool:
        """See Shape."""
        return False
