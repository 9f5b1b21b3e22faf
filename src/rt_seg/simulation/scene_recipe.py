"""Recipes of simulated scenes: what lies on the table, of which classes, and how it is rendered."""
from __future__ import annotations

import colorsys
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Tuple

from rt_seg.labels import Label, LabelSet
from rt_seg.simulation.classes import BACKGROUND
from rt_seg.simulation.recipe_settings import Count, Range, Vector, choice, setting
from rt_seg.simulation.room import Lights, Room
from rt_seg.simulation.sensor import SensorModel

SHAPES = ("box", "cylinder", "sphere", "ellipsoid", "capsule", "cup")
UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254}
LARGEST, SMALLEST = 0.5, 0.003
"""Metres between which an object's longest side must be, to lie on the table and be seen."""


@dataclass(frozen=True)
class Body:
    """A piece of an object with a class of its own: a mesh file or a primitive shape, in the object's axes (z up)."""

    name: str
    """Its class; `class` in YAML."""
    mesh: str = ""
    """STL or OBJ file; a relative path starts at the recipe's folder."""
    unit: str = choice("mm", tuple(UNITS))
    """What a 1 in the mesh file is."""
    shape: str = choice("", SHAPES)
    """In place of a mesh. A cup is open at the top: the lining of a hole."""
    size: Vector = setting((0.0, 0.0, 0.0), 0.0005, LARGEST)
    """Of a shape: whole width, depth and height in metres. A sphere has the width; what is round about z has it too."""
    position: Vector = setting((0.0, 0.0, 0.0), -LARGEST, LARGEST)
    """Of a shape's middle, or of a mesh's origin; metres."""
    rotation: Vector = setting((0.0, 0.0, 0.0), -360, 360)
    """Degrees about x, then y, then z."""
    material: str = choice("any", ("any", "metal", "plastic", "wood", "dark"))
    color: Tuple[int, ...] = setting((), 0, 255, whole=True)
    """Red, green, blue, which varies a little; without it any colour that the material has."""


@dataclass(frozen=True)
class SceneObject:
    """What is placed as one, so many times in a scene."""

    bodies: Tuple[Body, ...]
    count: Count = setting((1, 3), 0, 100, whole=True)
    """Least and most of them in a scene."""
    scale: Range = setting((1.0, 1.0), 0.05, 20)
    """Smallest and largest factor on its size."""
    pose: str = choice("resting", ("resting", "upright"))
    """resting: as it comes to rest when it is dropped; upright: as its file has it, z up."""


@dataclass(frozen=True)
class Clutter:
    """Things of no interest: mugs, balls, lumps."""

    count: Count = setting((2, 5), 0, 30, whole=True)
    name: str = BACKGROUND
    """Their class; `class` in YAML."""


@dataclass(frozen=True)
class Camera:
    """Image size, lens, and where the camera is."""

    width: int = setting(640, 32, 4096, whole=True)
    height: int = setting(480, 32, 4096, whole=True)
    focal_length: Range = setting((606.0, 622.0), 100, 5000)
    """Pixels at a width of 640."""
    distance: Range = setting((0.45, 1.1), 0.1, 3)
    """From the middle of the table, metres; near views are more frequent."""
    elevation: Range = setting((28.0, 85.0), 5, 90)
    """Above the table, degrees."""
    roll: float = setting(5.0, 0, 60)
    """Standard deviation, degrees."""


@dataclass(frozen=True)
class SceneRecipe:
    """Everything about a kind of scene; what is not said is drawn at random."""

    objects: Tuple[SceneObject, ...]
    clutter: Clutter = Clutter()
    room: Room = Room()
    lights: Lights = Lights()
    camera: Camera = Camera()
    sensor: SensorModel = SensorModel()

    @property
    def labels(self) -> LabelSet:
        """Background, then the classes in the order in which the recipe names them."""
        names = dict.fromkeys([*(body.name for item in self.objects for body in item.bodies), self.clutter.name])
        names.pop(BACKGROUND, None)
        labels = [Label(0, BACKGROUND, (0, 0, 0))]
        for number, name in enumerate(names, start=1):
            # Steps of the golden section keep the hues of neighbouring classes apart.
            red, green, blue = colorsys.hsv_to_rgb(0.618034 * (number - 1) % 1.0, 0.75, 0.92)
            labels.append(Label(number, name, (round(255 * red), round(255 * green), round(255 * blue))))
        return LabelSet(tuple(labels))

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the recipe and of its meshes' content: it changes when the images would."""
        data = asdict(self)
        for item in data["objects"]:
            for body in item["bodies"]:
                if body["mesh"]:
                    body["mesh"] = hashlib.sha256(Path(body["mesh"]).read_bytes()).hexdigest()
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode("utf-8")).hexdigest()
