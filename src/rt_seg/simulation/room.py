"""The room around the table: its surfaces, furniture and paper, and the lights."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from typing import Tuple

import numpy as np

from rt_seg.setting_field import setting
from rt_seg.simulation.classes import BACKGROUND
from rt_seg.simulation.scene import FAR, NEAR
from rt_seg.simulation.scene_builder import SPREAD, SceneBuilder, numbers, yaw_quaternion
from rt_seg.simulation.textures import PATTERNS
from rt_seg.simulation.value_ranges import Count, Range

TABLE_HEIGHT = 0.74


@dataclass(frozen=True)
class Room:
    """What surrounds the objects; colours and sizes are drawn at random."""

    spread: float = setting(SPREAD, minimum=0.01, maximum=0.5)
    """Metres from the middle of the table within which things are placed."""
    table: str = setting("any", accepted=("any", *PATTERNS))
    """Pattern of the table top."""
    table_color: Tuple[int, ...] = setting((), minimum=0, maximum=255, length=3)
    """Red, green, blue, which varies a little; without it any colour."""
    furniture: Count = setting((0, 3), minimum=0, maximum=20, interval=True)
    """Boxes that stand about."""
    papers: Count = setting((0, 2), minimum=0, maximum=20, interval=True)
    """Sheets on the table, which are background."""


@dataclass(frozen=True)
class Lights:
    """The lights; their places and tints are drawn at random."""

    count: Count = setting((1, 3), minimum=1, maximum=7, interval=True)
    strength: Range = setting((0.55, 0.95), minimum=0, maximum=2, interval=True)
    """Of all lights together, about."""
    ambient: Range = setting((0.15, 0.4), minimum=0, maximum=1, interval=True)
    """Light from everywhere, which softens the shadows."""
    shadows: float = setting(0.85, minimum=0, maximum=1)
    """Share of the scenes in which a light casts shadows."""


def _table_texture(builder: SceneBuilder, room: Room) -> np.ndarray:
    rng = builder.rng
    if room.table_color:
        return builder.near_color(room.table_color, ("plain", "grain") if room.table == "any" else (room.table,), 512)
    if room.table == "any":
        return builder.wood(512) if rng.random() < 0.35 else builder.surface(0.5)
    return builder.wood(512) if room.table == "wood" else builder.surface(0.5, patterns=(room.table,))


def add_room(builder: SceneBuilder, room: Room) -> None:
    """Put up table, floor, walls and what stands and lies about."""
    rng = builder.rng
    table = _table_texture(builder, room)
    half = rng.uniform((0.42, 0.38), (0.8, 0.6))
    builder.geom(
        BACKGROUND,
        builder.material(table, flat=True, gloss=rng.uniform(0, 0.5)),
        type="box",
        size=(*half, 0.015),
        pos=(rng.uniform(-0.1, 0.1), rng.uniform(-0.1, 0.1), -0.015),
        quat=yaw_quaternion(rng.uniform(0, 2 * np.pi)),
    )
    floor = builder.material(builder.surface(0.4, 256), flat=True, repeat=rng.uniform(2, 6), gloss=0.1)
    builder.geom(BACKGROUND, floor, type="box", size=(3.5, 3.5, 0.05), pos=(0, 0, -TABLE_HEIGHT - 0.05))
    turn = rng.uniform(0, 2 * np.pi)
    for side in range(4):
        angle, away = turn + side * np.pi / 2, rng.uniform(1.5, 3.0)
        wall = builder.material(builder.surface(0.4, 256), gloss=0.0)
        place = (away * np.cos(angle), away * np.sin(angle), 0.5)
        builder.geom(BACKGROUND, wall, type="box", size=(0.05, 3.5, 1.5), pos=place, quat=yaw_quaternion(angle))
    for _ in range(int(rng.integers(room.furniture[0], room.furniture[1] + 1))):
        angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(1.1, 1.45)
        size = rng.uniform((0.1, 0.1, 0.2), (0.3, 0.3, 0.6))
        place = (away * np.cos(angle), away * np.sin(angle), size[2] - TABLE_HEIGHT)
        furniture = builder.material(builder.surface(0.5, 128), gloss=0.1)
        facing = yaw_quaternion(rng.uniform(0, np.pi))
        builder.geom(BACKGROUND, furniture, type="box", size=size, pos=place, quat=facing)
    # Sheets of paper on the table are background: flatness and an even colour alone do not make a plate.
    for _ in range(int(rng.integers(room.papers[0], room.papers[1] + 1))):
        size = rng.uniform((0.05, 0.07), (0.11, 0.15))
        sheet = builder.material(builder.surface(0.6, 128), flat=True, gloss=0.0)
        place = (*rng.uniform(-0.25, 0.25, 2), 0.0)
        builder.geom(
            BACKGROUND,
            sheet,
            type="box",
            size=(*size, rng.uniform(0.0006, 0.0014)),
            pos=place,
            quat=yaw_quaternion(rng.uniform(0, np.pi)),
        )


def add_lights(builder: SceneBuilder, lights: Lights) -> None:
    """Add the lights, and what else decides how the scene is drawn."""
    rng = builder.rng
    visual = ElementTree.SubElement(builder.root, "visual")
    ambient, head = rng.uniform(*lights.ambient), rng.uniform(0.0, 0.2)
    ElementTree.SubElement(
        visual,
        "headlight",
        ambient=numbers([ambient] * 3),
        diffuse=numbers([head] * 3),
        specular=numbers([0.1] * 3),
    )
    ElementTree.SubElement(visual, "quality", shadowsize="1024", offsamples="2")
    ElementTree.SubElement(visual, "map", znear=numbers([NEAR]), zfar=numbers([FAR]), shadowclip="1")
    ElementTree.SubElement(builder.root, "statistic", extent="1", center="0 0 0")
    count = int(rng.integers(lights.count[0], lights.count[1] + 1))
    strength = rng.uniform(*lights.strength) / (0.5 + 0.5 * count)
    for number in range(count):
        angle, tilt, away = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(5, 55)), rng.uniform(1.2, 2.2)
        toward = np.array([np.sin(tilt) * np.cos(angle), np.sin(tilt) * np.sin(angle), np.cos(tilt)])
        tint = strength * rng.uniform(0.85, 1.1, 3)
        ElementTree.SubElement(
            builder.world,
            "light",
            pos=numbers(away * toward),
            dir=numbers(-toward),
            diffuse=numbers(tint),
            specular=numbers(tint * rng.uniform(0.3, 0.9)),
            cutoff=numbers([rng.uniform(50, 80)]),
            exponent=numbers([rng.uniform(0, 4)]),
            # One shadow map is enough to see where things stand; each costs a pass over the scene.
            castshadow="true" if number == 0 and rng.random() < lights.shadows else "false",
        )
