"""A map of occupied space from point clouds: OctoMap's octree, as octomap_server and MoveIt fill it.

Hornung et al., "OctoMap: An Efficient Probabilistic 3D Mapping Framework Based on Octrees", Autonomous Robots 2013.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rt_seg.atomic_file import atomic_file

_HALF = 2**15
"""Cells to each side of the origin: OctoMap's trees have 16 levels."""
_OCCUPIED = 1
"""Of the binding's labels."""


class OccupancyMap:
    """An octree with OctoMap's sensor model: a point makes its cell more occupied, its ray the cells before it less."""

    def __init__(self, resolution: float, max_range: float = -1.0) -> None:
        """`resolution`: side of a cell, metres. `max_range`: metres; rays are cut there, -1 never. Raises ImportError
        that names the package to install."""
        try:
            import pyoctomap
        except ImportError as error:
            raise ImportError(f"maps need OctoMap: pip install pyoctomap ({error})") from error
        self._tree: Any = pyoctomap.OcTree(resolution)
        self._resolution = resolution
        self._max_range = max_range
        self._hit = np.zeros(0, np.int64)

    def insert(self, points: np.ndarray, origin: np.ndarray) -> int:
        """Take in a cloud: (n, 3) float metres without NaN, seen from `origin` (3,), in the frame of the map.

        Returns how many points lie beyond the map, 2^15 cells from its origin, and were left out.

        A cell counts once in a cloud, and rather as occupied than as free, as octomap_server does it.
        """
        # As OctoMap computes it, which keeps points as float32.
        steps = np.floor((1.0 / self._resolution) * points.astype(np.float32).astype(np.float64)).astype(np.int64)
        steps = steps[((-_HALF <= steps) & (steps < _HALF)).all(axis=1)] + _HALF
        cells = np.unique((steps[:, 0] << 32) + (steps[:, 1] << 16) + steps[:, 2])
        if len(cells):
            self._tree.insertPointCloud(self._middles(cells), np.asarray(origin, np.float64), self._max_range)
            self._hit = np.union1d(self._hit, cells)
        return len(points) - len(steps)

    def clear(self) -> None:
        """Forget everything."""
        self._tree.clear()
        self._hit = self._hit[:0]

    def occupied(self) -> np.ndarray:
        """(n, 3) float32 metres: the middles of the occupied cells, all of the finest size."""
        # Only what was hit can be occupied; a walk through the tree takes ten times as long in Python.
        middles = self._middles(self._hit)
        if not len(self._hit):
            return np.zeros((0, 3), np.float32)
        return middles[self._tree.getLabels(middles) == _OCCUPIED].astype(np.float32)

    def _middles(self, cells: np.ndarray) -> np.ndarray:
        steps = np.stack([cells >> 32, (cells >> 16) & 0xFFFF, cells & 0xFFFF], axis=1)
        return (steps - _HALF + 0.5) * self._resolution

    def write(self, path: Path) -> None:
        """Write the map as OctoMap's .bt file, which octovis shows and octomap_server loads. Raises OSError."""
        with atomic_file(path) as unfinished:
            if not self._tree.writeBinary(str(unfinished)):
                raise OSError(f"{path}: OctoMap cannot write it")
