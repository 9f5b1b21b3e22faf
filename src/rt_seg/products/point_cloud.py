"""Organised point cloud with colour and class of every pixel, from depth aligned to the colour image."""

from __future__ import annotations

from typing import Optional

import cv2
import numpy as np

from rt_seg.cameras.frame import Intrinsics

POINT = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<u4"), ("label", "<u4")])
"""One point: metres in the optical frame (x right, y down, z forward, REP 103), 0x00RRGGBB, class id."""
SURE_POINT = np.dtype([*((name, POINT[name]) for name in POINT.names or ()), ("confidence", "<f4")])
"""The same with the probability of the class."""


def point_type(with_confidence: bool, float_label: bool = False) -> np.dtype:
    """POINT or SURE_POINT, or the same with the class id as float32 for consumers that read all fields as such."""
    kind = SURE_POINT if with_confidence else POINT
    if not float_label:
        return kind
    return np.dtype([(name, "<f4" if name == "label" else kind[name]) for name in kind.names or ()])


class Rays:
    """Viewing directions of the pixels of one camera, computed once: x / z and y / z of each pixel's ray."""

    def __init__(self, intrinsics: Intrinsics) -> None:
        """Lens distortion is undone where the camera has any."""
        self.intrinsics = intrinsics
        columns = np.arange(intrinsics.width, dtype=np.float64)
        rows = np.arange(intrinsics.height, dtype=np.float64)
        if any(intrinsics.distortion):
            grid = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 1, 2)
            undistort = (
                cv2.fisheye.undistortPoints if intrinsics.distortion_model == "equidistant" else cv2.undistortPoints
            )
            ideal = undistort(grid, intrinsics.matrix, np.array(intrinsics.distortion))
            x, y = ideal.reshape(intrinsics.height, intrinsics.width, 2).transpose(2, 0, 1)
        else:
            x = ((columns - intrinsics.cx) / intrinsics.fx)[np.newaxis, :]
            y = ((rows - intrinsics.cy) / intrinsics.fy)[:, np.newaxis]
        size = (intrinsics.height, intrinsics.width)
        self.x: np.ndarray = np.broadcast_to(x.astype(np.float32), size)
        self.y: np.ndarray = np.broadcast_to(y.astype(np.float32), size)
        self.exist: np.ndarray = np.isfinite(self.x + self.y).view(np.uint8)
        """(H, W) uint8, 1 where a pixel has a ray, 0 where the lens model yields none."""

    def check(self, **images: np.ndarray) -> None:
        """Raise ValueError naming an image whose height and width are not the camera's."""
        size = (self.intrinsics.height, self.intrinsics.width)
        for name, image in images.items():
            if image.shape[:2] != size:
                raise ValueError(
                    f"{name} has {image.shape[1]}x{image.shape[0]} pixels and the camera {size[1]}x{size[0]}; "
                    "points need both at one size"
                )


def label_points(
    rays: Rays,
    depth: np.ndarray,
    rgb: np.ndarray,
    mask: np.ndarray,
    stride: int = 1,
    confidence: Optional[np.ndarray] = None,
    out: Optional[np.ndarray] = None,
    float_label: bool = False,
) -> np.ndarray:
    """Points of an image, organised as its pixels are: (H', W') of dtype POINT, H' = ceil(H / stride).

    Args:
        rays: of the camera that took the image.
        depth: (H, W) float32 metres along the optical axis, NaN where unknown; x, y and z are NaN there.
        rgb: (H, W, 3) uint8.
        mask: (H, W) uint8 class ids.
        stride: takes every stride-th row and column.
        confidence: (H, W) float32, probability of the class; with it the dtype is SURE_POINT.
        out: an array of an earlier call to fill again, when its shape and dtype fit.
        float_label: the class id as float32 instead of uint32.

    Pinhole model: x = z (u - cx) / fx, y = z (v - cy) / fy. Raises ValueError for images of different sizes.
    """
    rays.check(depth=depth, rgb=rgb, mask=mask, **({} if confidence is None else {"confidence": confidence}))
    every = (slice(None, None, stride), slice(None, None, stride))
    z = depth[every]
    kind = point_type(confidence is not None, float_label)
    points = out if out is not None and (out.shape, out.dtype) == (z.shape, kind) else np.empty(z.shape, kind)
    words = points.view(np.float32).reshape(*z.shape, -1)
    words[..., 0] = rays.x[every] * z
    words[..., 1] = rays.y[every] * z
    words[..., 2] = z
    colors = cv2.cvtColor(np.ascontiguousarray(rgb[every]), cv2.COLOR_RGB2BGRA)
    colors[..., 3] = 0
    points["rgb"] = colors.view("<u4")[..., 0]
    points["label"] = mask[every]
    if confidence is not None:
        points["confidence"] = confidence[every]
    return points
