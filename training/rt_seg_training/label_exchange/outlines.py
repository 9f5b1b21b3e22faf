"""Outlines to pixels and pixels to outlines, exactly, in the continuous coordinates of COCO, CVAT and labelme.

Pixel (row r, column c) covers the square x in [c, c + 1), y in [r, r + 1), and its centre is (c + 0.5, r + 0.5). An
outline covers the pixels whose centres are inside, by the even-odd rule: so outlines that share an edge share no
pixel and leave none out. On the way back an outline runs along the edges of the pixels, its corners are whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

MAX_COORDINATE = 1e12
"""Up to here float64 places a crossing to a thousandth of a pixel; what lies farther out is no place in an image."""
CROSSINGS_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Patch:
    """Pixels of an image: `mask`, (h, w) bool, whose upper left pixel is at row `top` and column `left`."""

    top: int
    left: int
    mask: np.ndarray

    def of(self, image: np.ndarray) -> np.ndarray:
        """The view of `image`, (H, W, …), that lies under the patch."""
        return image[self.top : self.top + self.mask.shape[0], self.left : self.left + self.mask.shape[1]]


EMPTY = Patch(0, 0, np.zeros((0, 0), bool))


def fill(rings: Sequence[np.ndarray], height: int, width: int) -> Patch:
    """The pixels of an image of height × width whose centres lie inside the rings together, by the even-odd rule.

    Each ring is (N, 2) float corners (x, y), closed by itself, of at most MAX_COORDINATE; a second ring inside the
    first is a hole. A centre on an edge belongs to what lies to its right, or below it. The patch lies in the image.
    """
    starts = np.concatenate([np.asarray(ring, np.float64).reshape(-1, 2) for ring in rings] or [np.zeros((0, 2))])
    ends = np.concatenate(
        [np.roll(np.asarray(ring, np.float64).reshape(-1, 2), -1, axis=0) for ring in rings] or [np.zeros((0, 2))]
    )
    if not len(starts):
        return EMPTY
    top, bottom = (int(row) for row in np.clip(_first_centre(_range(starts[:, 1])), 0, height))
    left, right = (int(column) for column in np.clip(_first_centre(_range(starts[:, 0])), 0, width))
    if bottom <= top or right <= left:
        return EMPTY
    # Each edge from its upper end to its lower one, so that one that runs forth and back cancels to the last bit.
    down = (starts[:, 1] < ends[:, 1]) | ((starts[:, 1] == ends[:, 1]) & (starts[:, 0] <= ends[:, 0]))
    upper, lower = np.where(down[:, None], starts, ends), np.where(down[:, None], ends, starts)
    first, last = (np.clip(_first_centre(end[:, 1]), top, bottom).astype(np.int64) for end in (upper, lower))
    crossing = last > first
    upper, lower, first, last = upper[crossing], lower[crossing], first[crossing], last[crossing]
    columns = right - left + 1
    flips = np.zeros((bottom - top) * columns, bool)
    counts = last - first
    ends_at = np.cumsum(counts)
    begin = 0
    while begin < len(counts):
        base = ends_at[begin - 1] if begin else 0
        stop = max(begin + 1, int(np.searchsorted(ends_at, base + CROSSINGS_AT_ONCE, side="right")))
        edges = np.repeat(np.arange(begin, stop), counts[begin:stop])
        rows = np.arange(len(edges)) - np.repeat(ends_at[begin:stop] - counts[begin:stop] - base, counts[begin:stop])
        rows += first[edges]
        (x0, y0), (x1, y1) = upper[edges].T, lower[edges].T
        x = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
        places = np.clip(_first_centre(x), left, right).astype(np.int64) - left + (rows - top) * columns
        flips ^= np.bincount(places, minlength=len(flips)) % 2 > 0
        begin = stop
    inside = np.logical_xor.accumulate(flips.reshape(bottom - top, columns), axis=1)[:, :-1]
    return Patch(top, left, inside)


def _range(values: np.ndarray) -> np.ndarray:
    return np.array([values.min(), values.max()])


def _first_centre(coordinates: np.ndarray) -> np.ndarray:
    """Number of the first pixel whose centre is not before a coordinate."""
    return np.ceil(coordinates - 0.5)


def filled(rings: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """(height, width) bool: what `fill` covers."""
    mask = np.zeros((height, width), bool)
    patch = fill(rings, height, width)
    patch.of(mask)[:] = patch.mask
    return mask


def fill_ellipse(
    center: tuple[float, float], radii: tuple[float, float], degrees: float, height: int, width: int
) -> Patch:
    """The pixels whose centres lie in an ellipse with `radii` along x and y, turned clockwise (y points down)."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    reach = np.hypot([radii[0] * cos, radii[0] * sin], [radii[1] * sin, radii[1] * cos])
    sides = np.array([np.subtract(center, reach), np.add(center, reach)])
    (left, top), (right, bottom) = np.clip(_first_centre(sides) + [[0, 0], [1, 1]], 0, (width, height)).astype(int)
    if bottom <= top or right <= left or min(radii) <= 0:
        return EMPTY
    y, x = np.mgrid[top:bottom, left:right] + 0.5
    x, y = x - center[0], y - center[1]
    inside = ((x * cos + y * sin) / radii[0]) ** 2 + ((y * cos - x * sin) / radii[1]) ** 2 <= 1
    return Patch(int(top), int(left), inside)


def trace(mask: np.ndarray) -> list[np.ndarray]:
    """The outlines of a (H, W) bool mask: a polygon, (N, 2) int64 corners (x, y), for each 4-connected piece.

    It runs along the edges of the pixels. A hole is joined to the outline by a seam, which is run forth and back and so
    covers nothing: `fill` of a polygon gives its piece exactly, and so does any other reader of the even-odd rule.
    """
    corners, beside, over = _linked_corners(mask)
    if not len(corners):
        return []
    _, pieces = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    rings = _rings(beside, over)
    # Each ring begins at its leftmost corner, the uppermost of those: nothing of it lies to the left of that.
    rank = corners[:, 0] * (mask.shape[0] + 1) + corners[:, 1]
    for number, ring in enumerate(rings):
        begin = int(rank[ring].argmin())
        rings[number] = np.concatenate([ring[begin:], ring[:begin]])
    # The vertical edge at each side of a pixel, by its upper corner: (H, W + 1).
    edge_at = np.full((mask.shape[0], mask.shape[1] + 1), -1, np.int64)
    upper = np.flatnonzero(corners[:, 1] < corners[over, 1])
    lengths = corners[over[upper], 1] - corners[upper, 1]
    rows = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    edge_at[rows + np.repeat(corners[upper, 1], lengths), np.repeat(corners[upper, 0], lengths)] = np.repeat(
        upper, lengths
    )
    # From the right to the left, so that a hole is whole before it is joined to what lies to its left.
    joined: dict[int, list[tuple[int, list[np.ndarray]]]] = {}
    is_joined = np.zeros(len(corners), bool)
    polygons = []
    for ring in sorted(rings, key=lambda ring: -rank[ring[0]]):
        x, y = (int(value) for value in corners[ring[0]])
        ends = np.concatenate([ring[1:], ring[:1]])
        tops = np.where(corners[ring, 1] < corners[ends, 1], ring, ends)
        outline, begin = [], 0
        for place in np.flatnonzero(is_joined[tops] & (over[ring] == ends)):
            holes = joined[int(tops[place])]
            holes.sort(key=lambda hole: hole[0], reverse=bool(tops[place] != ring[place]))
            outline.append(corners[ring[begin : place + 1]])
            outline += [part for _, hole in holes for part in hole]
            begin = place + 1
        outline.append(corners[ring[begin:]])
        if mask[y, x]:  # the piece is to the right of its leftmost edge: an outer ring
            polygons.append(_without_repeats(outline))
            continue
        others = np.flatnonzero(pieces[y, :x] != pieces[y, x - 1])
        column = int(others[-1]) + 1 if len(others) else 0
        seam = np.array([(column, y)])
        edge = int(edge_at[y, column])
        joined.setdefault(edge, []).append((y, [seam, *outline, corners[ring[:1]], seam]))
        is_joined[edge] = True
    return polygons[::-1]


def _without_repeats(parts: list[np.ndarray]) -> np.ndarray:
    polygon = np.concatenate(parts)
    return polygon[(polygon != np.roll(polygon, 1, axis=0)).any(axis=1)]


def _linked_corners(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N, 2) int64 corners (x, y) of all outlines of a mask, and the number of the corner at the other end of the
    horizontal (`beside`) and of the vertical edge (`over`) of each.

    Where two pixels touch at a corner only, it stands twice, once for each.
    """
    padded = np.pad(mask.astype(bool), 1)
    above_left, above_right = padded[:-1, :-1], padded[:-1, 1:]
    below_left, below_right = padded[1:, :-1], padded[1:, 1:]
    falling = above_left & below_right & ~above_right & ~below_left
    rising = above_right & below_left & ~above_left & ~below_right
    once_y, once_x = np.nonzero(above_left ^ above_right ^ below_left ^ below_right)
    twice_y, twice_x = np.nonzero(falling | rising)
    y, x = np.concatenate([once_y, twice_y, twice_y]), np.concatenate([once_x, twice_x, twice_x])
    # The first one of two has the edge to the left, and of the other two that of the same pixel.
    second = np.repeat([0, 0, 1], [len(once_y), len(twice_y), len(twice_y)])
    lower = np.where(rising[y, x], 1 - second, second)
    partners = []
    for order in (np.lexsort((second, x, y)), np.lexsort((lower, y, x))):
        partner = np.empty(len(x), np.int64)
        partner[order[0::2]], partner[order[1::2]] = order[1::2], order[0::2]
        partners.append(partner)
    return np.stack([x, y], axis=1).astype(np.int64), *partners


def _rings(beside: np.ndarray, over: np.ndarray) -> list[np.ndarray]:
    """The cycles of corners along horizontal and vertical edges in turn."""
    seen = np.zeros(len(beside), bool).tolist()
    horizontal, vertical = beside.tolist(), over.tolist()
    rings = []
    for start in range(len(horizontal)):
        ring, corner = [], start
        while not seen[corner]:
            seen[corner] = True
            ring.append(corner)
            corner = horizontal[corner]
            seen[corner] = True
            ring.append(corner)
            corner = vertical[corner]
        if ring:
            rings.append(np.array(ring))
    return rings
