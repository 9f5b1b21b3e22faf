"""A random tabletop of the peg-in-hole kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple

import cv2
import numpy as np

from rt_seg.cameras.frame import Intrinsics
from rt_seg.labels import LabelSet
from rt_seg.simulation.camera_path import ClosedPath, View, random_path, random_view
from rt_seg.simulation.classes import BACKGROUND, BLOCK, HOLE, PEG, PLATE
from rt_seg.simulation.clutter import add_clutter
from rt_seg.simulation.meshes import ROUND_CORNERS, cup, perforated_plate, prism, rectangle, regular_polygon
from rt_seg.simulation.room import Lights, Room, add_lights, add_room
from rt_seg.simulation.scene import Scene, random_intrinsics
from rt_seg.simulation.scene_builder import SceneBuilder, lying_quaternion, turned, yaw_quaternion
from rt_seg.simulation.sensor import Sensor, random_sensor

HOLE_SHAPES = (ROUND_CORNERS, 4, 6)

MIN_CLASSES = 4
MIN_SHARE = 400 / (640 * 480)
MIN_HOLE_SHARE = 250 / (640 * 480)
"""A view is kept when it shows MIN_CLASSES classes besides the background, holes among them, each on at least this
share of the pixels."""


@dataclass
class _Opening:
    """A hole that may take a peg: centre (m), corners, width across flats (m), angle (rad), height of its floor (m)."""

    center: np.ndarray
    corners: int
    width: float
    angle: float
    floor: float


def _peg_material(builder: SceneBuilder) -> str:
    rng, kind = builder.rng, builder.rng.random()
    if kind < 0.5:
        return builder.material(builder.metal(), gloss=rng.uniform(0.6, 1.0))
    return builder.material(
        builder.colored((-0.06, 0.17), (0.65, 1.0), ["plain", "grain", "gradient"]), gloss=rng.uniform(0.1, 0.8)
    )


def _block_material(builder: SceneBuilder) -> str:
    rng, kind = builder.rng, builder.rng.random()
    if kind < 0.75:
        texture = builder.colored((0.25, 0.85), (0.45, 0.95), ["plain", "grain", "gradient", "clouds"])
    else:
        texture = builder.wood()
    return builder.material(texture, gloss=rng.uniform(0.0, 0.5))


def _plate_material(builder: SceneBuilder) -> str:
    rng, kind = builder.rng, builder.rng.random()
    if kind < 0.85:
        texture = builder.colored((0.0, 1.0), (0.0, 0.12), ["plain", "grain", "clouds"])
    else:
        texture = builder.wood()
    return builder.material(texture, gloss=rng.uniform(0.0, 0.6))


def _add_plate(builder: SceneBuilder, openings: List[_Opening]) -> None:
    rng = builder.rng
    thickness = rng.uniform(0.014, 0.034)
    widths = [rng.uniform(0.030, 0.060) for _ in range(4)]
    rows, columns = ((1, 1), (1, 2), (1, 3), (2, 2))[int(rng.integers(4))]
    cell = max(widths[: rows * columns]) * rng.uniform(1.15, 1.3) + rng.uniform(0.015, 0.03)
    if rows * columns == 1:
        corners = int(rng.choice([4, 6, 8, ROUND_CORNERS]))
        outlines = [(np.zeros(2), regular_polygon(corners, cell * rng.uniform(1.3, 1.8)))]
    else:
        long = cell * rng.uniform(1.0, 1.2)
        outlines = []
        for row in range(rows):
            for column in range(columns):
                center = np.array([(column - (columns - 1) / 2) * long, (row - (rows - 1) / 2) * cell])
                outlines.append((center, rectangle(long, cell) + center))
    hull = cv2.convexHull(np.concatenate([o for _, o in outlines]).astype(np.float32))[:, 0].astype(float)
    spot = builder.free_spot(hull[::-1] if cv2.contourArea(hull.astype(np.float32), True) < 0 else hull)
    if spot is None:
        return
    place, yaw = spot
    filled = int(rng.integers(len(outlines))) if len(outlines) > 2 and rng.random() < 0.4 else None
    cells: List[Tuple[np.ndarray, Optional[np.ndarray]]] = []
    cavity = builder.material(
        builder.colored((0.0, 1.0), (0.0, 0.35), ["plain", "grain"], 64) // int(rng.integers(3, 7)),
        gloss=0.0,
    )
    for number, (center, outline) in enumerate(outlines):
        if number == filled:
            cells.append((outline, None))
            continue
        corners, width = int(rng.choice(HOLE_SHAPES)), widths[number]
        angle = rng.uniform(0, 2 * np.pi)
        slack = max(0.0, cell / 2 - width * (0.75 if corners == 4 else 0.58) - 0.006)
        middle = center + rng.uniform(-slack, slack, 2)
        opening = regular_polygon(corners, width, angle) + middle
        cells.append((outline, opening))
        # What one sees in a hole is a dark cup that lines the opening; its rim ends just below the plate's face.
        liner = middle + (opening - middle) * (1 - 0.0006 / width)
        floor = 0.0015
        cup_mesh = builder.mesh(cup(liner - middle, thickness - 0.0004, 0.0008, floor))
        builder.geom(
            HOLE,
            cavity,
            type="mesh",
            mesh=cup_mesh,
            pos=(*(turned(middle[None], yaw)[0] + place), 0.0),
            quat=yaw_quaternion(yaw),
        )
        openings.append(_Opening(turned(middle[None], yaw)[0] + place, corners, width, angle + yaw, floor))
    builder.geom(
        PLATE,
        _plate_material(builder),
        type="mesh",
        mesh=builder.mesh(perforated_plate(cells, thickness)),
        pos=(*place, 0.0),
        quat=yaw_quaternion(yaw),
    )


def _add_peg(builder: SceneBuilder, openings: List[_Opening]) -> None:
    rng = builder.rng
    width, length = rng.uniform(0.016, 0.034), rng.uniform(0.07, 0.14)
    way = rng.random()
    if way < 0.35 and openings:
        opening = openings.pop(int(rng.integers(len(openings))))
        width = min(opening.width * rng.uniform(0.60, 0.85), 0.040)
        length = max(length, 2.8 * width)
        mesh = builder.mesh(prism(regular_polygon(opening.corners, width), length))
        builder.geom(
            PEG,
            _peg_material(builder),
            type="mesh",
            mesh=mesh,
            pos=(*opening.center, opening.floor + length / 2),
            quat=yaw_quaternion(opening.angle),
        )
        return
    length = max(length, 2.8 * width)
    corners = int(rng.choice(HOLE_SHAPES))
    outline = regular_polygon(corners, width)
    if way < 0.65:
        spot = builder.free_spot(outline)
        if spot is None:
            return
        pose = {"pos": (*spot[0], length / 2), "quat": yaw_quaternion(spot[1])}
    else:
        spot = builder.free_spot(rectangle(length, width * 1.1))
        if spot is None:
            return
        # Lying on a flat: the polygon's flats face its x axis, which the roll of 0 puts downwards.
        pose = {"pos": (*spot[0], width / 2), "quat": lying_quaternion(spot[1], 0.0)}
    builder.geom(PEG, _peg_material(builder), type="mesh", mesh=builder.mesh(prism(outline, length)), **pose)


def _add_block(builder: SceneBuilder) -> None:
    rng = builder.rng
    size = rng.uniform(0.03, 0.075) * rng.uniform(0.75, 1.25, 3)
    spot = builder.free_spot(rectangle(size[0], size[1]))
    if spot is None:
        return
    place, yaw = spot
    pose = {"pos": (*place, size[2] / 2), "quat": yaw_quaternion(yaw)}
    builder.geom(BLOCK, _block_material(builder), type="box", size=size / 2, **pose)
    if rng.random() < 0.2:
        above = rng.uniform(0.028, 0.05, 3)
        place = place + rng.uniform(-0.008, 0.008, 2)
        turn = yaw_quaternion(rng.uniform(0, 2 * np.pi))
        height = size[2] + above[2] / 2
        builder.geom(BLOCK, _block_material(builder), type="box", size=above / 2, pos=(*place, height), quat=turn)


def random_scene(rng: np.random.Generator, intrinsics: Intrinsics) -> Scene:
    """A tabletop with 1-2 plates, 2-6 pegs, 2-5 blocks and 2-5 pieces of clutter under random textures and lights.

    A piece for which no free spot is found is left out; a block may carry a smaller one.
    The renderer moves the camera CAMERA and gives it the intrinsics; only the image size is taken from them here.
    """
    builder = SceneBuilder(rng)
    openings: List[_Opening] = []
    add_room(builder, Room())
    for _ in range(int(rng.integers(1, 3))):
        _add_plate(builder, openings)
    for _ in range(int(rng.integers(2, 7))):
        _add_peg(builder, openings)
    for _ in range(int(rng.integers(2, 6))):
        _add_block(builder)
    for _ in range(int(rng.integers(2, 6))):
        add_clutter(builder)
    add_lights(builder, Lights())
    return builder.finished(intrinsics)


class Tabletop:
    """Scenes, views and cameras of the tabletop, each from a random generator."""

    def __init__(self, labels: LabelSet, width: int, height: int) -> None:
        self.labels = labels
        self._size = (width, height)

    def intrinsics(self, rng: np.random.Generator) -> Intrinsics:
        """A colour camera of a D435."""
        return random_intrinsics(rng, *self._size)

    def scene(self, rng: np.random.Generator, intrinsics: Intrinsics) -> Scene:
        """Plates, pegs, blocks and clutter."""
        return random_scene(rng, intrinsics)

    def view(self, rng: np.random.Generator) -> View:
        """A view of the table from 0.45 to 1.1 m."""
        return random_view(rng)

    def path(self, rng: np.random.Generator) -> ClosedPath:
        """A path around the table."""
        return random_path(rng)

    def sensor(self, rng: np.random.Generator) -> Sensor:
        """A D435."""
        return random_sensor(rng)

    def shows_enough(self, mask: np.ndarray) -> bool:
        """Whether holes and most classes are well in sight."""
        shares = np.bincount(mask.ravel(), minlength=len(self.labels)) / mask.size
        shown = [
            label.name
            for label in self.labels.labels
            if label.name != BACKGROUND and shares[label.id] >= (MIN_HOLE_SHARE if label.name == HOLE else MIN_SHARE)
        ]
        return HOLE in shown and len(shown) >= MIN_CLASSES
