"""Points against surfaces of known geometry, seen by a camera with non-square pixels and an off-centre axis."""

import cv2
import numpy as np
import pytest

from rt_seg.cameras.frame import Intrinsics
from rt_seg.products.point_cloud import POINT, SURE_POINT, Rays, label_points

CAMERA = Intrinsics(64, 48, 70.0, 55.0, 20.5, 30.25)
RGB = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
MASK = np.random.default_rng(1).integers(0, 6, (48, 64), dtype=np.uint8)


def _pixel_rays():
    """Directions with z = 1, one by one from the definition of the pinhole camera."""
    inverse = np.linalg.inv(CAMERA.matrix)
    return np.array([[inverse @ (u, v, 1.0) for u in range(CAMERA.width)] for v in range(CAMERA.height)])


def _xyz(points):
    return np.stack([points["x"], points["y"], points["z"]], axis=-1).astype(np.float64)


def test_points_of_a_slanted_plane_lie_in_it():
    normal, distance = np.array([0.2, -0.3, 0.9]), 0.8
    depth = (distance / (_pixel_rays() @ normal)).astype(np.float32)
    points = label_points(Rays(CAMERA), depth, RGB, MASK)
    assert points.shape == (48, 64)
    assert np.abs(_xyz(points) @ normal - distance).max() < 1e-6


def test_points_of_a_sphere_have_its_radius():
    center, radius = np.array([0.05, -0.04, 1.0]), 1.2
    rays = _pixel_rays()
    # The camera is inside, so every ray meets the sphere once.
    a, b, c = (rays**2).sum(-1), rays @ center, center @ center - radius**2
    z = (b + np.sqrt(b**2 - a * c)) / a
    points = label_points(Rays(CAMERA), z.astype(np.float32), RGB, MASK)
    assert np.abs(np.linalg.norm(_xyz(points) - center, axis=-1) - radius).max() < 1e-6


def test_colour_and_class_are_those_of_the_pixel():
    points = label_points(Rays(CAMERA), np.ones((48, 64), np.float32), RGB, MASK)
    red, green, blue = (RGB[..., channel].astype(np.uint32) for channel in range(3))
    np.testing.assert_array_equal(points["rgb"], red << 16 | green << 8 | blue)
    np.testing.assert_array_equal(points["label"], MASK)


def test_without_depth_a_point_is_nan_and_keeps_its_place():
    depth = np.ones((48, 64), np.float32)
    depth[10, 20] = np.nan
    points = label_points(Rays(CAMERA), depth, RGB, MASK)
    assert np.isnan(_xyz(points)[10, 20]).all()
    assert np.isfinite(_xyz(points)).sum() == 3 * (48 * 64 - 1)


def test_a_stride_takes_every_nth_row_and_column():
    depth = np.random.default_rng(2).uniform(0.5, 2.0, (48, 64)).astype(np.float32)
    whole = label_points(Rays(CAMERA), depth, RGB, MASK)
    np.testing.assert_array_equal(label_points(Rays(CAMERA), depth, RGB, MASK, 5), whole[::5, ::5])


def test_an_array_given_back_is_filled_again():
    depth = np.ones((48, 64), np.float32)
    first = label_points(Rays(CAMERA), depth, RGB, MASK)
    second = label_points(Rays(CAMERA), 2 * depth, RGB, MASK, out=first)
    assert second is first
    np.testing.assert_array_equal(second, label_points(Rays(CAMERA), 2 * depth, RGB, MASK))


@pytest.mark.parametrize(
    "distortion, project",
    [
        ((-0.1, 0.02, 0.003, -0.002, 0.0), cv2.projectPoints),
        ((-0.1, 0.02, 0.003, -0.002, 0.0, 0.01, 0.01, 0.0), cv2.projectPoints),
        ((0.05, 0.01, 0.0, 0.0), cv2.fisheye.projectPoints),
    ],
)
def test_lens_distortion_is_undone(distortion, project):
    camera = Intrinsics(64, 48, 70.0, 55.0, 20.5, 30.25, distortion)
    points = _xyz(label_points(Rays(camera), np.full((48, 64), 1.5, np.float32), RGB, MASK))
    arguments = (np.zeros(3), np.zeros(3), camera.matrix, np.array(camera.distortion))
    pixels, _ = project(points.reshape(-1, 1, 3).astype(np.float64), *arguments)
    expected = np.stack(np.meshgrid(np.arange(64), np.arange(48)), axis=-1).reshape(-1, 2)
    assert np.abs(pixels.reshape(-1, 2) - expected).max() < 0.01


def test_images_of_another_size_are_refused_with_both_sizes():
    with pytest.raises(ValueError, match="depth has 32x24 pixels and the camera 64x48"):
        label_points(Rays(CAMERA), np.ones((24, 32), np.float32), RGB, MASK)


def test_a_point_has_the_layout_of_pcls_xyzrgbl():
    assert POINT.itemsize == 20
    assert [POINT.fields[name][1] for name in ("x", "y", "z", "rgb", "label")] == [0, 4, 8, 12, 16]


def test_with_confidence_points_carry_it_and_are_else_the_same():
    depth = np.random.default_rng(3).uniform(0.5, 2.0, (48, 64)).astype(np.float32)
    confidence = np.random.default_rng(4).uniform(0.0, 1.0, (48, 64)).astype(np.float32)
    plain = label_points(Rays(CAMERA), depth, RGB, MASK, 2)
    points = label_points(Rays(CAMERA), depth, RGB, MASK, 2, confidence, out=plain.copy())
    assert points.dtype == SURE_POINT
    for name in POINT.names:
        np.testing.assert_array_equal(points[name], plain[name])
    np.testing.assert_array_equal(points["confidence"], confidence[::2, ::2])
