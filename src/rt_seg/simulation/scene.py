"""A scene as the renderer takes it, and the camera that looks at it.

World frame: z up, table top at z = 0, metres. Nothing moves and nothing collides: objects are placed by rejection, so
a scene costs no physics. Every geom carries its class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Tuple

import numpy as np

from rt_seg.cameras.frame import Intrinsics

CAMERA = "color_optical"
NEAR, FAR = 0.05, 12.0
"""Clipping distances of the renderer, metres."""


@dataclass(frozen=True)
class Scene:
    """A MuJoCo model (MJCF text and the files it refers to) and the class name of each of its geoms, by geom name."""

    mjcf: str
    assets: Dict[str, bytes]
    classes: Dict[str, str]


def random_intrinsics(
    rng: np.random.Generator, width: int = 640, height: int = 480, focal_length: Tuple[float, float] = (606, 622)
) -> Intrinsics:
    """A colour camera: focal length (px at a width of 640; that of a D435), centre a few pixels off the middle."""
    scale = width / 640
    focal = rng.uniform(*focal_length) * scale
    return Intrinsics(
        width,
        height,
        fx=float(focal),
        fy=float(focal * rng.uniform(0.999, 1.001)),
        cx=float((width - 1) / 2 - rng.uniform(-8, 8) * scale),
        cy=float((height - 1) / 2 - rng.uniform(-8, 8) * scale),
    )
