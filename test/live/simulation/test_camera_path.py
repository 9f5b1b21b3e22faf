"""The camera's poses: proper rotations that look at the table, on paths that close."""

from __future__ import annotations

import numpy as np
import pytest

from rt_seg.simulation.camera_path import View, random_path, random_view


@pytest.mark.parametrize("seed", range(10))
def test_a_view_looks_at_its_target_from_its_distance_with_the_image_upright(seed):
    view = random_view(np.random.default_rng(seed))
    pose = view.pose()
    np.testing.assert_allclose(pose.rotation.T @ pose.rotation, np.eye(3), atol=1e-12)
    assert np.linalg.det(pose.rotation) == pytest.approx(1.0)
    in_camera = pose.rotation.T @ (np.asarray(view.target) - pose.position)
    np.testing.assert_allclose(in_camera, [0, 0, view.distance], atol=1e-12)
    assert 0.45 <= view.distance <= 1.1
    assert pose.rotation[2, 1] < 0, "the image's y axis must point down"


def test_without_roll_the_horizon_is_level():
    pose = View((0, 0, 0), 0.7, azimuth=1.0, elevation=0.8, roll=0.0).pose()
    assert pose.rotation[2, 0] == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_the_pose_after_the_last_frame_is_the_pose_of_the_first(seed):
    path, frame_count = random_path(np.random.default_rng(seed)), 30
    first, after_last = path.pose(0 / frame_count), path.pose(frame_count / frame_count)
    np.testing.assert_array_equal(first.rotation, after_last.rotation)
    np.testing.assert_array_equal(first.position, after_last.position)


@pytest.mark.parametrize("seed", range(5))
def test_a_path_has_no_jump_not_even_where_it_closes(seed):
    path, frame_count = random_path(np.random.default_rng(seed)), 600
    positions = np.array([path.pose(number / frame_count).position for number in range(frame_count + 1)])
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    assert steps.max() < 0.01, "metres from one frame to the next, in a turn of 20 s at 30 Hz"
    assert np.linalg.norm(positions - positions[0], axis=1).max() > 0.1, "the camera must move"


@pytest.mark.parametrize("seed", range(20))
def test_a_path_stays_above_the_table_and_within_reach(seed):
    path = random_path(np.random.default_rng(seed))
    views = [path.view(phase) for phase in np.linspace(0, 1, 100)]
    assert all(0.45 <= view.distance <= 1.1 for view in views)
    assert all(np.radians(25) < view.elevation < np.radians(85) for view in views)
