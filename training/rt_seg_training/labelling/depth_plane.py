"""What stands out from the dominant plane of an aligned depth image: the thing before a wall, a ceiling, a table.

The image of a plane under the pinhole model has an inverse depth that is linear in the pixel's place:
1/z = a u + b v + c. So the plane is found without intrinsics, and RANSAC (Fischler and Bolles 1981) fits three numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


class PlaneError(ValueError):
    """No plane can be found in a depth image; the text says why."""


@dataclass(frozen=True)
class StandingOutSettings:
    """Distances in metres, areas as shares of the image."""

    height: float = 0.05
    """Least distance, along the ray, between the plane and what stands out of it."""
    noise: float = 0.02
    """Distance at 1 m within which a pixel belongs to the plane; it grows with the square of the distance, as the
    error of stereo depth does."""
    min_area: float = 0.002
    max_area: float = 0.6
    objects: int = 1
    """Most objects to keep, the largest first; 0 = all."""
    at_border: bool = False
    """Keep things that the rim of the image cuts off: mostly they are furniture."""
    trials: int = 300
    seed: int = 0


def _sampled(depth: np.ndarray, most: int = 20000) -> tuple[np.ndarray, np.ndarray]:
    """(N, 3) float64 of (u, v, 1) and (N,) inverse depth (1/m) of an even grid of the known pixels."""
    step = max(1, int(np.sqrt(depth.size / most)))
    rows, columns = np.nonzero(depth[::step, ::step])
    rows, columns = rows * step, columns * step
    points = np.stack([columns, rows, np.ones(len(rows))], axis=1).astype(np.float64)
    return points, 1000.0 / depth[rows, columns]


def dominant_plane(depth: np.ndarray, settings: StandingOutSettings) -> np.ndarray:
    """(3,) float64: a, b, c of the plane 1/z = a u + b v + c (1/m; u, v in pixels) that most of the image lies on.

    `depth` is (H, W) uint16 mm, 0 = unknown. The same image and seed give the same plane. Raises PlaneError when fewer
    than 1 % of the pixels are known or no three of them make a plane.
    """
    points, inverse = _sampled(depth)
    if len(inverse) < 100 or np.count_nonzero(depth) < 0.01 * depth.size:
        raise PlaneError("fewer than 1 % of the depth pixels are valid")
    random = np.random.default_rng(settings.seed)
    # An error of noise * z² in z is one of `noise` in 1/z, at every distance: the threshold is a constant.
    best = None
    for _ in range(settings.trials):
        chosen = random.integers(len(inverse), size=3)
        try:
            plane = np.linalg.solve(points[chosen], inverse[chosen])
        except np.linalg.LinAlgError:
            continue
        close = np.abs(points @ plane - inverse) < settings.noise
        if best is None or np.count_nonzero(close) > np.count_nonzero(best):
            best = close
    if best is None or np.count_nonzero(best) < 3:
        raise PlaneError("no plane fits the valid depth pixels")
    # Twice, for the first fit moves the border between plane and rest.
    for _ in range(2):
        plane = np.linalg.lstsq(points[best], inverse[best], rcond=None)[0]
        best = np.abs(points @ plane - inverse) < settings.noise
    return plane


def standing_out(depth: np.ndarray, plane: np.ndarray, settings: StandingOutSettings) -> np.ndarray:
    """(H, W) bool: known pixels nearer to the camera than the plane by `settings.height`, and by more than noise."""
    rows, columns = np.indices(depth.shape)
    plane_inverse = plane[0] * columns + plane[1] * rows + plane[2]
    known = depth > 0
    distance = depth / 1000.0
    # Where the plane lies behind the horizon its inverse depth is not positive: everything stands before it.
    behind = np.where(plane_inverse > 1e-6, 1.0 / np.maximum(plane_inverse, 1e-6), np.inf)
    return known & (behind - distance > np.maximum(settings.height, 3 * settings.noise * distance**2))


def chosen_regions(mask: np.ndarray, settings: StandingOutSettings) -> np.ndarray:
    """(H, W) uint8 0/1: the regions of a (H, W) bool mask that size, rim and number let through, speckle removed."""
    smooth = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, numbers, boxes, _ = cv2.connectedComponentsWithStats(smooth, connectivity=8)
    height, width = mask.shape
    kept = []
    for number in range(1, count):
        left, top, box_width, box_height, area = boxes[number]
        cut_off = left == 0 or top == 0 or left + box_width == width or top + box_height == height
        if settings.min_area <= area / mask.size <= settings.max_area and (settings.at_border or not cut_off):
            kept.append((int(area), number))
    kept.sort(reverse=True)
    if settings.objects:
        kept = kept[: settings.objects]
    return np.isin(numbers, [number for _, number in kept]).astype(np.uint8)


def label_by_depth(depth: np.ndarray, settings: StandingOutSettings) -> np.ndarray:
    """(H, W) uint8, 1 where an object stands out from the dominant plane. Raises PlaneError."""
    return chosen_regions(standing_out(depth, dominant_plane(depth, settings), settings), settings)
