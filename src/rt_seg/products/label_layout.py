"""Places texts beside each other rather than over each other."""

from __future__ import annotations

import numpy as np


def spread(centres: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Move texts up (towards smaller y) until none covers another.

    Args:
        centres: (N, 2) x and y where the texts would like to be; any unit, y downwards.
        sizes: (N, 2) width and height in that unit.

    Returns (N, 2) centres with the same x. The lowest text keeps its place, and each of the others the first one above
    its own that is free.
    """
    placed = np.array(centres, dtype=float)
    done: list = []
    for index in np.argsort(-placed[:, 1], kind="stable"):
        moved = True
        while moved:
            moved = False
            for other in done:
                reach = (sizes[index] + sizes[other]) / 2.0
                gap = np.abs(placed[index] - placed[other])
                if gap[0] < reach[0] and gap[1] < reach[1] * (1 - 1e-9):
                    placed[index, 1] = placed[other, 1] - reach[1]
                    moved = True
        done.append(index)
    return placed
