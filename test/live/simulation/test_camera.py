"""The simulated scene as a camera."""

import time

import numpy as np
import pytest

from rt_seg.cameras.errors import CameraSettingError
from rt_seg.simulation.camera import SimulatedCamera


def test_it_films_with_depth_and_truth_by_the_computers_clock_at_most_at_its_rate():
    frames = [frame for frame, _ in zip(SimulatedCamera(3, 96, 72, 10.0), range(6))]
    assert all(frame.depth.shape == frame.ground_truth.shape == (72, 96) for frame in frames)
    stamps = np.array([frame.stamp for frame in frames])
    assert np.diff(stamps)[1:].min() > 0.08 and abs(stamps[-1] - time.time()) < 1.0
    assert any((frames[0].color != frame.color).mean() > 0.2 for frame in frames[1:])


def test_a_recipe_that_is_none_is_named(tmp_path):
    (tmp_path / "scene.yaml").write_text("objects: 3")
    with pytest.raises(CameraSettingError, match="scene.yaml"):
        SimulatedCamera(1, recipe=tmp_path / "scene.yaml")
