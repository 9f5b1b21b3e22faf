"""Scenes made by a recipe: its objects come to rest on the random table of a random room."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Tuple

import cv2
import numpy as np

from rt_seg.cameras.frame import Intrinsics
from rt_seg.simulation.camera_path import ClosedPath, View, random_path, random_view
from rt_seg.simulation.classes import class_id
from rt_seg.simulation.clutter import add_clutter
from rt_seg.simulation.errors import SimulationError
from rt_seg.simulation.mesh_file import load_mesh, mesh_inertia
from rt_seg.simulation.meshes import ROUND_CORNERS, cup, regular_polygon
from rt_seg.simulation.renderer import import_mujoco
from rt_seg.simulation.room import add_lights, add_room
from rt_seg.simulation.scene import Scene, random_intrinsics
from rt_seg.simulation.scene_builder import SceneBuilder, numbers
from rt_seg.simulation.scene_recipe import LARGEST, SMALLEST, UNITS, Body, SceneObject, SceneRecipe
from rt_seg.simulation.sensor import Sensor, random_sensor

DROPS = 16
"""Times that an object is dropped to learn how it may lie."""
FALL = 1.5
"""Seconds of each fall."""
MIN_SHARE = 0.004
"""Share of the pixels that objects must have; a view that shows less is drawn again."""
WALL = 0.0008
"""Thickness of a cup, metres."""


def _rotation(degrees: Tuple[float, float, float]) -> np.ndarray:
    """(3, 3) float64: about x, then y, then z, of axes that stay."""
    product = np.eye(3)
    for axis, angle in enumerate(degrees):
        vector = np.zeros(3)
        vector[axis] = np.radians(angle)
        product = cv2.Rodrigues(vector)[0] @ product
    return product


def _primitive(body: Body, scale: float) -> Dict[str, Any]:
    """The geom of a shape as MuJoCo sizes it, by halves and radii; a cup, for its outside, is a cylinder."""
    half = scale * np.asarray(body.size) / 2
    if body.shape == "sphere":
        return {"type": "sphere", "size": half[:1]}
    if body.shape in ("cylinder", "cup"):
        return {"type": "cylinder", "size": half[[0, 2]]}
    if body.shape == "capsule":  # MuJoCo's length is that between the centres of its ends
        return {"type": "capsule", "size": (half[0], max(half[2] - half[0], 1e-6))}
    return {"type": body.shape, "size": half}


def _shape_points(body: Body) -> np.ndarray:
    """(N, 3) float64 metres: points on the surface whose convex hull is the shape, as near as a footprint needs."""
    x, y, z = np.asarray(body.size) / 2
    if body.shape == "box":
        return np.array([[i * x, j * y, k * z] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)])
    around = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.stack([np.cos(around), np.sin(around), np.zeros(24)], axis=1)
    if body.shape in ("cylinder", "cup"):
        return np.concatenate([ring * x + [0, 0, k * z] for k in (-1, 1)])
    tilts = np.linspace(-np.pi / 2, np.pi / 2, 13)
    ball = np.concatenate([ring * np.cos(tilt) + [0, 0, np.sin(tilt)] for tilt in tilts])
    if body.shape == "capsule":
        return np.concatenate([ball * x + [0, 0, k * max(z - x, 0.0)] for k in (-1, 1)])
    return ball * (x if body.shape == "sphere" else np.array([x, y, z]))


@lru_cache(maxsize=64)
def _object_points(item: SceneObject) -> np.ndarray:
    """(N, 3) float64 metres: corners of the object's convex hull, in its axes. Raises SimulationError for its size."""
    clouds = []
    for body in item.bodies:
        points = load_mesh(Path(body.mesh)).vertices * UNITS[body.unit] if body.mesh else _shape_points(body)
        clouds.append(points @ _rotation(body.rotation).T + body.position)
    points = np.concatenate(clouds)
    longest = float(np.ptp(points, axis=0).max())
    if SMALLEST <= longest * item.scale[0] and longest * item.scale[1] <= LARGEST:
        return points
    meshes = [body for body in item.bodies if body.mesh]
    advice = "correct 'size' or 'scale'"
    if meshes:
        fitting = [unit for unit, metres in UNITS.items()
                   if 0.01 <= longest / UNITS[meshes[0].unit] * metres <= LARGEST]  # fmt: skip
        perhaps = f", perhaps to {' or '.join(fitting)}" if fitting else ""
        advice = f"correct 'unit' ({meshes[0].unit}) of {meshes[0].mesh}{perhaps}, or 'scale'"
    raise SimulationError(
        f"an object of class {item.bodies[0].name!r} is {longest:.4g} m long; accepted are, after scaling, "
        f"{SMALLEST} to {LARGEST} m: {advice}"
    )


def _add_mesh_file(asset: ElementTree.Element, assets: Dict[str, bytes], body: Body, scale: float) -> Dict[str, Any]:
    """Add a body's mesh to a model; returns the attributes of its geom."""
    mesh = load_mesh(Path(body.mesh))
    name = f"part_{len(assets)}_{len(asset)}"
    assets[f"{name}{mesh.suffix}"] = mesh.data
    factor = numbers([scale * UNITS[body.unit]] * 3)
    attributes = {"name": name, "file": f"{name}{mesh.suffix}", "scale": factor, **mesh_inertia()}
    ElementTree.SubElement(asset, "mesh", attributes)
    return {"type": "mesh", "mesh": name}


@lru_cache(maxsize=64)
def resting_rotations(item: SceneObject) -> Tuple[np.ndarray, ...]:
    """How an object lies when it is dropped on a table: rotations (3, 3) float64, DROPS of them, frequent ones often.

    Found by MuJoCo's physics, with the convex hull of each body. The same for the same object.
    """
    mujoco = import_mujoco()
    points = _object_points(item)
    root = ElementTree.Element("mujoco")
    # A small part sinks in during long steps.
    ElementTree.SubElement(root, "option", timestep="0.001")
    asset = ElementTree.SubElement(root, "asset")
    world = ElementTree.SubElement(root, "worldbody")
    ElementTree.SubElement(world, "geom", type="plane", size="2 2 0.1")
    dropped = ElementTree.SubElement(world, "body")
    ElementTree.SubElement(dropped, "freejoint")
    assets: Dict[str, bytes] = {}
    for body in item.bodies:
        attributes = _add_mesh_file(asset, assets, body, 1.0) if body.mesh else _primitive(body, 1.0)
        turn = _rotation(body.rotation)
        attributes.update(pos=body.position, xyaxes=(*turn[:, 0], *turn[:, 1]), condim="6", friction="0.8 0.01 0.002")
        text = {key: value if isinstance(value, str) else numbers(value) for key, value in attributes.items()}
        ElementTree.SubElement(dropped, "geom", text)
    model = mujoco.MjModel.from_xml_string(ElementTree.tostring(root, encoding="unicode"), assets)
    data = mujoco.MjData(model)
    random = np.random.default_rng(0)
    rotations: List[np.ndarray] = []
    for _ in range(DROPS):
        mujoco.mj_resetData(model, data)
        quaternion = random.normal(size=4)
        data.qpos[3:7] = quaternion / np.linalg.norm(quaternion)
        mujoco.mj_forward(model, data)
        # From close above the table: a part thrown from high rolls away for long.
        data.qpos[2] = 0.002 - (points @ data.xmat[1].reshape(3, 3).T)[:, 2].min()
        mujoco.mj_step(model, data, round(FALL / model.opt.timestep))
        rotations.append(data.xmat[1].reshape(3, 3).copy())
    return tuple(rotations)


def _material(builder: SceneBuilder, body: Body) -> str:
    rng = builder.rng
    gloss = {"metal": rng.uniform(0.6, 1.0), "wood": rng.uniform(0.0, 0.4), "dark": 0.0}.get(
        body.material, rng.uniform(0.0, 0.8)
    )
    patterns = ("plain", "grain", "gradient")
    if body.color:
        return builder.material(
            builder.near_color(body.color, ("wood",) if body.material == "wood" else patterns), gloss=gloss
        )
    if body.material == "metal":
        return builder.material(builder.metal(), gloss=gloss)
    if body.material == "wood":
        return builder.material(builder.wood(), gloss=gloss)
    if body.material == "any":
        return builder.any_material()
    texture = builder.colored((0.0, 1.0), (0.0, 1.0), patterns)
    return builder.material(texture // int(rng.integers(3, 7)) if body.material == "dark" else texture, gloss=gloss)


def _place(builder: SceneBuilder, item: SceneObject) -> None:
    """Put an object on a free spot of the table, where there is one."""
    rng = builder.rng
    scale = float(rng.uniform(*item.scale))
    turn = np.eye(3)
    if item.pose == "resting":
        rotations = resting_rotations(item)
        turn = rotations[int(rng.integers(len(rotations)))]
    turned = scale * _object_points(item) @ turn.T
    middle = (turned[:, :2].min(axis=0) + turned[:, :2].max(axis=0)) / 2
    hull = cv2.convexHull((turned[:, :2] - middle).astype(np.float32))[:, 0]
    outline = (hull[::-1] if cv2.contourArea(hull, True) < 0 else hull).astype(float)
    spot = builder.free_spot(outline)
    if spot is None:
        return
    place, yaw = spot
    around = _rotation((0.0, 0.0, float(np.degrees(yaw))))
    turn = around @ turn
    origin = np.append(place - around[:2, :2] @ middle, -turned[:, 2].min())
    for body in item.bodies:
        whole = turn @ _rotation(body.rotation)
        position = origin + scale * turn @ np.asarray(body.position)
        if body.mesh:
            attributes = _add_mesh_file(builder.asset, builder.assets, body, scale)
        elif body.shape == "cup":
            width, _, height = scale * np.asarray(body.size)
            shell = cup(regular_polygon(ROUND_CORNERS, width), height, WALL, 2 * WALL)
            attributes = {"type": "mesh", "mesh": builder.mesh(shell)}
            position = position - whole @ (0.0, 0.0, height / 2)  # it stands on its origin
        else:
            attributes = _primitive(body, scale)
        axes = (*whole[:, 0], *whole[:, 1])
        builder.geom(body.name, _material(builder, body), pos=position, xyaxes=axes, **attributes)


class RecipeScenes:
    """Scenes, views and cameras of a recipe, each from a random generator."""

    def __init__(self, recipe: SceneRecipe) -> None:
        self._recipe = recipe
        self.labels = recipe.labels
        objects = {body.name for item in recipe.objects for body in item.bodies}
        self._ids = [class_id(self.labels, name) for name in sorted(objects)]
        self._may_be_empty = all(item.count[0] == 0 for item in recipe.objects)

    def intrinsics(self, rng: np.random.Generator) -> Intrinsics:
        """A camera of the recipe's size and focal length."""
        camera = self._recipe.camera
        return random_intrinsics(rng, camera.width, camera.height, camera.focal_length)

    def scene(self, rng: np.random.Generator, intrinsics: Intrinsics) -> Scene:
        """A room with the objects and clutter; a thing for which the table has no free spot is left out.

        Raises SimulationError for an object that is too large or too small for the table.
        """
        recipe = self._recipe
        builder = SceneBuilder(rng, recipe.room.spread)
        add_room(builder, recipe.room)
        for item in recipe.objects:
            for _ in range(int(rng.integers(item.count[0], item.count[1] + 1))):
                _place(builder, item)
        own = set(builder.classes)
        for _ in range(int(rng.integers(recipe.clutter.count[0], recipe.clutter.count[1] + 1))):
            add_clutter(builder)
        for name in builder.classes.keys() - own:
            builder.classes[name] = recipe.clutter.name
        add_lights(builder, recipe.lights)
        return builder.finished(intrinsics)

    def view(self, rng: np.random.Generator) -> View:
        """A view of the table."""
        camera = self._recipe.camera
        near, far = camera.distance
        return random_view(rng, near, far - near, camera.elevation, camera.roll)

    def path(self, rng: np.random.Generator) -> ClosedPath:
        """A path over the middle of the recipe's distances and elevations."""
        (near, far), (low, high) = self._recipe.camera.distance, self._recipe.camera.elevation
        reach, tilt = (far - near) / 4, (high - low) / 4
        middle = ((near + far) / 2 - 0.6 * reach, (near + far) / 2)
        return random_path(rng, middle, reach, (low + tilt, high - tilt), tilt)

    def sensor(self, rng: np.random.Generator) -> Sensor:
        """A camera of the recipe's kind."""
        return random_sensor(rng, self._recipe.sensor)

    def shows_enough(self, mask: np.ndarray) -> bool:
        """Whether objects are well in sight."""
        return self._may_be_empty or bool(np.isin(mask, self._ids).mean() >= MIN_SHARE)
