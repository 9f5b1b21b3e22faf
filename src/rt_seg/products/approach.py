"""Approach of an object: poses whose z axis is the approach direction, at the object and in front of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rt_seg.products.objects import SpatialPose


@dataclass(frozen=True)
class Approach:
    """Places in the frame of the object's pose, metres; `axes` (3, 3) float64, columns, right-handed."""

    target: np.ndarray
    """(3,): the middle of the visible surface; of an opening, of its outline."""
    start: np.ndarray
    """(3,): where to be before the straight way to the target."""
    axes: np.ndarray
    """z: the direction of the way, against the surface's normal; x: along the object's longer side."""


def approach_of(pose: SpatialPose, standoff: float) -> Approach:
    """The way to an object along its surface's normal, from `standoff` metres before it."""
    target = np.array(pose.centroid)
    along, normal = pose.axes[:, 0], pose.axes[:, 2]
    axes = np.stack([along, np.cross(-normal, along), -normal], axis=1)
    return Approach(target, target + standoff * normal, axes)
