"""What is done to the depth of a RealSense before and after it is aligned to colour."""

from __future__ import annotations

from typing import Any, Iterable, List

import numpy as np

from rt_seg.cameras.errors import CameraSettingError

FILTERS = ("decimation", "spatial", "temporal", "hole_filling")
"""Filters of the SDK, in the order that it recommends; the second and third work on disparity, as it recommends."""


def read_filters(text: str) -> List[str]:
    """Names from a list with commas, in the order of FILTERS. Raises CameraSettingError naming the accepted ones."""
    names = text.replace(",", " ").split()
    for name in names:
        # `disparity` is a filter of realsense2_camera; here it goes with those that need it.
        if name not in (*FILTERS, "disparity"):
            raise CameraSettingError(f"filters: {name!r} is not known; accepted are {', '.join(FILTERS)}")
    return [name for name in FILTERS if name in names]


def make_filters(names: Iterable[str], sdk: Any) -> List[Any]:
    """The processing blocks for these names."""
    blocks = []
    chosen = set(names)
    if "decimation" in chosen:
        blocks.append(sdk.decimation_filter())
    smoothing = [name for name in ("spatial", "temporal") if name in chosen]
    if smoothing:
        blocks.append(sdk.disparity_transform(True))
        blocks += [getattr(sdk, f"{name}_filter")() for name in smoothing]
        blocks.append(sdk.disparity_transform(False))
    if "hole_filling" in chosen:
        blocks.append(sdk.hole_filling_filter())
    return blocks


def to_millimetres(depth: np.ndarray, unit: float) -> np.ndarray:
    """Raw depth, uint16 (H, W) in units of `unit` metres, as uint16 millimetres; what does not fit becomes 0."""
    if abs(unit - 0.001) < 1e-9:
        return depth
    millimetres = np.rint(depth * np.float32(unit * 1000.0))
    return np.where(millimetres <= 65535, millimetres, 0).astype(np.uint16)


def clip(depth: np.ndarray, distance: float) -> np.ndarray:
    """Millimetres with what lies beyond `distance` metres set to 0, in place; a negative distance clips nothing."""
    if distance >= 0:
        depth[depth > distance * 1000.0] = 0
    return depth
