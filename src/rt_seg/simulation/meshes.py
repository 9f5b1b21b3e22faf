"""Generated triangle meshes: prisms, plates with real openings, cups and blobs. Lengths in metres, z up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

import numpy as np

ROUND_CORNERS = 40
"""Of a polygon that stands for a circle."""


@dataclass(frozen=True)
class Mesh:
    """Triangles `faces` int (T, 3) over `vertices` float (V, 3); `normals` float (V, 3), or None for smooth ones."""

    vertices: np.ndarray
    faces: np.ndarray
    normals: Optional[np.ndarray] = None


def regular_polygon(corners: int, width: float, angle: float = 0.0) -> np.ndarray:
    """Counter-clockwise regular polygon, `width` across its flats (for many corners: diameter). float (corners, 2)."""
    radius = width / 2 / np.cos(np.pi / corners)
    angles = angle + 2 * np.pi * (np.arange(corners) + 0.5) / corners
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def rectangle(width: float, height: float) -> np.ndarray:
    """Counter-clockwise rectangle around the origin, corners and edge middles. float (8, 2)."""
    x, y = width / 2, height / 2
    return np.array([[x, -y], [x, 0], [x, y], [0, y], [-x, y], [-x, 0], [-x, -y], [0, -y]], float)


def _lift(points: np.ndarray, z: float) -> np.ndarray:
    return np.column_stack([points, np.full(len(points), z)])


def _cap(polygon: np.ndarray, z: float, up: bool) -> np.ndarray:
    """Convex polygon at height z as a fan around its mean. (T, 3, 3)."""
    ring = _lift(polygon, z)
    following = np.roll(ring, -1, axis=0)
    center = np.broadcast_to(ring.mean(axis=0), ring.shape)
    return np.stack([center, ring, following] if up else [center, following, ring], axis=1)


def _wall(polygon: np.ndarray, low: float, high: float, outward: bool) -> np.ndarray:
    """Vertical faces along a counter-clockwise polygon. (T, 3, 3)."""
    a, b = _lift(polygon, low), _lift(np.roll(polygon, -1, axis=0), low)
    c, d = _lift(np.roll(polygon, -1, axis=0), high), _lift(polygon, high)
    triangles = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    return triangles if outward else triangles[:, ::-1]


def _ring(outer: np.ndarray, inner: np.ndarray, z: float, up: bool) -> np.ndarray:
    """The area between two convex counter-clockwise polygons around one centre, zipped by angle. (T, 3, 3)."""
    center = inner.mean(axis=0)

    def by_angle(polygon: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        offset = polygon - center
        angles = np.arctan2(offset[:, 1], offset[:, 0]) % (2 * np.pi)
        start = int(np.argmin(angles))
        angles = np.roll(angles, -start)
        return np.roll(polygon, -start, axis=0), np.append(angles, angles[0] + 2 * np.pi)

    (out, out_angles), (inn, inn_angles) = by_angle(outer), by_angle(inner)
    i = j = 0
    triangles: List[List[np.ndarray]] = []
    while i < len(out) or j < len(inn):
        here_out, here_in = out[i % len(out)], inn[j % len(inn)]
        if j == len(inn) or (i < len(out) and out_angles[i + 1] <= inn_angles[j + 1]):
            i += 1
            triangles.append([here_out, out[i % len(out)], here_in])
        else:
            j += 1
            triangles.append([here_out, inn[j % len(inn)], here_in])
    flat = np.array(triangles)
    flat = np.concatenate([flat, np.full((*flat.shape[:2], 1), z)], axis=2)
    return flat if up else flat[:, ::-1]


def _flat_shaded(triangles: Sequence[np.ndarray]) -> Mesh:
    soup = np.concatenate(triangles)
    normals = np.cross(soup[:, 1] - soup[:, 0], soup[:, 2] - soup[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    keep = lengths[:, 0] > 1e-12
    soup, normals = soup[keep], normals[keep] / lengths[keep]
    return Mesh(soup.reshape(-1, 3), np.arange(3 * len(soup)).reshape(-1, 3), np.repeat(normals, 3, axis=0))


def prism(polygon: np.ndarray, height: float) -> Mesh:
    """Upright prism over a convex counter-clockwise polygon (N, 2), centred in height on z = 0."""
    low, high = -height / 2, height / 2
    return _flat_shaded([_cap(polygon, high, True), _cap(polygon, low, False), _wall(polygon, low, high, outward=True)])


def perforated_plate(cells: Sequence[Tuple[np.ndarray, Optional[np.ndarray]]], thickness: float) -> Mesh:
    """Plate from z = 0 to `thickness`, made of cells that touch; each is (convex outline, convex opening or None).

    The outlines of neighbours must share their vertices, so that no crack shows between them. The faces between two
    cells stay in: they lie inside the material, where no camera sees them.
    """
    parts: List[np.ndarray] = []
    for outline, opening in cells:
        parts.append(_wall(outline, 0.0, thickness, outward=True))
        if opening is None:
            parts += [_cap(outline, thickness, True), _cap(outline, 0.0, False)]
        else:
            parts += [_ring(outline, opening, thickness, True), _ring(outline, opening, 0.0, False)]
            parts.append(_wall(opening, 0.0, thickness, outward=False))
    return _flat_shaded(parts)


def cup(polygon: np.ndarray, height: float, wall: float, floor: float) -> Mesh:
    """Open container from z = 0 to `height` over a convex polygon; `wall` and `floor` are thicknesses."""
    center = polygon.mean(axis=0)
    radius = np.linalg.norm(polygon - center, axis=1).min()
    inner = center + (polygon - center) * (1 - wall / radius)
    return _flat_shaded(
        [
            _wall(polygon, 0.0, height, outward=True),
            _cap(polygon, 0.0, False),
            _ring(polygon, inner, height, True),
            _wall(inner, floor, height, outward=False),
            _cap(inner, floor, True),
        ]
    )


def blob(rng: np.random.Generator, radius: float, roughness: float = 0.35) -> Mesh:
    """A rounded lump: a sphere of `radius` whose surface swells with a few random smooth waves."""
    rows, columns = 16, 28
    polar = np.linspace(0, np.pi, rows + 1)[1:-1]
    around = 2 * np.pi * np.arange(columns) / columns
    sphere = np.stack(
        [
            np.outer(np.sin(polar), np.cos(around)),
            np.outer(np.sin(polar), np.sin(around)),
            np.outer(np.cos(polar), np.ones(columns)),
        ],
        axis=2,
    ).reshape(-1, 3)
    sphere = np.concatenate([[[0.0, 0.0, 1.0]], sphere, [[0.0, 0.0, -1.0]]])
    swell = np.zeros(len(sphere))
    for _ in range(4):
        direction = rng.normal(size=3)
        swell += rng.uniform(-1, 1) * np.cos(rng.uniform(1.0, 2.4) * sphere @ direction + rng.uniform(0, 2 * np.pi))
    vertices = sphere * (radius * (1 + roughness * swell[:, None] / 4))
    vertices[:, 2] *= rng.uniform(0.6, 1.0)
    faces: List[Tuple[int, int, int]] = []
    last = len(vertices) - 1
    for column in range(columns):
        following = (column + 1) % columns
        faces.append((0, 1 + column, 1 + following))
        bottom = 1 + (rows - 2) * columns
        faces.append((last, bottom + following, bottom + column))
        for row in range(rows - 2):
            a, b = 1 + row * columns + column, 1 + row * columns + following
            faces += [(a, a + columns, b + columns), (a, b + columns, b)]
    return Mesh(vertices, np.array(faces))


def lathe(profile: np.ndarray, corners: int = ROUND_CORNERS, crease: float = 40.0) -> Mesh:
    """A turned part: a closed profile (N, 2) of radius >= 0 and height, once round the z axis.

    The profile runs counter-clockwise where radius points right and height up; points on the axis close it.
    Neighbouring pieces that meet at less than `crease` degrees look rounded.
    """
    following = np.roll(profile, -1, axis=0)
    runs = following - profile
    length = np.linalg.norm(runs, axis=1)
    outward = np.stack([runs[:, 1], -runs[:, 0]], axis=1) / np.maximum(length, 1e-12)[:, None]
    around = 2 * np.pi * np.arange(corners + 1) / corners
    cos, sin = np.cos(around), np.sin(around)
    vertices: List[np.ndarray] = []
    normals: List[np.ndarray] = []
    faces: List[np.ndarray] = []
    limit = np.cos(np.radians(crease))
    for number in range(len(profile)):
        ends = np.stack([profile[number], following[number]])
        if length[number] < 1e-9 or ends[:, 0].max() < 1e-9:
            continue
        start = (corners + 1) * len(vertices)
        for end, neighbour in ((0, number - 1), (1, (number + 1) % len(profile))):
            normal = outward[number]
            if outward[neighbour] @ normal > limit:
                normal = normal + outward[neighbour]
                normal = normal / np.linalg.norm(normal)
            radius, height = ends[end]
            vertices.append(np.stack([radius * cos, radius * sin, np.full(corners + 1, height)], axis=1))
            normals.append(np.stack([normal[0] * cos, normal[0] * sin, np.full(corners + 1, normal[1])], axis=1))
        low = start + np.arange(corners)
        high = low + corners + 1
        if ends[0, 0] > 1e-9:
            faces.append(np.stack([low, low + 1, high], axis=1))
        if ends[1, 0] > 1e-9:
            faces.append(np.stack([low + 1, high + 1, high], axis=1))
    return Mesh(np.concatenate(vertices), np.concatenate(faces), np.concatenate(normals))


def extrusion(outline: np.ndarray, height: float) -> Mesh:
    """Upright prism over a counter-clockwise outline (N, 2) that is seen whole from the origin, as stars, gears and
    crosses are; centred in height on z = 0."""
    low, high = -height / 2, height / 2
    following = np.roll(outline, -1, axis=0)

    def cap(z: float, up: bool) -> np.ndarray:
        center = np.broadcast_to([0.0, 0.0, z], (len(outline), 3))
        ring, ahead = _lift(outline, z), _lift(following, z)
        return np.stack([center, ring, ahead] if up else [center, ahead, ring], axis=1)

    return _flat_shaded([cap(high, True), cap(low, False), _wall(outline, low, high, outward=True)])
