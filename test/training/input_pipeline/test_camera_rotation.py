"""A turned camera against the geometry of a plane."""

import numpy as np
import pytest
import tensorflow as tf

from rt_seg.cameras.d435 import COLOR_FOCAL_LENGTH
from rt_seg_training.input_pipeline.camera_rotation import rotate_camera, sometimes_rotate_camera

HEIGHT, WIDTH = 120, 160
FOCAL = COLOR_FOCAL_LENGTH * WIDTH
GREY = (124, 116, 104)


def _rays():
    columns, rows = np.meshgrid(np.arange(WIDTH) - (WIDTH - 1) / 2, np.arange(HEIGHT) - (HEIGHT - 1) / 2)
    return np.stack([columns / FOCAL, rows / FOCAL, np.ones_like(rows)], axis=-1)


def _scene(normal, distance):
    """Depth of the plane normal · point = distance, and label and colour that tell what a ray hits."""
    depth = distance / (_rays() @ np.asarray(normal))
    label = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    label[:60] = 1
    image = np.repeat(label * 200, 3, axis=-1)
    return image, label, depth[..., np.newaxis].astype(np.float32)


def _turn(scene, roll=0.0, pitch=0.0):
    image, label, depth = rotate_camera(*map(tf.constant, scene), tf.constant(roll), tf.constant(pitch), 255, GREY)
    return image.numpy(), label.numpy()[..., 0], depth.numpy()[..., 0]


def test_a_wall_seen_by_a_camera_that_looks_down_is_the_plane_that_geometry_says():
    pitch = np.float32(np.radians(15))
    image, label, depth = _turn(_scene((0, 0, 1), 2.0), pitch=pitch)
    seen = depth > 0
    assert 0.5 < seen.mean() < 0.9
    assert (label[~seen] == 255).all()
    assert (image[~seen] == GREY).all(axis=-1).mean() > 0.95, "colours mix at the edge alone"
    # In the frame of a camera that looks down, the wall's normal points up by as much.
    expected = 2.0 / (_rays() @ np.array([0, -np.sin(pitch), np.cos(pitch)]))
    np.testing.assert_allclose(depth[seen], expected[seen], rtol=1e-4)
    horizon = np.flatnonzero(np.diff(label[:, WIDTH // 2].astype(int)) == -1)
    assert horizon == pytest.approx((HEIGHT - 1) / 2 - FOCAL * np.tan(pitch), abs=1.5), "what was ahead is above"


def test_roll_turns_the_image_about_its_middle_and_keeps_the_depth_of_a_wall():
    scene = _scene((0, 0, 1), 2.0)
    _, label, depth = _turn(scene, roll=np.float32(np.radians(90)))
    seen = depth > 0
    np.testing.assert_allclose(depth[seen], 2.0, rtol=1e-5)
    assert (label[:, 60:100] != 255).all()
    assert (label[10:110, 30:75] == 0).all() != (label[10:110, 85:130] == 0).all(), "rows became columns"


def test_no_class_appears_that_was_not_there_and_no_turn_changes_nothing():
    random = np.random.default_rng(0)
    scene = (
        random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8),
        random.choice(np.array([3, 7, 255], np.uint8), (HEIGHT, WIDTH, 1)),
        random.uniform(1, 3, (HEIGHT, WIDTH, 1)).astype(np.float32),
    )
    _, label, _ = _turn(scene, 0.3, -0.2)
    assert set(np.unique(label)) <= {3, 7, 255}
    for given, same in zip(scene, _turn(scene)):
        np.testing.assert_allclose(same, given.reshape(same.shape), rtol=1e-6)


def test_a_share_of_the_images_is_turned_with_or_without_depth():
    image, label, depth = _scene((0, 0, 1), 2.0)
    changed = 0
    for seed in range(40):
        made = sometimes_rotate_camera(0.5, image, label, depth, 255, GREY, (seed, 1))
        alone = sometimes_rotate_camera(0.5, image, label, None, 255, GREY, (seed, 1))
        assert alone[2] is None
        np.testing.assert_array_equal(made[1], alone[1])
        changed += bool((np.asarray(made[1]) != label).any())
    assert 10 < changed < 30
    assert sometimes_rotate_camera(0.0, image, label, depth, 255, GREY, (0, 1))[0] is image
