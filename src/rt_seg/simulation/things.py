"""Any things on any surface: on tables, floors and shelves, or held in the air, seen from above and from the side.

What is learnt from these scenes is not what a thing is, but that something stands there. So shapes, materials, rooms
and views vary as widely as they can be drawn.
"""

from __future__ import annotations

from typing import Iterable, List, Sequence, Tuple

import numpy as np

from rt_seg.cameras.frame import Intrinsics
from rt_seg.labels import LabelSet
from rt_seg.simulation.camera_path import View
from rt_seg.simulation.classes import BACKGROUND, SURFACE, THING, class_id
from rt_seg.simulation.random_things import Thing, about, random_thing
from rt_seg.simulation.room import Lights, add_lights
from rt_seg.simulation.scene import Scene, random_intrinsics
from rt_seg.simulation.scene_builder import SceneBuilder, yaw_quaternion
from rt_seg.simulation.sensor import Sensor, random_sensor
from rt_seg.simulation.settling import Pose, piece_attributes, settle
from rt_seg.simulation.textures import print_texture

FOCAL_LENGTH = (450.0, 650.0)
"""Pixels at a width of 640: a D435 has 615, wider lenses less."""
DISTANCE = (0.3, 2.0)
"""Metres; near views are more frequent."""
SETTINGS = {"table": 0.62, "floor": 0.14, "shelf": 0.12, "air": 0.12}
"""Where the things are, and in which share of the scenes."""
ELEVATION = {"table": (8, 89), "floor": (18, 89), "shelf": (-12, 38), "air": (-35, 55)}
"""Of the camera above what it looks at, degrees."""
EMPTY_SHARE = 0.04
"""Of the scenes: a surface with nothing on it."""
MIN_THING, MIN_SHOWN = 0.006, 0.03
"""Shares of the pixels that things, and things and surface together, must have; else the view is drawn again."""
CEILING = 2.45

Box = Tuple[np.ndarray, np.ndarray]
"""Middle (3,) and half sides (3,), metres."""


def _plain(builder: SceneBuilder, size: int = 128) -> np.ndarray:
    rng = builder.rng
    saturation = (0.0, 0.25) if rng.random() < 0.4 else (0.0, 1.0)
    texture = builder.colored((0.0, 1.0), saturation, ("plain", "grain", "gradient"), size)
    shade = rng.random()
    if shade < 0.2:  # black plastic, rubber
        return texture // int(rng.integers(3, 8))
    if shade < 0.4:  # paper, china, white paint
        return 255 - (255 - texture) // int(rng.integers(3, 8))
    return texture


def _thing_material(builder: SceneBuilder) -> str:
    rng, kind = builder.rng, builder.rng.random()
    if kind < 0.5:
        return builder.material(_plain(builder), gloss=rng.uniform(0.0, 0.9))
    if kind < 0.66:
        return builder.material(print_texture(rng, 128), gloss=rng.uniform(0.0, 0.6))
    if kind < 0.82:
        return builder.any_material()
    if kind < 0.92:
        return builder.material(builder.metal(), gloss=rng.uniform(0.6, 1.0))
    return builder.material(builder.wood(), gloss=rng.uniform(0.0, 0.4))


def _large_texture(builder: SceneBuilder, size: int) -> np.ndarray:
    """Of table tops, floors and walls."""
    rng, kind = builder.rng, builder.rng.random()
    if kind < 0.3:
        return builder.wood(size)
    if kind < 0.65:
        return _plain(builder, size)
    if kind < 0.69:
        return print_texture(rng, size)
    return builder.surface(rng.choice([0.1, 0.3, 0.6]), size)


def _slab(builder: SceneBuilder, class_name: str, box: Box, texture_size: int = 256, repeat: float = 1.0) -> None:
    material = builder.material(
        _large_texture(builder, texture_size), flat=True, repeat=repeat, gloss=builder.rng.uniform(0.0, 0.6)
    )
    builder.geom(class_name, material, type="box", pos=box[0], size=box[1])


def _add_walls(builder: SceneBuilder, away: Iterable[float], turn: float, floor: float) -> None:
    """Floor, ceiling, and four walls at these distances with what hangs on them."""
    rng = builder.rng
    for height in (floor - 0.05, CEILING):
        _slab(builder, BACKGROUND, (np.array([0, 0, height]), np.array([4.5, 4.5, 0.05])), repeat=rng.uniform(2, 8))
    for side, distance in enumerate(away):
        angle = turn + side * np.pi / 2
        ahead, aside = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        quaternion = yaw_quaternion(angle)
        wall = builder.material(_large_texture(builder, 256), repeat=rng.uniform(1, 4), gloss=0.0)
        place = (*(distance + 0.05) * ahead, (CEILING + floor) / 2)
        builder.geom(BACKGROUND, wall, type="box", size=(0.05, 4.5, (CEILING - floor) / 2), pos=place, quat=quaternion)
        for _ in range(int(rng.integers(0, 4))):
            half = np.array([rng.uniform(0.002, 0.03), rng.uniform(0.05, 0.5), rng.uniform(0.05, 0.5)])
            spot = (distance - half[0]) * ahead + rng.uniform(-1.2, 1.2) * aside
            texture = print_texture(rng, 128) if rng.random() < 0.5 else _large_texture(builder, 128)
            material = builder.material(texture, gloss=rng.uniform(0, 0.8))
            place = (*spot, rng.uniform(max(floor + 0.4, -0.3), 1.4))
            builder.geom(BACKGROUND, material, type="box", size=half, pos=place, quat=quaternion)


def _add_furniture(builder: SceneBuilder, floor: float, nearest: float) -> None:
    """Cupboards, bins, stands and posts, too large to be things, that stand on the floor."""
    rng = builder.rng
    for _ in range(int(rng.integers(0, 5))):
        half = rng.uniform((0.12, 0.12, 0.25), (0.4, 0.5, 0.8))
        if rng.random() < 0.25:
            half[:2] = rng.uniform(0.02, 0.05, 2)
        angle, away = rng.uniform(0, 2 * np.pi), nearest + rng.uniform(0.0, 1.0) + half[:2].max()
        place = (away * np.cos(angle), away * np.sin(angle), floor + half[2])
        material = builder.material(_large_texture(builder, 128), gloss=rng.uniform(0, 0.5))
        turn = yaw_quaternion(rng.uniform(0, np.pi))
        if rng.random() < 0.25:
            builder.geom(BACKGROUND, material, type="cylinder", size=half[[0, 2]], pos=place, quat=turn)
        else:
            builder.geom(BACKGROUND, material, type="box", size=half, pos=place, quat=turn)


def _add_sheets(builder: SceneBuilder, reach: np.ndarray) -> None:
    """Paper, mats and stains: what lies flat on the surface belongs to it."""
    rng = builder.rng
    for _ in range(int(rng.choice([0, 0, 1, 2, 3]))):
        half = np.minimum(rng.uniform((0.03, 0.04), (0.25, 0.2)), 0.8 * reach)
        texture = print_texture(rng, 256) if rng.random() < 0.6 else _plain(builder)
        place = (*rng.uniform(-1, 1, 2) * (reach - half), 0.0)
        builder.geom(
            SURFACE,
            builder.material(texture, flat=True, gloss=rng.uniform(0, 0.4)),
            type="box",
            size=(*half, rng.uniform(0.0004, 0.0012)),
            pos=place,
            quat=yaw_quaternion(rng.uniform(-0.3, 0.3) if rng.random() < 0.5 else 0.0),
        )


def _table(builder: SceneBuilder) -> List[Box]:
    """A table in a room or against its wall; returns what things stand on."""
    rng = builder.rng
    half = rng.uniform((0.25, 0.25), (0.6, 0.9))
    thick, floor = rng.uniform(0.008, 0.03), -rng.uniform(0.35, 1.0)
    top = (np.array([0.0, 0.0, -thick]), np.array([*half, thick]))
    against = rng.random() < 0.45
    away = [half[0] + rng.uniform(0.0, 0.08) if against else rng.uniform(1.2, 3.2), *rng.uniform(1.2, 3.2, 3)]
    _add_walls(builder, away, 0.0 if against else rng.uniform(0, 2 * np.pi), floor)
    _add_furniture(builder, floor, float(np.linalg.norm(half)))
    leg = builder.material(_plain(builder, 64), gloss=0.3)
    high = (-2 * thick - floor) / 2
    if rng.random() < 0.15:
        half = np.repeat(half.max(), 2)
        material = builder.material(_large_texture(builder, 512), flat=True, gloss=rng.uniform(0, 0.6))
        builder.geom(SURFACE, material, type="cylinder", size=(half[0], thick), pos=top[0])
        builder.geom(BACKGROUND, leg, type="cylinder", size=(0.05, high), pos=(0, 0, floor + high))
        half = half / np.sqrt(2)
        top = (top[0], np.array([*half, thick]))
    else:
        _slab(builder, SURFACE, top, 512, rng.choice([1.0, 1.0, 2.0, 3.0]))
        for x in (-1, 1):
            for y in (-1, 1):
                place = (x * (half[0] - 0.04), y * (half[1] - 0.04), floor + high)
                builder.geom(BACKGROUND, leg, type="box", size=(0.025, 0.025, high), pos=place)
    _add_sheets(builder, half)
    return [top]


def _floor(builder: SceneBuilder) -> List[Box]:
    """Things on the floor of a room."""
    rng = builder.rng
    _add_walls(builder, rng.uniform(0.5, 3.0, 4), rng.uniform(0, 2 * np.pi), -0.2)
    _slab(builder, SURFACE, (np.array([0, 0, -0.05]), np.array([4.0, 4.0, 0.05])), 512, rng.uniform(2, 12))
    _add_furniture(builder, 0.0, 0.5)
    half = np.array([0.45, 0.45])
    _add_sheets(builder, half)
    return [(np.array([0, 0, -0.05]), np.array([*half, 0.05]))]


def _shelf(builder: SceneBuilder) -> List[Box]:
    """Boards one above the other, open towards +x."""
    rng = builder.rng
    half = np.array([rng.uniform(0.1, 0.25), rng.uniform(0.25, 0.7)])
    thick, pitch, floor = rng.uniform(0.006, 0.015), rng.uniform(0.22, 0.45), -rng.uniform(0.5, 1.2)
    levels = [n * pitch for n in range(-int(-floor / pitch), int(rng.integers(1, 4)))]
    _add_walls(builder, rng.uniform(1.2, 3.2, 4), rng.uniform(0, 2 * np.pi), floor)
    board = builder.material(_large_texture(builder, 256), flat=True, gloss=rng.uniform(0, 0.5))
    boards = [(np.array([0.0, 0.0, z - thick]), np.array([*half, thick])) for z in levels]
    for middle, size in boards:
        builder.geom(SURFACE, board, type="box", pos=middle, size=size)
    low, high = floor, levels[-1] + rng.uniform(0.0, pitch)
    center, tall = (low + high) / 2, (high - low) / 2
    side = builder.material(_large_texture(builder, 128), gloss=rng.uniform(0, 0.5))
    if rng.random() < 0.75:
        builder.geom(BACKGROUND, side, type="box", pos=(-half[0] - 0.01, 0, center), size=(0.008, half[1], tall))
    sides = rng.random() < 0.7
    for y in (-1, 1):
        if sides:
            place = (0.0, y * (half[1] + 0.01), center)
            builder.geom(BACKGROUND, side, type="box", pos=place, size=(half[0], 0.01, tall))
        else:
            for x in (-1, 1):
                place = (x * (half[0] - 0.015), y * (half[1] + 0.012), center)
                builder.geom(BACKGROUND, side, type="box", pos=place, size=(0.012, 0.012, tall))
    return boards


def _air(builder: SceneBuilder) -> List[Box]:
    """A room in which things hang on threads, or are held by what is out of sight."""
    floor = -builder.rng.uniform(0.6, 1.3)
    _add_walls(builder, builder.rng.uniform(0.5, 2.6, 4), builder.rng.uniform(0, 2 * np.pi), floor)
    _add_furniture(builder, floor, 0.5)
    return []


_BUILDERS = {"table": _table, "floor": _floor, "shelf": _shelf, "air": _air}


def _random_rotation(rng: np.random.Generator) -> np.ndarray:
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else q[:, [1, 0, 2]]


class _Placed:
    """Things and where they are, with all their points in the world."""

    def __init__(self) -> None:
        self.things: List[Thing] = []
        self.poses: List[Pose] = []

    def add(self, thing: Thing, pose: Pose) -> None:
        self.things.append(thing)
        self.poses.append(pose)

    def points(self, number: int) -> np.ndarray:
        position, rotation = self.poses[number]
        return np.concatenate([piece.points() for piece in self.things[number]]) @ rotation.T + position


def _throw(builder: SceneBuilder, supports: Sequence[Box], count: int, ceiling: float) -> _Placed:
    """Things close above the surfaces, some above others; what would not stand below `ceiling` metres is left out."""
    rng = builder.rng
    placed = _Placed()
    circles: List[Tuple[int, np.ndarray, float, float]] = []  # support, middle, radius, height
    focus = rng.uniform(-0.5, 0.5, 2)
    gather = rng.uniform(0.3, 1.0)
    for _ in range(count):
        thing = random_thing(rng)
        yaw = about(2, rng.uniform(0, 360))
        rotation = yaw @ (np.eye(3) if rng.random() < 0.65 else _random_rotation(rng))
        points = np.concatenate([piece.points() for piece in thing]) @ rotation.T
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        radius = float(np.linalg.norm(points[:, :2] - middle[:2], axis=1).max())
        high = float(np.ptp(points[:, 2]))
        number = int(rng.integers(len(supports)))
        support = supports[number]
        room = support[1][:2] - 0.6 * radius
        if (room <= 0).any() or high > ceiling:
            continue
        piled = rng.random() < 0.15
        for _ in range(25):
            spot = support[0][:2] + room * np.clip(focus + gather * rng.uniform(-1, 1, 2), -1, 1)
            over = [c for c in circles if c[0] == number and np.linalg.norm(c[1] - spot) < c[2] + radius + 0.004]
            if over and not piled:
                continue
            base = support[0][2] + support[1][2] + 0.003 + sum(c[3] + 0.005 for c in over)
            circles.append((number, spot, radius, high))
            position = np.array([*(spot - middle[:2]), base - points[:, 2].min()])
            placed.add(thing, (position, rotation))
            break
    return placed


def _on_surfaces(builder: SceneBuilder, supports: Sequence[Box], count: int, ceiling: float) -> _Placed:
    """Things at rest; what fell off is gone."""
    thrown = _throw(builder, supports, count, ceiling)
    if not thrown.things:
        return thrown
    thrown.poses = settle(thrown.things, thrown.poses, supports)
    rested = _Placed()
    for number, (thing, pose) in enumerate(zip(thrown.things, thrown.poses)):
        points = thrown.points(number)
        middle = points.mean(axis=0)
        for support in supports:
            above = points[:, 2].min() - support[0][2] - support[1][2]
            if (np.abs(middle[:2] - support[0][:2]) < support[1][:2] + 0.02).all() and -0.01 < above < ceiling:
                rested.add(thing, pose)
                break
    return rested


def _in_the_air(rng: np.random.Generator, count: int, low: float) -> _Placed:
    placed = _Placed()
    for _ in range(count):
        place = rng.uniform((-0.25, -0.25, low), (0.25, 0.25, low + 0.4))
        placed.add(random_thing(rng), (place, _random_rotation(rng)))
    return placed


class Things:
    """Scenes, views and cameras of things anywhere, each from a random generator."""

    def __init__(self, labels: LabelSet, width: int, height: int) -> None:
        self.labels = labels
        self._size = (width, height)
        self._setting = "table"
        self._targets = np.zeros((0, 3))
        self._reach = np.array([0.3, 0.3])

    def intrinsics(self, rng: np.random.Generator) -> Intrinsics:
        """A colour camera between a D435 and one of a wider lens."""
        return random_intrinsics(rng, *self._size, FOCAL_LENGTH)

    def scene(self, rng: np.random.Generator, intrinsics: Intrinsics) -> Scene:
        """A surface with up to some twenty things on it, or a few in the air. `view` looks at the last scene made."""
        builder = SceneBuilder(rng)
        self._setting = str(rng.choice(list(SETTINGS), p=list(SETTINGS.values())))
        supports = _BUILDERS[self._setting](builder)
        count = int(rng.integers(1, 7)) if rng.random() < 0.6 else int(rng.integers(6, 22))
        if self._setting == "air":
            groups = [_in_the_air(rng, int(rng.integers(1, 4)), -0.2)]
        elif rng.random() < EMPTY_SHARE:
            groups = []
        else:
            pitch = supports[1][0][2] - supports[0][0][2] if len(supports) > 1 else 0.6
            groups = [_on_surfaces(builder, supports, count * min(len(supports), 2), pitch - 0.04)]
            if self._setting != "shelf" and rng.random() < 0.12:  # in a gripper, say
                groups.append(_in_the_air(rng, 1, 0.15))
        targets = []
        for group in groups:
            for number, (thing, (position, rotation)) in enumerate(zip(group.things, group.poses)):
                material = _thing_material(builder)
                for piece in thing:
                    if rng.random() < 0.4:
                        material = _thing_material(builder)
                    attributes = piece_attributes(piece, builder.asset, builder.assets)
                    turn = rotation @ piece.rotation
                    axes = (*turn[:, 0], *turn[:, 1])
                    place = position + rotation @ np.asarray(piece.position)
                    builder.geom(THING, material, pos=place, xyaxes=axes, **attributes)
                targets.append(group.points(number).mean(axis=0))
        self._targets = np.array(targets).reshape(-1, 3)
        self._reach = supports[0][1][:2] if supports else np.array([0.2, 0.2])
        add_lights(builder, Lights(strength=(0.55, 1.25), ambient=(0.15, 0.5)))
        return builder.finished(intrinsics)

    def view(self, rng: np.random.Generator) -> View:
        """A view of a thing or a part of the surface, from DISTANCE."""
        if len(self._targets) and rng.random() < 0.8:
            target = self._targets[int(rng.integers(len(self._targets)))] + rng.normal(0, 0.05, 3)
        else:
            target = np.array([*rng.uniform(-0.7, 0.7, 2) * self._reach, 0.0])
        azimuth = rng.uniform(-np.pi / 3, np.pi / 3) if self._setting == "shelf" else rng.uniform(0, 2 * np.pi)
        # A camera at a wrist is turned about its axis as the work wants it; others are level but for a few degrees.
        roll = rng.uniform(-180, 180) if rng.random() < 0.15 else np.clip(rng.normal(0, 6), -20, 20)
        return View(
            target=(float(target[0]), float(target[1]), float(target[2])),
            distance=DISTANCE[0] + (DISTANCE[1] - DISTANCE[0]) * rng.random() ** 2,
            azimuth=float(azimuth),
            elevation=float(np.radians(rng.uniform(*ELEVATION[self._setting]))),
            roll=float(np.radians(roll)),
        )

    def sensor(self, rng: np.random.Generator) -> Sensor:
        """A D435."""
        return random_sensor(rng)

    def shows_enough(self, mask: np.ndarray) -> bool:
        """Whether things, where there are some, and the surface are in sight."""
        things = float((mask == class_id(self.labels, THING)).mean())
        shown = things + float((mask == class_id(self.labels, SURFACE)).mean())
        return shown >= MIN_SHOWN and (things >= MIN_THING or not len(self._targets))
