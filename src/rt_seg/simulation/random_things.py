"""Things of any shape: primitives, turned and extruded parts, composed tools and toys. Lengths in metres, z up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

import cv2
import numpy as np

from rt_seg.simulation.classes import package_file
from rt_seg.simulation.mesh_file import load_mesh
from rt_seg.simulation.meshes import (
    Mesh,
    blob,
    cup,
    extrusion,
    lathe,
    perforated_plate,
    prism,
    rectangle,
    regular_polygon,
)

SIZE = (0.03, 0.30)
"""Longest side of a thing, metres; small ones as often as large ones."""
PART = Path("config", "scenes", "bracket.stl")


@dataclass(frozen=True, eq=False)
class Piece:
    """A part of a thing, of one material: a primitive as MuJoCo sizes it, a generated mesh, or a mesh file."""

    kind: str
    """box, cylinder, sphere, ellipsoid, capsule or mesh."""
    size: Tuple[float, ...] = ()
    mesh: Optional[Mesh] = None
    file: Optional[Path] = None
    scale: float = 1.0
    """Metres of a 1 in the mesh file."""
    position: Tuple[float, float, float] = (0.0, 0.0, 0.0)
    rotation: np.ndarray = field(default_factory=lambda: np.eye(3))

    def points(self) -> np.ndarray:
        """(N, 3) float64: points whose convex hull holds the piece, in the axes of the thing."""
        if self.mesh is not None:
            own = self.mesh.vertices
        elif self.file is not None:
            own = load_mesh(self.file).vertices * self.scale
        else:
            size = np.asarray(self.size)
            half = {
                "sphere": np.repeat(size[:1], 3),
                "cylinder": size[[0, 0, -1]],
                "capsule": np.array([size[0], size[0], size[-1] + size[0]]),
            }.get(self.kind, size)
            own = half * np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)])
        return own @ self.rotation.T + self.position


Thing = Tuple[Piece, ...]


def about(axis: int, degrees: float) -> np.ndarray:
    """(3, 3) turn about an axis."""
    vector = np.zeros(3)
    vector[axis] = np.radians(degrees)
    return cv2.Rodrigues(vector)[0]


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _box(rng: np.random.Generator) -> Thing:
    long = _between(rng, *SIZE)
    sides = long * np.array([1.0, rng.uniform(0.3, 1.0), _between(rng, 0.04, 1.0)])
    return (Piece("box", tuple(np.maximum(sides, 0.006) / 2)),)


def _cylinder(rng: np.random.Generator) -> Thing:
    height = _between(rng, 0.015, 0.26)
    return (Piece("cylinder", (min(height * _between(rng, 0.12, 2.0), 0.14), height / 2)),)


def _round(rng: np.random.Generator) -> Thing:
    radius = _between(rng, 0.015, 0.11)
    kind = ("sphere", "capsule", "ellipsoid")[int(rng.integers(3))]
    if kind == "sphere":
        return (Piece(kind, (radius,)),)
    if kind == "capsule":
        radius = min(radius, 0.04)
        return (Piece(kind, (radius, radius * rng.uniform(0.5, 4.0))),)
    return (Piece(kind, tuple(radius * rng.uniform(0.4, 1.2, 3))),)


def _lump(rng: np.random.Generator) -> Thing:
    return (Piece("mesh", mesh=blob(rng, _between(rng, 0.02, 0.09), rng.uniform(0.2, 0.6))),)


def _curve(rng: np.random.Generator, knots: int, low: float, high: float, count: int) -> np.ndarray:
    """A smooth random run of `count` values about between low and high."""
    values = rng.uniform(low, high, knots).astype(np.float32)
    smooth = cv2.resize(values[:, None], (1, count), interpolation=cv2.INTER_CUBIC)[:, 0]
    return np.clip(smooth, 0.6 * low, 1.1 * high).astype(float)


def _turned(rng: np.random.Generator) -> Thing:
    """A bottle, knob, cone or spindle, now and then with a lid of its own material."""
    height = _between(rng, 0.03, 0.28)
    widest = min(height * _between(rng, 0.15, 1.2), 0.12)
    count = int(rng.integers(3, 14))
    radii = _curve(rng, int(rng.integers(2, 7)), 0.15 * widest, widest, count)
    heights = np.linspace(0, height, count) if rng.random() < 0.6 else np.sort(rng.uniform(0, height, count))
    heights[[0, -1]] = (0, height)
    heights += 1e-5 * np.arange(count)
    profile = np.concatenate([[[0, 0]], np.stack([radii, heights], axis=1), [[0, heights[-1]]]])
    thing: List[Piece] = [Piece("mesh", mesh=lathe(profile))]
    if rng.random() < 0.4:
        lid = rng.uniform(0.01, 0.035)
        thing.append(
            Piece("cylinder", (radii[-1] * rng.uniform(0.8, 1.3), lid / 2), position=(0, 0, heights[-1] + lid / 2))
        )
    return tuple(thing)


def _vessel(rng: np.random.Generator) -> Thing:
    """A bowl, glass, vase or plate, now and then with a handle."""
    height = _between(rng, 0.012, 0.2)
    widest = float(np.clip(height * _between(rng, 0.3, 3.0), 0.02, 0.14))
    count = int(rng.integers(3, 10))
    outer = np.linspace(rng.uniform(0.3, 1.0), 1.0, count) * widest if rng.random() < 0.6 else _curve(
        rng, 4, 0.45 * widest, widest, count
    )  # fmt: skip
    heights = np.linspace(0, height, count)
    wall = min(rng.uniform(0.0015, 0.006), 0.3 * outer.min(), 0.3 * height)
    inner_heights = np.linspace(wall, height, count)
    inner = np.interp(inner_heights, heights, outer) - wall
    profile = np.concatenate(
        [
            [[0, 0]],
            np.stack([outer, heights], axis=1),
            np.stack([inner, inner_heights], axis=1)[::-1],
            [[0, wall]],
        ]
    )
    thing: List[Piece] = [Piece("mesh", mesh=lathe(profile))]
    if rng.random() < 0.35 and height > 0.05:
        angles = np.linspace(-np.pi / 2, np.pi / 2, 8)
        reach, thick = rng.uniform(0.25, 0.4) * height, rng.uniform(0.003, 0.007)
        edge = float(np.interp(height / 2, heights, outer))
        x, z = edge - thick + 0.8 * reach * np.cos(angles), height / 2 + reach * np.sin(angles)
        thing += _rods(np.stack([x, np.zeros(8), z], axis=1), thick)
    return tuple(thing)


def _rods(points: np.ndarray, radius: float) -> List[Piece]:
    """Capsules from each point to the next."""
    pieces = []
    for start, end in zip(points[:-1], points[1:]):
        axis = end - start
        length = float(np.linalg.norm(axis))
        z = axis / max(length, 1e-9)
        x = np.cross([0.0, 1.0, 0.0] if abs(z[1]) < 0.9 else [1.0, 0.0, 0.0], z)
        x /= np.linalg.norm(x)
        rotation = np.stack([x, np.cross(z, x), z], axis=1)
        pieces.append(
            Piece("capsule", (radius, max(length / 2, 1e-4)), position=tuple((start + end) / 2), rotation=rotation)
        )
    return pieces


def _ring(rng: np.random.Generator) -> Thing:
    """A torus, tube, nut or roll of tape."""
    outer = _between(rng, 0.015, 0.1)
    inner = outer * rng.uniform(0.3, 0.85)
    if rng.random() < 0.4:
        middle, thick = (outer + inner) / 2, (outer - inner) / 2
        angles = 2 * np.pi * np.arange(12) / 12
        profile = np.stack([middle + thick * np.cos(angles), thick + thick * np.sin(angles)], axis=1)
        return (Piece("mesh", mesh=lathe(profile)),)
    height = min(outer * _between(rng, 0.15, 3.0), 0.2)
    profile = np.array([[inner, 0.0], [outer, 0.0], [outer, height], [inner, height]])
    corners = int(rng.choice([6, 8, 40]))
    return (Piece("mesh", mesh=lathe(profile, corners)),)


def _extruded(rng: np.random.Generator) -> Thing:
    """A star, gear, cross, or polygon of uneven sides."""
    corners, radius = int(rng.integers(3, 14)), _between(rng, 0.015, 0.1)
    angles = 2 * np.pi * (np.arange(2 * corners) + rng.uniform(-0.3, 0.3, 2 * corners) * (rng.random() < 0.4))
    angles = angles / (2 * corners)
    radii = radius * np.where(np.arange(2 * corners) % 2, 1.0, rng.uniform(0.4, 1.0))
    if rng.random() < 0.4:
        radii = radius * rng.uniform(0.45, 1.0, 2 * corners)
    outline = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    return (Piece("mesh", mesh=extrusion(outline, _between(rng, 0.008, 0.2))),)


def _profile(rng: np.random.Generator) -> Thing:
    """An angle, channel, T or cross of flat bars."""
    length, width = _between(rng, 0.04, 0.28), _between(rng, 0.02, 0.12)
    thick = max(width * rng.uniform(0.08, 0.35), 0.003)
    bars: List[Piece] = [Piece("box", (length / 2, width / 2, thick / 2))]
    upright = width * rng.uniform(0.4, 1.2)
    kind = int(rng.integers(4))
    places = {0: [-width / 2 + thick / 2], 1: [-width / 2 + thick / 2, width / 2 - thick / 2], 2: [0.0], 3: []}[kind]
    for y in places:
        bars.append(Piece("box", (length / 2, thick / 2, upright / 2), position=(0, y, upright / 2)))
    if kind == 3:
        bars.append(Piece("box", (width / 2, length * rng.uniform(0.2, 0.5), thick / 2)))
    return tuple(bars)


def _tool(rng: np.random.Generator) -> Thing:
    """A handle with a head: hammer, screwdriver, brush, spoon, lamp."""
    length, grip = _between(rng, 0.08, 0.3), _between(rng, 0.004, 0.018)
    lying = about(1, 90)
    handle = Piece(("capsule", "cylinder")[int(rng.integers(2))], (grip, length / 2), rotation=lying)
    wide = grip * _between(rng, 1.2, 5.0)
    kind = int(rng.integers(4))
    place = (length / 2, 0.0, 0.0)
    if kind == 0:
        head = Piece("box", (wide / 2, wide * rng.uniform(0.8, 2.5), wide / 2), position=place)
    elif kind == 1:
        head = Piece("cylinder", (wide, wide * rng.uniform(0.5, 3)), position=place, rotation=about(0, 90))
    elif kind == 2:
        head = Piece("ellipsoid", (wide * rng.uniform(1, 2.5), wide, wide * rng.uniform(0.25, 1)), position=place)
    else:
        thin = grip * rng.uniform(0.25, 0.6)
        blade = length * rng.uniform(0.4, 1.0)
        head = Piece("cylinder", (thin, blade / 2), position=(length / 2 + blade / 2, 0, 0), rotation=lying)
    return (handle, head)


def _toy(rng: np.random.Generator) -> Thing:
    """An aeroplane, a car or an animal of boxes and rounds."""
    long = _between(rng, 0.08, 0.34)
    body = long * rng.uniform(0.06, 0.16)
    lying = about(1, 90)
    kind = rng.random()
    if kind < 0.4:  # wings, one or two, a tail and a nose
        span, chord = long * rng.uniform(0.6, 1.2), long * rng.uniform(0.12, 0.28)
        wing, tail = (chord / 2, span / 2, 0.02 * long), (chord / 3, span / 5, 0.015 * long)
        pieces = [Piece("capsule", (body, long / 2), rotation=lying)]
        for z in (0.0,) if rng.random() < 0.5 else (-body, 1.6 * body):
            pieces.append(Piece("box", wing, position=(long * 0.15, 0, z)))
        pieces += [
            Piece("box", tail, position=(-long * 0.45, 0, 0)),
            Piece("box", (chord / 3, 0.015 * long, chord / 2), position=(-long * 0.45, 0, chord / 2)),
            Piece("cylinder", (body * 1.2, body / 3), position=(long / 2 + body / 2, 0, 0), rotation=lying),
        ]
        return tuple(pieces)
    legs = [(x * long * 0.3, y * body * 1.6, -1.6 * body) for x in (-1, 1) for y in (-1, 1)]
    if kind < 0.7:  # wheels and a cabin
        pieces = [
            Piece("box", (long / 2, 1.6 * body, body)),
            Piece("box", (long * rng.uniform(0.15, 0.3), 1.4 * body, 0.8 * body), position=(0, 0, 1.8 * body)),
        ]
        turn = about(0, 90)
        return tuple(pieces + [Piece("cylinder", (body, body / 3), position=p, rotation=turn) for p in legs])
    pieces = [
        Piece("ellipsoid", (long / 2, 2 * body, 2 * body)),
        Piece("sphere", (1.5 * body,), position=(long / 2, 0, 1.5 * body)),
    ]
    return tuple(pieces + [Piece("capsule", (0.5 * body, body), position=p) for p in legs])


def _cable(rng: np.random.Generator) -> Thing:
    """A cable, rod or bent wire that lies flat."""
    count, radius = int(rng.integers(2, 14)), _between(rng, 0.002, 0.009)
    turns = np.cumsum(rng.normal(0, rng.choice([0.0, 0.35, 0.7]), count))
    steps = _between(rng, 0.08, 0.4) / count * np.stack([np.cos(turns), np.sin(turns), np.zeros(count)], axis=1)
    return tuple(_rods(np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)]), radius))


def _machined(rng: np.random.Generator) -> Thing:
    """The shipped bracket, or a plate with openings, a peg or a tray as in the other scenes."""
    kind = int(rng.integers(4))
    if kind == 0:
        return (Piece("mesh", file=package_file(PART), scale=0.001 * _between(rng, 0.7, 3.0)),)
    if kind == 1:
        cell, thick = _between(rng, 0.03, 0.09), rng.uniform(0.005, 0.03)
        number = int(rng.integers(1, 4))
        middles = [np.array([(n - (number - 1) / 2) * cell, 0.0]) for n in range(number)]
        openings = [regular_polygon(int(rng.choice([4, 6, 40])), cell * rng.uniform(0.3, 0.6)) for _ in middles]
        cells = [(rectangle(cell, cell) + m, o + m) for m, o in zip(middles, openings)]
        return (Piece("mesh", mesh=perforated_plate(cells, thick)),)
    if kind == 2:
        width = _between(rng, 0.008, 0.05)
        return (Piece("mesh", mesh=prism(regular_polygon(int(rng.integers(3, 9)), width), _between(rng, 0.01, 0.25))),)
    long, wide, height = _between(rng, 0.06, 0.3), _between(rng, 0.05, 0.2), _between(rng, 0.02, 0.12)
    return (Piece("mesh", mesh=cup(rectangle(long, wide), height, rng.uniform(0.002, 0.006), 0.004)),)


KINDS: Dict[Callable[[np.random.Generator], Thing], float] = {
    _box: 3.0,
    _cylinder: 1.5,
    _round: 1.5,
    _lump: 1.0,
    _turned: 2.5,
    _vessel: 2.0,
    _ring: 1.0,
    _extruded: 1.0,
    _profile: 1.0,
    _tool: 1.5,
    _toy: 1.5,
    _cable: 0.8,
    _machined: 1.5,
}
"""What there is, and how often against the others."""


def random_thing(rng: np.random.Generator) -> Thing:
    """A thing of a random kind, upright about its own origin."""
    weights = np.array(list(KINDS.values()))
    return list(KINDS)[int(rng.choice(len(weights), p=weights / weights.sum()))](rng)
