"""Frames of the simulated RGB-D camera: single scenes, and recordings of one scene with a moving camera.

A frame depends on its seed (and number) alone: with one build of the software renderer, the same seed gives the same
bytes.
"""
from __future__ import annotations

from typing import Iterator, Optional

import numpy as np

from rt_seg.cameras.frame import Frame, Intrinsics
from rt_seg.labels import LabelSet
from rt_seg.simulation.camera_path import Pose, random_path, random_view
from rt_seg.simulation.classes import BACKGROUND, HOLE, tabletop_labels
from rt_seg.simulation.errors import SimulationError
from rt_seg.simulation.renderer import Renderer
from rt_seg.simulation.scene import random_intrinsics, random_scene
from rt_seg.simulation.sensor import Sensor, measure_color, measure_depth, random_sensor

SCENE_VERSION = 1
"""Raised whenever a change makes a seed give another picture."""

SCENE, VIEW, SENSOR = range(3)
"""Streams of random numbers that one seed yields; a new stream leaves the others as they are."""

VIEW_TRIES = 20
LEAST_CLASSES = 4
LEAST_SHARE = 400 / (640 * 480)
LEAST_HOLE_SHARE = 250 / (640 * 480)
"""A view is kept when it shows LEAST_CLASSES classes besides the background, holes among them, each on at least this
share of the pixels."""


def _generator(seed: int, stream: int, number: int = 0) -> np.random.Generator:
    return np.random.default_rng([seed, stream, number])


def _check_seed(seed: int) -> None:
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise SimulationError(f"seed {seed!r}: accepted are integers from 0")


def _shows_enough(mask: np.ndarray, labels: LabelSet) -> bool:
    shares = np.bincount(mask.ravel(), minlength=len(labels)) / mask.size
    shown = [
        label.name
        for label in labels.labels
        if label.name != BACKGROUND
        and shares[label.id] >= (LEAST_HOLE_SHARE if label.name == HOLE else LEAST_SHARE)
    ]
    return HOLE in shown and len(shown) >= LEAST_CLASSES


def _take(
    renderer: Renderer,
    pose: Pose,
    intrinsics: Intrinsics,
    sensor: Sensor,
    rng: np.random.Generator,
    stamp: float,
) -> Frame:
    image = renderer.render(pose)
    return Frame(
        color=measure_color(image.color, sensor, rng),
        depth=measure_depth(image.depth, image.color, intrinsics, sensor, rng),
        ground_truth=image.mask,
        intrinsics=intrinsics,
        stamp=stamp,
    )


def simulate_scene(seed: int, labels: Optional[LabelSet] = None, width: int = 640, height: int = 480) -> Frame:
    """A fresh scene from a random view: color, depth and ground truth, at stamp 0.

    `labels` (default: those of the tabletop) gives the ids of ground_truth. The view is drawn again, up to VIEW_TRIES
    times, until holes and most classes are well in sight. Raises SimulationError for a negative seed or when MuJoCo
    or EGL is not usable.
    """
    _check_seed(seed)
    labels = labels or tabletop_labels()
    rng = _generator(seed, SCENE)
    intrinsics = random_intrinsics(rng, width, height)
    with Renderer(random_scene(rng, intrinsics), intrinsics, labels) as renderer:
        view_rng = _generator(seed, VIEW)
        for _ in range(VIEW_TRIES):
            pose = random_view(view_rng).pose()
            if _shows_enough(renderer.mask(pose), labels):
                break
        sensor_rng = _generator(seed, SENSOR)
        return _take(renderer, pose, intrinsics, random_sensor(sensor_rng), sensor_rng, 0.0)


def simulate_recording(
    seed: int,
    frame_count: int,
    rate: float,
    labels: Optional[LabelSet] = None,
    width: int = 640,
    height: int = 480,
) -> Iterator[Frame]:
    """One scene filmed along a closed path: frame i has the stamp i / rate (s), and after the last comes the first.

    Arguments and errors are those of `simulate_scene`; frame_count must be at least 1 and rate (Hz) above 0.
    """
    _check_seed(seed)
    if frame_count < 1:
        raise SimulationError(f"frame_count {frame_count!r}: accepted are integers from 1")
    if not rate > 0:
        raise SimulationError(f"rate {rate!r}: accepted are numbers above 0 (frames per second)")
    return _film(seed, frame_count, rate, labels or tabletop_labels(), width, height)


def _film(
    seed: int, frame_count: int, rate: float, labels: LabelSet, width: int, height: int
) -> Iterator[Frame]:
    rng = _generator(seed, SCENE)
    intrinsics = random_intrinsics(rng, width, height)
    path = random_path(_generator(seed, VIEW))
    sensor = random_sensor(_generator(seed, SENSOR))
    with Renderer(random_scene(rng, intrinsics), intrinsics, labels) as renderer:
        for number in range(frame_count):
            noise = _generator(seed, SENSOR, number + 1)
            yield _take(renderer, path.pose(number / frame_count), intrinsics, sensor, noise, number / rate)
