"""Sensor model of a RealSense D435: what noise, holes and processing make of perfect colour and depth.

The noise of depth and its source: rt_seg.cameras.d435.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import cv2
import numpy as np

from rt_seg.cameras.d435 import BASELINE, FOCAL_RATIO, MAXIMUM_DEPTH, MINIMUM_DEPTH, SUBPIXEL
from rt_seg.cameras.frame import Intrinsics
from rt_seg.setting_field import setting
from rt_seg.simulation.value_ranges import Range


@dataclass(frozen=True)
class SensorModel:
    """The camera; the defaults are a D435."""

    color_noise: Range = setting((1.0, 4.5), minimum=0, maximum=50, interval=True)
    """Read noise of the colour image, levels of 255; shot noise grows with it."""
    depth_error: Range = setting((0.7, 1.6), minimum=0, maximum=20, interval=True)
    """Factor on the stereo matching error of SUBPIXEL pixels."""
    baseline: float = setting(BASELINE, minimum=0.001, maximum=1)
    """Metres between the infrared imagers: 0.050 of a D435, 0.055 of a D415, 0.095 of a D455."""
    depth_range: Range = setting((MINIMUM_DEPTH, MAXIMUM_DEPTH), minimum=0, maximum=60, interval=True)
    """In which depth is measured, metres."""
    holes: bool = setting(True)
    """Whether depth is missing at edges, in stereo shadows, on mirrors and on what is dark."""


@dataclass(frozen=True)
class Sensor:
    """What stays the same along a clip: exposure gain, white balance gains (3,), read noise, blur (px)."""

    exposure: float
    white_balance: np.ndarray
    noise: float
    blur: float
    subpixel: float
    model: SensorModel = SensorModel()


def random_sensor(rng: np.random.Generator, model: SensorModel = SensorModel()) -> Sensor:
    """A camera of this kind with its own exposure, white balance, noise and focus."""
    return Sensor(
        exposure=float(np.exp(rng.normal(0.0, 0.14))),
        white_balance=np.exp(rng.normal(0.0, 0.045, 3)).astype(np.float32),
        noise=float(rng.uniform(*model.color_noise)),
        blur=float(rng.uniform(0.5, 1.1)) if rng.random() < 0.3 else 0.0,
        subpixel=float(SUBPIXEL * rng.uniform(*model.depth_error)),
        model=model,
    )


def _coarse_noise(rng: np.random.Generator, shape: Tuple[int, ...], cell: int) -> np.ndarray:
    """Normal noise on a grid of `cell` pixels, interpolated to `shape`; of unit variance on average. float32."""
    height, width = shape
    grid = rng.standard_normal((height // cell + 2, width // cell + 2), np.float32)
    # Between grid points a linear mix has less variance: (1 - t)**2 + t**2, on average 2/3, along each axis.
    return 1.5 * cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)


def measure_color(color: np.ndarray, sensor: Sensor, rng: np.random.Generator) -> np.ndarray:
    """The colour image as the sensor gives it: uint8 (H, W, 3) RGB in and out."""
    image = cv2.GaussianBlur(color, (0, 0), sensor.blur) if sensor.blur > 0 else color
    image = image.astype(np.float32) * (sensor.exposure * sensor.white_balance)
    # Shot noise grows with the square root of the signal, over a floor of read noise; neighbours share a part of it
    # because the colour filter array is interpolated.
    grain = rng.standard_normal((*color.shape[:2], 3), np.float32)
    grain = 0.6 * grain + 0.8 * cv2.blur(grain, (2, 2))
    image += grain * (0.5 * sensor.noise + 0.09 * sensor.noise * np.sqrt(np.clip(image, 0, 255)) * 0.6)
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def _shadow_of_the_second_eye(disparity: np.ndarray) -> np.ndarray:
    """Pixels that one imager sees and the other does not: a band beside near things, as wide as the disparity step.

    A pixel at column u is hidden when some pixel to its right at u + k has a disparity larger by at least k.
    """
    hidden = np.zeros(disparity.shape, bool)
    for step in (2, 4, 6, 9, 12, 16, 20, 25, 30):
        hidden[:, :-step] |= disparity[:, step:] - disparity[:, :-step] >= step
    return hidden


def measure_depth(
    depth: np.ndarray, color: np.ndarray, intrinsics: Intrinsics, sensor: Sensor, rng: np.random.Generator
) -> np.ndarray:
    """The aligned depth image as the sensor gives it: uint16 (H, W) millimetres, 0 where it found no match.

    `depth` is float32 (H, W) metres without noise and `color` the uint8 (H, W, 3) image without noise, in which
    mirror-like highlights and dark patches tell where stereo fails.
    """
    shape = depth.shape
    focal = FOCAL_RATIO * intrinsics.fx
    sigma = depth**2 * np.float32(sensor.subpixel / (focal * sensor.model.baseline))
    # Matching windows overlap, so errors come in patches of several pixels.
    error = 0.8 * _coarse_noise(rng, shape, 6) + 0.6 * _coarse_noise(rng, shape, 2)
    measured = depth + sigma * error

    # Steps of depth: the matching window straddles both sides, and the second imager does not see the far one.
    kernel = np.ones((3, 3), np.uint8)
    high, low = cv2.dilate(depth, kernel), cv2.erode(depth, kernel)
    ragged = _coarse_noise(rng, shape, 4)
    step = (high - low) > 0.02 * depth
    edge = (cv2.dilate(step.astype(np.uint8), kernel) > 0) & (ragged > -0.3)
    hidden = _shadow_of_the_second_eye(focal * np.float32(sensor.model.baseline) / depth)

    # Grazing surfaces: depth changes fast along the surface compared with the pixel's footprint.
    slope_x = cv2.Sobel(depth, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8) * np.float32(intrinsics.fx) / depth
    slope_y = cv2.Sobel(depth, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8) * np.float32(intrinsics.fy) / depth
    facing = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
    grazing = facing + 0.033 * ragged < 0.2

    light = cv2.blur(color.max(axis=2), (5, 5))
    patches = _coarse_noise(rng, shape, 10)
    mirror = (light > 248) & (patches > 0.0)
    dark = (light < 22) & (patches > 0.9)
    lost = rng.random((shape[0] // 3 + 1, shape[1] // 3 + 1), np.float32) < 0.0015
    lost = cv2.resize(lost.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    outside = (depth < sensor.model.depth_range[0]) | (depth > sensor.model.depth_range[1])

    measured[outside] = 0
    if sensor.model.holes:
        measured[edge | hidden | grazing | mirror | dark | lost] = 0
    return np.clip(np.rint(measured * 1000), 0, 65535).astype(np.uint16)
