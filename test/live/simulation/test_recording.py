"""Simulated frames: reproducible, complete, and true to the label set."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from rt_seg.simulation import SimulationError, simulate_recording, simulate_scene
from rt_seg.simulation.classes import tabletop_labels

SMALL = {"width": 320, "height": 240}


@pytest.fixture(scope="module")
def frame():
    return simulate_scene(7)


def test_a_frame_is_that_of_a_realsense_colour_stream_with_aligned_depth(frame):
    assert frame.color.shape == (480, 640, 3) and frame.color.dtype == np.uint8
    assert frame.depth.shape == (480, 640) and frame.depth.dtype == np.uint16
    assert frame.ground_truth.shape == (480, 640) and frame.ground_truth.dtype == np.uint8
    assert frame.intrinsics.fx == pytest.approx(615, abs=10)
    assert frame.intrinsics.distortion == (0, 0, 0, 0, 0)
    assert frame.stamp == 0.0


def test_depth_has_holes_but_mostly_values_of_the_tabletop(frame):
    missing = (frame.depth == 0).mean()
    assert 0.005 < missing < 0.4
    assert 400 < np.median(frame.depth[frame.depth > 0]) < 2000


def test_the_same_seed_gives_the_same_bytes_also_in_another_process():
    def digest(frame):
        content = frame.color.tobytes() + frame.depth.tobytes() + frame.ground_truth.tobytes()
        return hashlib.sha256(content).hexdigest()

    first, again = simulate_scene(7, **SMALL), simulate_scene(7, **SMALL)
    assert digest(first) == digest(again)
    assert first.intrinsics == again.intrinsics
    script = (
        "import hashlib; from rt_seg.simulation import simulate_scene; f = simulate_scene(7, width=320, height=240); "
        "print(hashlib.sha256(f.color.tobytes() + f.depth.tobytes() + f.ground_truth.tobytes()).hexdigest())"
    )
    # The number of threads of the software renderer must not matter either.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "LP_NUM_THREADS": "1"}
    printed = subprocess.run(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, check=True, universal_newlines=True
    ).stdout
    assert printed.strip() == digest(first)


def test_another_seed_gives_another_scene(frame):
    other = simulate_scene(8)
    assert (other.ground_truth != frame.ground_truth).mean() > 0.02
    assert (other.color != frame.color).mean() > 0.5


def test_masks_hold_only_classes_of_the_label_set_and_every_class_is_seen():
    labels = tabletop_labels()
    seen = set()
    for seed in range(8):
        mask = simulate_scene(seed, **SMALL).ground_truth
        labels.check_mask(mask, f"seed {seed}")
        seen |= set(np.unique(mask).tolist())
        assert np.unique(mask).size >= 5, f"seed {seed}: background and four more classes"
    assert seen == {label.id for label in labels.labels}


def test_a_recording_films_one_scene_at_its_rate_and_again_the_same():
    frames = list(simulate_recording(3, frame_count=6, rate=30.0, **SMALL))
    assert [f.stamp for f in frames] == [number / 30 for number in range(6)]
    assert len({f.intrinsics for f in frames}) == 1
    assert len({f.color.tobytes() for f in frames}) == 6, "the camera moves and its noise changes"
    for first, second in zip(frames, simulate_recording(3, frame_count=6, rate=30.0, **SMALL)):
        np.testing.assert_array_equal(first.color, second.color)
        np.testing.assert_array_equal(first.depth, second.depth)
        np.testing.assert_array_equal(first.ground_truth, second.ground_truth)


def test_a_recording_survives_scenes_that_are_made_while_it_is_read():
    alone = [f.color for f in simulate_recording(3, frame_count=3, rate=30.0, **SMALL)]
    for number, frame in enumerate(simulate_recording(3, frame_count=3, rate=30.0, **SMALL)):
        simulate_scene(number, **SMALL)
        np.testing.assert_array_equal(frame.color, alone[number])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: simulate_scene(-1), "seed -1: accepted are integers from 0"),
        (lambda: simulate_scene(1.5), "seed 1.5: accepted are integers from 0"),
        (lambda: simulate_recording(0, 0, 30.0), "frame_count 0: accepted are integers from 1"),
        (lambda: simulate_recording(0, 5, 0.0), "rate 0.0: accepted are numbers above 0"),
    ],
)
def test_arguments_out_of_range_are_refused_at_the_call(call, message):
    with pytest.raises(SimulationError, match=message):
        call()


def test_without_opengl_the_error_names_the_packages_to_install():
    script = "from rt_seg.simulation import simulate_scene; simulate_scene(0)"
    # No vendor library to be found is how EGL looks where Mesa is not installed.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "MUJOCO_GL": "egl"}
    environment["__EGL_VENDOR_LIBRARY_DIRS"] = os.devnull
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, stderr=subprocess.PIPE, universal_newlines=True
    )
    assert done.returncode != 0
    assert "apt install libegl1 libopengl0 libgl1-mesa-dri" in done.stderr


def test_importing_the_simulation_does_not_load_mujoco_tensorflow_or_ros():
    script = "import sys, rt_seg.simulation; print([m for m in ('mujoco', 'tensorflow', 'rospy') if m in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    printed = subprocess.run(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, check=True, universal_newlines=True
    ).stdout
    assert printed.strip() == "[]"
