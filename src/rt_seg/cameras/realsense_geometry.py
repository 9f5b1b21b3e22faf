"""Lenses and places of RealSense's sensors, in the terms of ROS."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from rt_seg.cameras.errors import CameraError
from rt_seg.cameras.frame import Intrinsics, Placement

_LINK_FROM_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""Turns optical axes (x right, y down, z ahead) into a link's (x ahead, y left, z up), REP 103."""


def intrinsics_of(camera: Any, sdk: Any) -> Intrinsics:
    """The SDK's intrinsics with the lens model under its ROS name.

    Brown-Conrady is plumb_bob, Kannala-Brandt equidistant. The SDK's inverse and modified Brown-Conrady have no name in
    ROS: the plumb_bob that comes nearest is fitted. Raises CameraError for another model.
    """
    models, coefficients = sdk.distortion, [float(value) for value in camera.coeffs]
    if camera.model == models.kannala_brandt4:
        distortion = tuple(coefficients[:4])
    elif not any(coefficients) or camera.model in (models.none, models.brown_conrady):
        distortion = (0.0,) * 5 if camera.model == models.none else tuple(coefficients)
    elif camera.model in (models.inverse_brown_conrady, models.modified_brown_conrady):
        distortion = _fit_plumb_bob(camera, sdk)
    else:
        raise CameraError(f"ROS does not support the lens model {camera.model}; choose another stream of the camera")
    return Intrinsics(camera.width, camera.height, camera.fx, camera.fy, camera.ppx, camera.ppy, distortion)


def _fit_plumb_bob(camera: Any, sdk: Any) -> tuple:
    """The coefficients k1, k2, p1, p2, k3 that do to the image's rays what the SDK's model does, by least squares."""
    columns = np.linspace(0, camera.width - 1, 12)
    rows = np.linspace(0, camera.height - 1, 12)
    if camera.model == sdk.distortion.inverse_brown_conrady:  # the SDK computes it from the pixel to the ray
        distorted = [((u - camera.ppx) / camera.fx, (v - camera.ppy) / camera.fy) for u in columns for v in rows]
        ideal = [sdk.rs2_deproject_pixel_to_point(camera, [u, v], 1.0)[:2] for u in columns for v in rows]
    else:  # and this one from the ray to the pixel
        ideal = [((u - camera.ppx) / camera.fx, (v - camera.ppy) / camera.fy) for u in columns for v in rows]
        pixels = [sdk.rs2_project_point_to_pixel(camera, [x, y, 1.0]) for x, y in ideal]
        distorted = [((u - camera.ppx) / camera.fx, (v - camera.ppy) / camera.fy) for u, v in pixels]
    x, y = np.array(ideal).T
    square = x * x + y * y
    # plumb_bob is linear in its coefficients: distorted - ideal = matrix @ (k1, k2, p1, p2, k3).
    along_x = np.stack([x * square, x * square**2, 2 * x * y, square + 2 * x * x, x * square**3], axis=1)
    along_y = np.stack([y * square, y * square**2, square + 2 * y * y, 2 * x * y, y * square**3], axis=1)
    moved = (np.array(distorted) - np.array(ideal)).T
    fitted = np.linalg.lstsq(np.concatenate([along_x, along_y]), np.concatenate(moved), rcond=None)[0]
    return tuple(float(value) for value in fitted)


def color_placement(depth_to_color: Any) -> Placement:
    """Where colour is in the camera's link, which is where depth is, of the SDK's extrinsics from depth to colour."""
    rotation = np.array(depth_to_color.rotation, np.float64).reshape(3, 3).T  # the SDK's matrices lie column by column
    position = _LINK_FROM_OPTICAL @ (-rotation.T @ np.array(depth_to_color.translation, np.float64))
    vector = cv2.Rodrigues(_LINK_FROM_OPTICAL @ rotation.T @ _LINK_FROM_OPTICAL.T)[0].ravel()
    angle = float(np.linalg.norm(vector))
    axis = vector / angle if angle > 0 else vector
    quaternion = (*(axis * np.sin(angle / 2)).tolist(), float(np.cos(angle / 2)))
    return Placement(tuple(position.tolist()), quaternion)
