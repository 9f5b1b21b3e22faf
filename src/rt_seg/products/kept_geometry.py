"""Depth and points without the classes that do not belong in a map: people, clutter, the robot's own arm."""

from __future__ import annotations

from typing import List

import cv2
import numpy as np

from rt_seg.labels import LabelSet
from rt_seg.products.class_filter import split_names


class ClassSelection:
    """Which pixels stay, by the names of their classes."""

    def __init__(self, labels: LabelSet, keep: str = "", drop: str = "") -> None:
        """
        Args:
            keep: names, comma-separated; empty keeps all, unlabelled pixels (255) too: something stands there.
            drop: names that go even so.

        A name that the label set lacks is noted in `unknown`, and otherwise of no effect: one setting serves several
        models. But with nothing to keep but unknown names, nothing stays.
        """
        ids = {label.name: label.id for label in labels.labels}
        kept, dropped = split_names(keep), split_names(drop)
        self.unknown: List[str] = [name for name in kept + dropped if name not in ids]
        table = np.full(256, 0 if kept else 255, np.uint8)
        table[[ids[name] for name in kept if name in ids]] = 255
        table[[ids[name] for name in dropped if name in ids]] = 0
        self._table = table
        self.keeps_all = bool(table.all())

    def stays(self, mask: np.ndarray, margin: int = 0) -> np.ndarray:
        """Where pixels stay: (H, W) uint8, 255 or 0, of (H, W) uint8 class ids.

        Within `margin` pixels (in rows and columns) of a pixel that goes, all go: depth at an edge mixes both sides.
        """
        stays = cv2.LUT(mask, self._table)
        if margin > 0 and not self.keeps_all:
            # The smallest value of a square, outside of the image counting as staying.
            side = 2 * margin + 1
            stays = cv2.erode(stays, cv2.getStructuringElement(cv2.MORPH_RECT, (side, side)))
        return stays


def keep_depth(depth: np.ndarray, stays: np.ndarray) -> np.ndarray:
    """Depth, (H, W) float32 metres, with NaN where pixels do not stay: REP 118 has NaN for what is unknown."""
    return cv2.copyTo(depth, stays, np.full(depth.shape, np.nan, np.float32))


def keep_millimetres(depth: np.ndarray, stays: np.ndarray) -> np.ndarray:
    """The same as (H, W) uint16 millimetres with 0 for what is unknown or does not stay; `depth` within 65 m."""
    # Rounds to the nearest, so that what came in millimetres goes out as it came.
    millimetres = cv2.multiply(cv2.patchNaNs(depth.copy(), 0.0), 1000.0, dtype=cv2.CV_16U)
    return cv2.copyTo(millimetres, stays, np.zeros(depth.shape, np.uint16))


def keep_points(points: np.ndarray, stays: np.ndarray, stride: int) -> np.ndarray:
    """The points of the pixels that stay and have a depth, row by row: (n,), none of them with a NaN.

    Args:
        points: (H', W') of `label_points`.
        stays: (H, W) uint8, 255 where a pixel stays and 0 elsewhere, of all rows and columns.
        stride: of the points. It does not follow from the sizes: several strides give as many rows.

    Raises ValueError where the sizes do not belong together.
    """
    stays = np.ascontiguousarray(stays[::stride, ::stride])
    if stays.shape != points.shape:
        raise ValueError(f"points of {points.shape} pixels do not match a mask of {stays.shape}")
    # NaN lies between no limits.
    known = cv2.inRange(np.ascontiguousarray(points["z"]), 0.0, float("inf"))
    chosen = cv2.bitwise_and(known, stays).view(bool)
    # As bytes without a meaning, which NumPy moves ten times as fast as fields.
    return points.view(f"V{points.dtype.itemsize}")[chosen].view(points.dtype)
