"""Reads a scene recipe from its YAML file."""
from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, Dict

import yaml

from rt_seg.package_files import named_file, names_of
from rt_seg.simulation.classes import BACKGROUND
from rt_seg.simulation.errors import SimulationError
from rt_seg.simulation.mesh_file import load_mesh
from rt_seg.simulation.recipe_settings import read_settings, refuse_unknown
from rt_seg.simulation.room import Lights, Room
from rt_seg.simulation.scene_recipe import SHAPES, Body, Camera, Clutter, SceneObject, SceneRecipe
from rt_seg.simulation.sensor import SensorModel

SHIPPED = "config/scenes"
_SECTIONS = {"room": Room, "lights": Lights, "camera": Camera, "sensor": SensorModel}
_OBJECT_KEYS = ("bodies", "count", "scale", "pose")
_BODY_KEYS = ("class", *(entry.name for entry in fields(Body) if entry.name != "name"))


def _class_name(data: Dict[str, Any], where: str) -> str:
    name = data.get("class")
    if not isinstance(name, str) or not name:
        raise SimulationError(f"{where}: class: {name!r} must be the name of a class")
    return name


def _body(data: Any, folder: Path, where: str) -> Body:
    refuse_unknown(data, _BODY_KEYS, where)
    name = _class_name(data, where)
    if name == BACKGROUND:
        raise SimulationError(f"{where}: class: {BACKGROUND} is what 'clutter' is, which draws its own things")
    if ("mesh" in data) == ("shape" in data):
        raise SimulationError(f"{where}: needs either mesh (an STL or OBJ file) or shape ({', '.join(SHAPES)})")
    values = {key: value for key, value in data.items() if key not in ("class", "mesh")}
    if "mesh" not in data:
        if "size" not in data or "unit" in data:
            raise SimulationError(f"{where}: a shape needs size, [width, depth, height] in metres, and has no unit")
        return read_settings(Body, values, where, name=name)
    if "size" in data:
        raise SimulationError(f"{where}: size is for shapes; a mesh has unit, and its object scale")
    if not isinstance(data["mesh"], str):
        raise SimulationError(f"{where}: mesh: {data['mesh']!r} must be the name of a file")
    mesh = (folder / data["mesh"]).resolve()
    load_mesh(mesh)
    return read_settings(Body, values, where, name=name, mesh=str(mesh))


def _object(data: Any, folder: Path, where: str) -> SceneObject:
    refuse_unknown(data, (*_OBJECT_KEYS, *_BODY_KEYS), where)
    own = {key: value for key, value in data.items() if key not in _OBJECT_KEYS}
    if "bodies" in data:
        if own or not isinstance(data["bodies"], list) or not data["bodies"]:
            raise SimulationError(f"{where}: bodies must be a list, which then holds {', '.join(_BODY_KEYS)}")
        bodies = tuple(_body(entry, folder, f"{where}: bodies[{n}]") for n, entry in enumerate(data["bodies"]))
    else:
        bodies = (_body(own, folder, where),)
    values = {key: value for key, value in data.items() if key in _OBJECT_KEYS and key != "bodies"}
    return read_settings(SceneObject, values, where, bodies=bodies)


def recipe_from_dict(data: Any, folder: Path, source: str) -> SceneRecipe:
    """A recipe of its YAML form. `folder` is where relative mesh files are; `source` names the file in errors.

    Raises SimulationError naming the key and what is accepted.
    """
    refuse_unknown(data, ("objects", "clutter", *_SECTIONS), source)
    if not isinstance(data.get("objects"), list) or not data["objects"]:
        raise SimulationError(f"{source}: objects must be a list with at least one entry")
    values: Dict[str, Any] = {
        "objects": tuple(_object(entry, folder, f"{source}: objects[{n}]") for n, entry in enumerate(data["objects"]))
    }
    for key, kind in _SECTIONS.items():
        if key in data:
            values[key] = read_settings(kind, data[key], f"{source}: {key}")
    if "clutter" in data:
        where = f"{source}: clutter"
        refuse_unknown(data["clutter"], ("count", "class"), where)
        rest = {key: value for key, value in data["clutter"].items() if key != "class"}
        name = _class_name(data["clutter"], where) if "class" in data["clutter"] else BACKGROUND
        values["clutter"] = read_settings(Clutter, rest, where, name=name)
    recipe = SceneRecipe(**values)
    if len(recipe.labels) > 255:
        raise SimulationError(f"{source}: {len(recipe.labels)} classes; a mask of one byte holds at most 255")
    return recipe


def load_recipe(path: Path) -> SceneRecipe:
    """Read a recipe, a path or the name of a shipped one, and look at its meshes.

    Raises SimulationError naming the file and what is accepted.
    """
    path = named_file(path, SHIPPED)
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        shipped = ", ".join(names_of(SHIPPED))
        raise SimulationError(f"{path}: cannot read the recipe: {error.strerror}; shipped are {shipped}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SimulationError(f"{path}: not valid YAML: {error}") from error
    return recipe_from_dict(data, path.resolve().parent, str(path))
