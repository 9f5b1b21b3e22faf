"""Recipes of simulated scenes: what lies on the table, of which classes, and how it is rendered."""

from __future__ import annotations

import colorsys
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Tuple

from rt_seg.labels import Label, LabelSet
from rt_seg.setting_field import setting
from rt_seg.simulation.classes import BACKGROUND
from rt_seg.simulation.room import Lights, Room
from rt_seg.simulation.sensor import SensorModel
from rt_seg.simulation.value_ranges import Count, Range, Vector

SHAPES = ("box", "cylinder", "sphere", "ellipsoid", "capsule", "cup")
UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254}
LARGEST, SMALLEST = 0.5, 0.003
"""Metres between which an object's longest side must be, to lie on the table and be seen."""


@dataclass(frozen=True)
class Body:
    """A piece of an object with a class of its own: a mesh file or a primitive shape, in the object's axes (z up)."""

    name: str = setting(help_text="its class", key="class")
    mesh: str = ""
    """STL or OBJ file; a relative path starts at the recipe's folder."""
    unit: str = setting("mm", accepted=tuple(UNITS))
    """What a 1 in the mesh file is."""
    shape: str = setting("", accepted=SHAPES)
    """In place of a mesh. A cup is open at the top: the lining of a hole."""
    size: Vector = setting((0.0, 0.0, 0.0), minimum=0.0005, maximum=LARGEST)
    """Of a shape: whole width, depth and height in metres. A sphere has the width; what is round about z has it too."""
    position: Vector = setting((0.0, 0.0, 0.0), minimum=-LARGEST, maximum=LARGEST)
    """Of a shape's middle, or of a mesh's origin; metres."""
    rotation: Vector = setting((0.0, 0.0, 0.0), minimum=-360, maximum=360)
    """Degrees about x, then y, then z."""
    material: str = setting("any", accepted=("any", "metal", "plastic", "wood", "dark"))
    color: Tuple[int, ...] = setting((), minimum=0, maximum=255, length=3)
    """Red, green, blue, which varies a little; without it any colour that the material has."""


@dataclass(frozen=True)
class SceneObject:
    """What is placed as one, so many times in a scene."""

    bodies: Tuple[Body, ...] = ()
    count: Count = setting((1, 3), minimum=0, maximum=100, interval=True)
    """Least and most of them in a scene."""
    scale: Range = setting((1.0, 1.0), minimum=0.05, maximum=20, interval=True)
    """Smallest and largest factor on its size."""
    pose: str = setting("resting", accepted=("resting", "upright"))
    """resting: as it comes to rest when it is dropped; upright: as its file has it, z up."""


@dataclass(frozen=True)
class Clutter:
    """Things of no interest: mugs, balls, lumps."""

    count: Count = setting((2, 5), minimum=0, maximum=30, interval=True)
    name: str = setting(BACKGROUND, "their class", key="class")


@dataclass(frozen=True)
class Camera:
    """Image size, lens, and where the camera is."""

    width: int = setting(640, minimum=32, maximum=4096)
    height: int = setting(480, minimum=32, maximum=4096)
    focal_length: Range = setting((606.0, 622.0), minimum=100, maximum=5000, interval=True)
    """Pixels at a width of 640."""
    distance: Range = setting((0.45, 1.1), minimum=0.1, maximum=3, interval=True)
    """From the middle of the table, metres; near views are more frequent."""
    elevation: Range = setting((28.0, 85.0), minimum=5, maximum=90, interval=True)
    """Above the table, degrees."""
    roll: float = setting(5.0, minimum=0, maximum=60)
    """Standard deviation, degrees."""


@dataclass(frozen=True)
class SceneRecipe:
    """Everything about a kind of scene; what is not given is drawn at random."""

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
