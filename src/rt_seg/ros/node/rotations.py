"""Rotations as matrices and as messages, by tf's own functions.

These are imported where they are used: with them comes tf2, which takes a quarter of a second.
"""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Quaternion


def quaternion(axes: np.ndarray) -> Quaternion:
    """Unit quaternion of a rotation matrix (3, 3) whose columns are the turned axes."""
    from tf import transformations

    matrix = np.eye(4)
    matrix[:3, :3] = axes
    return Quaternion(*transformations.quaternion_from_matrix(matrix))


def axes_of(turn: Quaternion) -> np.ndarray:
    """The rotation matrix (3, 3) float64 of a quaternion, which need not be of length 1: its columns are the axes."""
    from tf import transformations

    return np.asarray(transformations.quaternion_matrix([turn.x, turn.y, turn.z, turn.w])[:3, :3])
