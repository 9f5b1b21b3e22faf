"""The sensor model: depth noise of a stereo camera, its holes and its quantisation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from rt_seg.cameras.d435 import BASELINE, FOCAL_RATIO, SUBPIXEL
from rt_seg.cameras.frame import Intrinsics
from rt_seg.simulation.sensor import measure_color, measure_depth, random_sensor

INTRINSICS = Intrinsics(640, 480, 615.0, 615.0, 319.5, 239.5)
SENSOR = dataclasses.replace(random_sensor(np.random.default_rng(0)), subpixel=SUBPIXEL)
GRAY = np.full((480, 640, 3), 128, np.uint8)


def measure(depth, color=GRAY, seed=0):
    depth = np.broadcast_to(np.asarray(depth, np.float32), (480, 640)).copy()
    return measure_depth(depth, color, INTRINSICS, SENSOR, np.random.default_rng(seed))


@pytest.mark.parametrize("distance", [0.5, 1.0, 2.0, 4.0])
def test_depth_noise_is_that_of_stereo_and_grows_with_the_square_of_the_distance(distance):
    measured = measure(distance)
    deviation = measured[measured > 0].astype(float).std() / 1000
    expected = distance**2 * SUBPIXEL / (FOCAL_RATIO * INTRINSICS.fx * BASELINE)
    # Rounding to millimetres adds its own, uniform, part.
    assert deviation == pytest.approx(np.hypot(expected, 0.001 / np.sqrt(12)), rel=0.25)


def test_depth_is_in_whole_millimetres():
    measured = measure(0.75)
    assert measured.dtype == np.uint16
    assert np.median(measured[measured > 0]) == pytest.approx(750, abs=1)


@pytest.mark.parametrize("distance", [0.1, 0.25, 7.0, 12.0])
def test_outside_the_range_there_is_no_depth(distance):
    assert not measure(distance).any()


def test_a_step_of_depth_leaves_a_hole_beside_it_that_is_wider_on_the_shadowed_side():
    depth = np.full((480, 640), 1.0, np.float32)
    depth[:, 260:380] = 0.5
    missing = (measure(depth) == 0).mean(axis=0)
    left, right = missing[235:260].sum(), missing[380:405].sum()
    assert left > 10 > right > 0
    assert missing[60:200].mean() < 0.05, "far from the step nearly every pixel has depth"


def test_grazing_highlighted_and_dark_surfaces_lose_depth():
    facing = (measure(1.0) == 0).mean()
    row = np.arange(480, dtype=np.float32)[:, None]
    # A plane seen at about 5 degrees: depth rises by its own pixel footprint times 11 from row to row.
    grazing = 0.6 * np.exp(11 / INTRINSICS.fy * (row - 479) * -0.2) * np.exp(11 / INTRINSICS.fy * (row % 20))
    assert (measure(grazing) == 0).mean() > 0.5
    assert (measure(1.0, np.full_like(GRAY, 255)) == 0).mean() > facing + 0.2
    assert (measure(1.0, np.full_like(GRAY, 5)) == 0).mean() > facing + 0.1


def test_colour_keeps_its_brightness_up_to_gain_and_gets_noise():
    measured = measure_color(GRAY, SENSOR, np.random.default_rng(1))
    assert measured.dtype == np.uint8 and measured.shape == GRAY.shape
    np.testing.assert_allclose(measured.mean(axis=(0, 1)), 128 * SENSOR.exposure * SENSOR.white_balance, rtol=0.01)
    assert 0.5 < measured.std(axis=(0, 1)).mean() < 10
