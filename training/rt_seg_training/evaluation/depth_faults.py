"""Faults of depth on the frames of a test: how much of a score is left when the camera measures badly.

Not what training imitates (see depth_augmentation), so that a network cannot have learnt these very faults.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import cv2
import numpy as np

from rt_seg.cameras.d435 import COLOR_FOCAL_LENGTH
from rt_seg.cameras.frame import Intrinsics
from rt_seg.simulation.sensor import measure_depth, random_sensor

HOLE_SHARE = 0.3
"""Share of the pixels of each frame without a reading that `holes` adds."""
HOLE_CELLS = 16
"""Across the width of a frame: holes are about as wide as one of them."""


def _with_holes(depth: np.ndarray, color: np.ndarray, random: np.random.Generator) -> np.ndarray:
    height, width = depth.shape
    grid = random.random((HOLE_CELLS * height // width, HOLE_CELLS), np.float32)
    patches = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.where(patches < np.quantile(patches, HOLE_SHARE), 0, depth).astype(np.uint16)


def _of_a_d435(depth: np.ndarray, color: np.ndarray, random: np.random.Generator) -> np.ndarray:
    height, width = depth.shape
    focal = COLOR_FOCAL_LENGTH * width
    intrinsics = Intrinsics(width, height, focal, focal, width / 2, height / 2)
    # Without a reading there is nothing to measure; far away is out of the range, as in the sensor model.
    metres = np.where(depth == 0, 60.0, depth / 1000.0).astype(np.float32)
    return measure_depth(metres, color, intrinsics, random_sensor(random), random)


FAULTS: dict[str, Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]] = {
    "holes": _with_holes,
    "d435": _of_a_d435,
}
"""`holes`: no reading in patches that cover 30 % of the frame. `d435`: the noise, the lost edges and shadows and the
range of the simulated RealSense D435."""


def with_fault(fault: str, depth: np.ndarray, color: np.ndarray, name: str) -> np.ndarray:
    """Depth, uint16 (H, W) millimetres, with one of FAULTS; `color` is its image, uint8 (H, W, 3).

    The frame's `name` decides, so every model is scored on the same depth.
    """
    return FAULTS[fault](depth, color, np.random.default_rng(zlib.crc32(name.encode())))
