"""Frames of the simulated RGB-D camera: single scenes, and recordings of one scene with a moving camera.

A frame depends on its seed (and number) alone: with one build of the software renderer, the same seed gives the same
bytes.
"""

from __future__ import annotations

from typing import Iterator, Optional, Union

import numpy as np

from rt_seg.cameras.frame import Frame, Intrinsics
from rt_seg.labels import LabelSet
from rt_seg.simulation.camera_path import Pose
from rt_seg.simulation.classes import tabletop_labels, things_labels
from rt_seg.simulation.errors import SimulationError
from rt_seg.simulation.recipe_scene import RecipeScenes
from rt_seg.simulation.renderer import Renderer
from rt_seg.simulation.scene_recipe import SceneRecipe
from rt_seg.simulation.sensor import Sensor, measure_color, measure_depth
from rt_seg.simulation.tabletop import Tabletop
from rt_seg.simulation.things import Things

SCENE_VERSION = 1
"""Raised whenever a change makes a seed give another image."""

SCENE, VIEW, SENSOR = range(3)
"""Streams of random numbers that one seed yields; a new stream leaves the others as they are."""

VIEW_TRIES = 20

KINDS = ("tabletop", "things")
"""Kinds of scene that need no recipe."""

ScenesOf = Union[Tabletop, RecipeScenes]
"""What one kind of scene consists of."""


def _generator(seed: int, stream: int, number: int = 0) -> np.random.Generator:
    return np.random.default_rng([seed, stream, number])


def _check_seed(seed: int) -> None:
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise SimulationError(f"seed {seed!r}: accepted are integers from 0")


def _scenes(labels: Optional[LabelSet], width: int, height: int, recipe: Optional[SceneRecipe]) -> ScenesOf:
    return Tabletop(labels or tabletop_labels(), width, height) if recipe is None else RecipeScenes(recipe)


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


def simulate_scene(
    seed: int,
    labels: Optional[LabelSet] = None,
    width: int = 640,
    height: int = 480,
    recipe: Optional[SceneRecipe] = None,
    kind: str = "tabletop",
) -> Frame:
    """A fresh scene from a random view: color, depth and ground truth, at stamp 0.

    Without a recipe it is of a `kind` out of KINDS, and `labels` (default: its own) gives the ids of ground_truth; a
    recipe has labels and size itself. The view is drawn again, up to VIEW_TRIES times, until what matters is well in
    sight. Raises SimulationError for a negative seed or when MuJoCo or EGL is not usable.
    """
    _check_seed(seed)
    if kind not in KINDS:
        raise SimulationError(f"kind {kind!r}: accepted are {', '.join(KINDS)}")
    scenes: Union[ScenesOf, Things] = _scenes(labels, width, height, recipe)
    if recipe is None and kind == "things":
        scenes = Things(labels or things_labels(), width, height)
    rng = _generator(seed, SCENE)
    intrinsics = scenes.intrinsics(rng)
    with Renderer(scenes.scene(rng, intrinsics), intrinsics, scenes.labels) as renderer:
        view_rng = _generator(seed, VIEW)
        for _ in range(VIEW_TRIES):
            pose = scenes.view(view_rng).pose()
            if scenes.shows_enough(renderer.mask(pose)):
                break
        sensor_rng = _generator(seed, SENSOR)
        return _take(renderer, pose, intrinsics, scenes.sensor(sensor_rng), sensor_rng, 0.0)


def simulate_recording(
    seed: int,
    frame_count: int,
    rate: float,
    labels: Optional[LabelSet] = None,
    width: int = 640,
    height: int = 480,
    recipe: Optional[SceneRecipe] = None,
) -> Iterator[Frame]:
    """One scene rendered along a closed path: frame i has the stamp i / rate (s), and after the last comes the first.

    Arguments and errors are those of `simulate_scene`; frame_count must be at least 1 and rate (Hz) above 0.
    """
    _check_seed(seed)
    if frame_count < 1:
        raise SimulationError(f"frame_count {frame_count!r}: accepted are integers from 1")
    if not rate > 0:
        raise SimulationError(f"rate {rate!r}: accepted are numbers above 0 (frames per second)")
    return _film(seed, frame_count, rate, _scenes(labels, width, height, recipe))


def _film(seed: int, frame_count: int, rate: float, scenes: ScenesOf) -> Iterator[Frame]:
    rng = _generator(seed, SCENE)
    intrinsics = scenes.intrinsics(rng)
    path = scenes.path(_generator(seed, VIEW))
    sensor = scenes.sensor(_generator(seed, SENSOR))
    with Renderer(scenes.scene(rng, intrinsics), intrinsics, scenes.labels) as renderer:
        for number in range(frame_count):
            noise = _generator(seed, SENSOR, number + 1)
            yield _take(renderer, path.pose(number / frame_count), intrinsics, sensor, noise, number / rate)
