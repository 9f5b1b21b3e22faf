"""Reads a scene recipe from its YAML file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Tuple

from rt_seg.package_files import named_file, names_of
from rt_seg.settings import keys_of, read_settings, read_yaml, setting
from rt_seg.simulation.classes import BACKGROUND
from rt_seg.simulation.errors import SimulationError
from rt_seg.simulation.mesh_file import load_mesh
from rt_seg.simulation.room import Lights, Room
from rt_seg.simulation.scene_recipe import SHAPES, Body, Camera, Clutter, SceneObject, SceneRecipe
from rt_seg.simulation.sensor import SensorModel

SHIPPED = "config/scenes"
_BODY_KEYS = keys_of(Body)
_OBJECT_KEYS = keys_of(SceneObject)


@dataclass(frozen=True)
class _RecipeFile:
    """The sections of the file; objects are read one by one, as they may hold the keys of their only body."""

    objects: Tuple[Any, ...] = setting(help_text="list of the objects")
    clutter: Clutter = Clutter()
    room: Room = Room()
    lights: Lights = Lights()
    camera: Camera = Camera()
    sensor: SensorModel = SensorModel()


def _check_class(name: str, where: str) -> None:
    if not name:
        raise SimulationError(f"{where}: class: '' must be the name of a class")


def _body(data: Any, folder: Path, where: str) -> Body:
    body = read_settings(Body, data, where, SimulationError)
    _check_class(body.name, where)
    if body.name == BACKGROUND:
        raise SimulationError(f"{where}: class: {BACKGROUND} is reserved for 'clutter', which adds its own objects")
    if ("mesh" in data) == ("shape" in data):
        raise SimulationError(f"{where}: needs either mesh (an STL or OBJ file) or shape ({', '.join(SHAPES)})")
    if "mesh" not in data:
        if "size" not in data or "unit" in data:
            raise SimulationError(f"{where}: a shape needs size, [width, depth, height] in metres, and has no unit")
        return body
    if "size" in data:
        raise SimulationError(f"{where}: size is for shapes; a mesh has unit, and its object scale")
    mesh = (folder / body.mesh).resolve()
    load_mesh(mesh)
    return replace(body, mesh=str(mesh))


def _object(data: Any, folder: Path, where: str) -> SceneObject:
    own = {key: value for key, value in data.items() if key != "bodies"} if isinstance(data, dict) else data
    found = read_settings(SceneObject, own, where, SimulationError, elsewhere=_BODY_KEYS)
    bodies: Tuple[Body, ...]
    if "bodies" not in data:
        bodies = (_body({key: value for key, value in own.items() if key not in _OBJECT_KEYS}, folder, where),)
    elif {*own} - {*_OBJECT_KEYS} or not isinstance(data["bodies"], list) or not data["bodies"]:
        raise SimulationError(f"{where}: bodies must be a list; its entries take {', '.join(_BODY_KEYS)}")
    else:
        bodies = tuple(_body(entry, folder, f"{where}: bodies[{n}]") for n, entry in enumerate(data["bodies"]))
    return replace(found, bodies=bodies)


def recipe_from_dict(data: Any, folder: Path, source: str) -> SceneRecipe:
    """A recipe of its YAML form. `folder` is where relative mesh files are; `source` names the file in errors.

    Raises SimulationError naming the key and what is accepted.
    """
    found = read_settings(_RecipeFile, data, source, SimulationError)
    if not found.objects:
        raise SimulationError(f"{source}: objects must be a list with at least one entry")
    _check_class(found.clutter.name, f"{source}: clutter")
    objects = tuple(_object(entry, folder, f"{source}: objects[{n}]") for n, entry in enumerate(found.objects))
    recipe = SceneRecipe(objects, found.clutter, found.room, found.lights, found.camera, found.sensor)
    if len(recipe.labels) > 255:
        raise SimulationError(f"{source}: {len(recipe.labels)} classes; an 8-bit mask supports at most 255")
    return recipe


def load_recipe(path: Path) -> SceneRecipe:
    """Read a recipe, a path or the name of a shipped one, and look at its meshes.

    Raises SimulationError naming the file and what is accepted.
    """
    path = named_file(path, SHIPPED)
    data = read_yaml(path, SimulationError, f"shipped are {', '.join(names_of(SHIPPED))}")
    return recipe_from_dict(data, path.resolve().parent, str(path))
