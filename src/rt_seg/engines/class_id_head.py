"""From coarse logits to class ids at the image's size: bilinear up-sampling and arg-max, computed where it matters.

Bilinear interpolation gives a convex combination of the four logits around a pixel. So where one class is the largest
of all four, it is the largest everywhere between them, and the result is known without interpolating: only cells whose
corners disagree, the borders of what is in the image, are up-sampled. The ids are those of the full computation.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Iterable, Iterator, List, Sequence, Tuple

import cv2
import numpy as np

DENSE_SHARE = 0.3
"""Share of cells with unlike corners from which up-sampling whole planes is the faster way."""
STRIP = 32
"""Rows that are worked on at a time: six classes of 640 pixels then take half a megabyte."""
UNITS = ((8, np.uint64), (4, np.uint32), (2, np.uint16), (1, np.uint8))
"""Types that hold so many pixels of a mask."""


@lru_cache(maxsize=8)
def _weights(scale_y: int, scale_x: int) -> np.ndarray:
    """Weights of a cell's four corners for each of its pixels, float32 (4, scale_y · scale_x), half-pixel centres."""

    def shares(scale: int) -> np.ndarray:
        return (scale // 2 + np.arange(scale) + 0.5) / scale - 0.5

    down, right = np.meshgrid(shares(scale_y), shares(scale_x), indexing="ij")
    corners = [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right]
    return np.stack([corner.ravel() for corner in corners]).astype(np.float32)


def _largest(planes: Iterable[np.ndarray]) -> np.ndarray:
    """Number of the plane with the largest value, uint8 (h, w), of planes (h, w) in turn; of equal values the lowest
    number."""
    values = iter(planes)
    best = next(values).copy()
    ids = np.zeros(best.shape, np.uint8)
    for class_id, plane in enumerate(values, 1):
        cv2.copyTo(np.full_like(ids, class_id), cv2.compare(plane, best, cv2.CMP_GT), ids)
        cv2.max(plane, best, best)
    return ids


def _planes(logits: np.ndarray, height: int, width: int) -> List[np.ndarray]:
    """Logits (h, w, C) as C float32 planes of (height, width), resized bilinearly with half-pixel centres."""
    coarse = np.ascontiguousarray(logits.transpose(2, 0, 1))
    return [cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in coarse]


def _strips(planes: Sequence[np.ndarray]) -> Iterator[Tuple[slice, List[np.ndarray]]]:
    """Rows of an image, a few at a time, and these rows of all planes: what stays in the processor's cache."""
    for top in range(0, planes[0].shape[0], STRIP):
        rows = slice(top, top + STRIP)
        yield rows, [plane[rows] for plane in planes]


def _dense(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    """Class ids uint8 (height, width), by up-sampling every plane of (h, w, C)."""
    ids = np.empty((height, width), np.uint8)
    for rows, planes in _strips(_planes(logits, height, width)):
        ids[rows] = _largest(planes)
    return ids


def _cell_ids(logits: np.ndarray, cells: np.ndarray, scale_y: int, scale_x: int) -> np.ndarray:
    """Class ids uint8 (n, scale_y · scale_x) of the pixels of some cells, by their numbers (n,), row by row.

    Cell (r, c) lies between the logits of rows r - 1 and r and columns c - 1 and c. There is one row and one column
    of cells more than of logits: beyond the outermost logits the interpolation is constant.
    """
    rows, columns, classes = logits.shape
    row, column = np.divmod(cells, columns + 1)
    above, below = np.maximum(row - 1, 0) * columns, np.minimum(row, rows - 1) * columns
    left, right = np.maximum(column - 1, 0), np.minimum(column, columns - 1)
    around = np.stack([above + left, above + right, below + left, below + right], axis=-1)
    corners = np.ascontiguousarray(logits.reshape(-1, classes)[around].transpose(2, 0, 1))
    weights = _weights(scale_y, scale_x)
    # OpenCV's product and not NumPy's: that of BLAS wakes threads of its own, which continue waiting actively.
    values = cv2.gemm(corners.reshape(-1, 4), weights, 1.0, None, 0.0).reshape(classes, len(cells), -1)
    return _largest(values)


def class_ids(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    """Class id per pixel, uint8 (height, width): arg-max of the logits, float32 (h, w, C), resized bilinearly with
    half-pixel centres; of equal logits the lowest id."""
    rows, columns, _ = logits.shape
    if height % rows or width % columns:
        return _dense(logits, height, width)
    scale_y, scale_x = height // rows, width // columns
    coarse = cv2.copyMakeBorder(logits.argmax(axis=-1).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    corner = coarse[:-1, :-1]
    unlike = (corner != coarse[:-1, 1:]) | (corner != coarse[1:, :-1]) | (corner != coarse[1:, 1:])
    cells = np.flatnonzero(unlike)
    if len(cells) > DENSE_SHARE * unlike.size:
        return _dense(logits, height, width)
    blocks = np.repeat(corner.reshape(-1, 1), scale_y * scale_x, axis=1)
    if len(cells):
        blocks[cells] = _cell_ids(logits, cells, scale_y, scale_x)
    ids = _image_of_blocks(blocks, rows + 1, columns + 1, scale_y, scale_x)
    top, left = scale_y - scale_y // 2, scale_x - scale_x // 2
    return ids[top : top + height, left : left + width].copy()


def _image_of_blocks(blocks: np.ndarray, rows: int, columns: int, height: int, width: int) -> np.ndarray:
    """The image (rows · height, columns · width) of uint8 that blocks, (rows · columns, height · width), lie in."""
    # As many pixels a step as fit into a row of a block: moved one by one they take five times as long.
    unit = blocks.view(next(kind for bytes_, kind in UNITS if width % bytes_ == 0))
    parts = np.ascontiguousarray(unit.reshape(rows, columns, height, -1).transpose(0, 2, 1, 3))
    return parts.view(np.uint8).reshape(rows * height, columns * width)


def _exponentials(planes: List[np.ndarray]) -> np.ndarray:
    """The sum over the planes of exp(plane - largest plane), float32 (h, w), which the planes' own exponentials
    replace in place. No exponent is above 0, so nothing overflows."""
    best = planes[0].copy()
    for plane in planes[1:]:
        cv2.max(plane, best, best)
    total = np.zeros_like(best)
    for plane in planes:
        cv2.add(total, cv2.exp(cv2.subtract(plane, best, plane), plane), total)
    return total


def confidences(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    """Softmax probability of the most probable class per pixel, float32 (height, width), of logits as in `class_ids`:
    1 / sum(exp(logit - largest logit))."""
    found = np.empty((height, width), np.float32)
    for rows, planes in _strips(_planes(logits, height, width)):
        np.reciprocal(_exponentials(planes), out=found[rows])
    return found


def probabilities(logits: np.ndarray, height: int, width: int, classes: Sequence[int]) -> np.ndarray:
    """Softmax probabilities per pixel, float32 (height, width, n) in the order of `classes`, the n ids of those that
    are wanted, of logits as in `class_ids`; over all classes, wanted or not, they add up to 1."""
    found = np.empty((height, width, len(classes)), np.float32)
    for rows, planes in _strips(_planes(logits, height, width)):
        share = np.reciprocal(_exponentials(planes))
        wanted = cv2.merge([cv2.multiply(planes[class_id], share) for class_id in classes])
        found[rows] = wanted.reshape(found[rows].shape)
    return found
