"""From coarse logits to class ids at the image's size: bilinear up-sampling and arg-max, computed where it matters.

Bilinear interpolation gives a convex combination of the four logits around a pixel. So where one class is the largest
of all four, it is the largest everywhere between them, and the result is known without interpolating: only cells whose
corners disagree, the borders of what is in the image, are up-sampled. The ids are those of the full computation.
"""
from __future__ import annotations

from typing import Tuple

import cv2
import numpy as np

DENSE_SHARE = 0.25
"""Share of cells with unlike corners from which up-sampling whole planes is the faster way."""


def _weights(scale_y: int, scale_x: int) -> np.ndarray:
    """Weights of a cell's four corners for each of its pixels, float32 (scale_y · scale_x, 4), half-pixel centres."""

    def shares(scale: int) -> np.ndarray:
        return (scale // 2 + np.arange(scale) + 0.5) / scale - 0.5

    down, right = np.meshgrid(shares(scale_y), shares(scale_x), indexing="ij")
    corners = [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right]
    return np.stack([corner.ravel() for corner in corners], axis=1).astype(np.float32)


def _dense(planes: np.ndarray, height: int, width: int) -> Tuple[np.ndarray, np.ndarray]:
    """Class ids uint8 and largest logit float32, both (height, width), by up-sampling every plane of (C, h, w)."""
    best = cv2.resize(planes[0], (width, height), interpolation=cv2.INTER_LINEAR)
    ids = np.zeros((height, width), np.uint8)
    for class_id, plane in enumerate(planes[1:], 1):
        values = cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)
        cv2.copyTo(np.full_like(ids, class_id), cv2.compare(values, best, cv2.CMP_GT), ids)
        cv2.max(values, best, best)
    return ids, best


def class_ids(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    """Class id per pixel, uint8 (height, width): arg-max of the logits, float32 (h, w, C), resized bilinearly with
    half-pixel centres; of equal logits the lowest id."""
    rows, columns, classes = logits.shape
    planes = np.ascontiguousarray(logits.transpose(2, 0, 1))
    if height % rows or width % columns:
        return _dense(planes, height, width)[0]
    scale_y, scale_x = height // rows, width // columns
    # A border of copies: beyond the outermost logits the interpolation is constant.
    padded = np.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    coarse = padded.argmax(axis=0).astype(np.uint8)
    corner = coarse[:-1, :-1]
    unlike = (corner != coarse[:-1, 1:]) | (corner != coarse[1:, :-1]) | (corner != coarse[1:, 1:])
    cells = np.flatnonzero(unlike)
    if len(cells) > DENSE_SHARE * unlike.size:
        return _dense(planes, height, width)[0]
    size = ((columns + 1) * scale_x, (rows + 1) * scale_y)
    ids = cv2.resize(np.ascontiguousarray(corner), size, interpolation=cv2.INTER_NEAREST)
    if len(cells):
        cell_rows, cell_columns = np.divmod(cells, columns + 1)
        first = cell_rows * (columns + 2) + cell_columns
        around = np.stack([first, first + 1, first + columns + 2, first + columns + 3])
        corners = padded.reshape(classes, -1)[:, around]
        weights = _weights(scale_y, scale_x)
        best = weights @ corners[0]
        winners = np.zeros(best.shape, np.uint8)
        for class_id in range(1, classes):
            values = weights @ corners[class_id]
            np.copyto(winners, class_id, where=values > best)
            np.maximum(best, values, out=best)
        blocks = winners.T.reshape(len(cells), scale_y, scale_x)
        ids.reshape(rows + 1, scale_y, columns + 1, scale_x)[cell_rows, :, cell_columns, :] = blocks
    top, left = scale_y - scale_y // 2, scale_x - scale_x // 2
    return ids[top : top + height, left : left + width].copy()


def confidences(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    """Softmax probability of the most probable class per pixel, float32 (height, width), of logits as in `class_ids`.

    The largest probability is 1 / sum(exp(logit - largest logit)): no exponent is above 0, so nothing overflows.
    """
    planes = np.ascontiguousarray(logits.transpose(2, 0, 1))
    _, best = _dense(planes, height, width)
    total = np.zeros((height, width), np.float32)
    for plane in planes:
        values = cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)
        total += cv2.exp(cv2.subtract(values, best, values), values)
    return np.reciprocal(total, out=total)
