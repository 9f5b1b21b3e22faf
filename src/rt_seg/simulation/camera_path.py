"""Where the simulated camera is: single random views, and smooth closed paths around the table.

Frames: the world has z up and the table top at z = 0. A pose is that of the optical frame (x right, y down, z ahead).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np


@dataclass(frozen=True)
class Pose:
    """Optical frame in the world: `rotation` float (3, 3) with its axes as columns, `position` float (3,), metres."""

    rotation: np.ndarray
    position: np.ndarray


@dataclass(frozen=True)
class View:
    """Looking at `target` (m) from `distance` (m), `azimuth` round and `elevation` above the table, `roll` (rad)."""

    target: Tuple[float, float, float]
    distance: float
    azimuth: float
    elevation: float
    roll: float

    def pose(self) -> Pose:
        """Pose of the camera that has this view."""
        toward_camera = np.array(
            [
                np.cos(self.elevation) * np.cos(self.azimuth),
                np.cos(self.elevation) * np.sin(self.azimuth),
                np.sin(self.elevation),
            ]
        )
        ahead = -toward_camera
        right = np.array([-np.sin(self.azimuth), np.cos(self.azimuth), 0.0])
        down = np.cross(ahead, right)
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        rotation = np.stack([cos * right + sin * down, cos * down - sin * right, ahead], axis=1)
        return Pose(rotation, np.asarray(self.target) + self.distance * toward_camera)


def random_view(
    rng: np.random.Generator,
    near: float = 0.45,
    reach: float = 0.65,
    elevation: Tuple[float, float] = (28, 85),
    roll: float = 5.0,
) -> View:
    """A view of the table from `near` to `near + reach` metres; angles in degrees, `roll` a standard deviation."""
    return View(
        target=(rng.uniform(-0.08, 0.08), rng.uniform(-0.08, 0.08), rng.uniform(0.0, 0.04)),
        # Nearer views more often: far away, a hole is a few pixels.
        distance=near + reach * rng.random() ** 1.6,
        azimuth=rng.uniform(0, 2 * np.pi),
        elevation=np.radians(rng.uniform(*elevation)),
        roll=np.radians(np.clip(rng.normal(0, roll), -3 * roll, 3 * roll)),
    )


@dataclass(frozen=True)
class ClosedPath:
    """A smooth periodic path: each coordinate of the view swings about a middle as a sum of two harmonics.

    Because every term has period 1 in `phase`, the path ends where it starts, with the same velocity.
    """

    middle: np.ndarray
    amplitude: np.ndarray
    offset: np.ndarray

    def view(self, phase: float) -> View:
        """The view at `phase`; one turn of the path is a phase of 1."""
        # Only the fraction enters, so that phase 0 and phase 1 are the same number and not merely close.
        harmonics = np.array([1, 2])
        waves = np.sin(2 * np.pi * (harmonics * (phase % 1.0) + self.offset))
        x, y, z, distance, azimuth, elevation, roll = (self.middle + (self.amplitude * waves).sum(axis=1)).tolist()
        return View((x, y, z), distance, azimuth, elevation, roll)

    def pose(self, phase: float) -> Pose:
        """Camera pose at `phase`."""
        return self.view(phase).pose()


def random_path(
    rng: np.random.Generator,
    distance: Tuple[float, float] = (0.68, 0.85),
    reach: float = 0.17,
    elevation: Tuple[float, float] = (45, 60),
    tilt: float = 14,
) -> ClosedPath:
    """A closed path about a view of the table, swinging at most 60 degrees to either side.

    The view's `distance` (m) and `elevation` (degrees) are drawn from these ranges; the path goes about `reach` and
    `tilt` away from them.
    """
    middle = np.array(
        [0.0, 0.0, 0.02, rng.uniform(*distance), rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(*elevation)), 0.0]
    )
    reaches = np.array([0.05, 0.05, 0.0, reach, np.radians(45), np.radians(tilt), np.radians(5)])
    share = np.array([0.75, 0.25])
    return ClosedPath(middle, rng.uniform(0.6, 1.0, (7, 1)) * reaches[:, None] * share, rng.random((7, 2)))
