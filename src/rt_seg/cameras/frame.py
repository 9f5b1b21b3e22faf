"""One RGB-D frame and the pinhole camera it was taken with: what every frame source yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

import numpy as np

LENS_MODELS = {5: "plumb_bob", 8: "rational_polynomial", 4: "equidistant"}
"""Number of coefficients → the name that ROS has for the lens model (and OpenCV's functions the same order)."""


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole camera of an image of width × height pixels; pixel centres have integer coordinates (as in OpenCV).

    fx, fy, cx, cy are in pixels. `distortion` holds the coefficients of a lens model, which their number tells: 5 of
    plumb_bob (k1, k2, p1, p2, k3), 8 of rational_polynomial (k4, k5, k6 more), 4 of equidistant (a fisheye).
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: Tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if len(self.distortion) not in LENS_MODELS:
            raise ValueError(
                f"Intrinsics.distortion has {len(self.distortion)} coefficients; accepted are "
                + ", ".join(f"{count} ({name})" for count, name in LENS_MODELS.items())
            )

    @property
    def distortion_model(self) -> str:
        """Name of the lens model, as sensor_msgs/distortion_models.h has it."""
        return LENS_MODELS[len(self.distortion)]

    @property
    def matrix(self) -> np.ndarray:
        """(3, 3) float64 camera matrix K."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])


def metres_to_millimetres(depth: np.ndarray) -> np.ndarray:
    """Depth in float metres as uint16 millimetres; what is unknown (NaN), negative or beyond 65 m becomes 0."""
    millimetres = np.nan_to_num(depth * np.float32(1000), nan=0.0)
    return np.where((millimetres >= 0) & (millimetres < 65535.5), np.rint(millimetres), 0).astype(np.uint16)


@dataclass(frozen=True)
class Placement:
    """Where one coordinate frame is in another: translation in metres, rotation a unit quaternion x, y, z, w."""

    translation: Tuple[float, float, float] = (0.0, 0.0, 0.0)
    rotation: Tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class RawDepth:
    """Depth as its own sensor sees it, before it is aligned: uint16 (H, W) millimetres, and that sensor's camera."""

    image: np.ndarray
    intrinsics: Intrinsics


@dataclass(frozen=True)
class Frame:
    """One frameset of an RGB-D camera, depth aligned to colour.

    color         uint8 (H, W, 3), RGB.
    depth         uint16 (H, W), millimetres along the optical axis, 0 where unknown; None when the source has none.
    ground_truth  uint8 (H, W), class ids; None when the source has none.
    stamp         seconds.
    raw_depth     before it was aligned; None when the source has none.
    """

    color: np.ndarray
    depth: Optional[np.ndarray]
    ground_truth: Optional[np.ndarray]
    intrinsics: Intrinsics
    stamp: float
    raw_depth: Optional[RawDepth] = None

    def __post_init__(self) -> None:
        size = (self.intrinsics.height, self.intrinsics.width)
        expected = {
            "color": (self.color, np.uint8, (*size, 3)),
            "depth": (self.depth, np.uint16, size),
            "ground_truth": (self.ground_truth, np.uint8, size),
        }
        for name, (image, dtype, shape) in expected.items():
            if image is None and name != "color":
                continue
            if not isinstance(image, np.ndarray) or image.dtype != dtype or image.shape != shape:
                got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else repr(type(image))
                raise ValueError(f"Frame.{name} is {got}; expected {np.dtype(dtype)} {shape} to match the intrinsics")
