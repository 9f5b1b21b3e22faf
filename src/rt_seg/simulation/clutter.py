"""Things of no interest that lie about: balls, capsules, lumps and mugs."""

from __future__ import annotations

import numpy as np

from rt_seg.simulation.classes import CLUTTER
from rt_seg.simulation.meshes import ROUND_CORNERS, blob, cup, rectangle, regular_polygon
from rt_seg.simulation.scene_builder import SceneBuilder, lying_quaternion, yaw_quaternion


def add_clutter(builder: SceneBuilder) -> None:
    """Put a ball, a capsule, an ellipsoid, a lump or a mug on a free spot, where there is one."""
    rng = builder.rng
    kind = ("sphere", "capsule", "ellipsoid", "blob", "mug")[int(rng.integers(5))]
    radius = rng.uniform(0.02, 0.04)
    if kind == "mug":
        _add_mug(builder)
        return
    if kind == "capsule":
        radius = rng.uniform(0.018, 0.028)
        half = rng.uniform(0.8, 1.6) * radius
        spot = builder.free_spot(rectangle(2 * (half + radius), 2 * radius))
    else:
        spot = builder.free_spot(regular_polygon(8, 2.4 * radius))
    if spot is None:
        return
    place, yaw = spot
    material = builder.any_material()
    if kind == "sphere":
        builder.geom(CLUTTER, material, type="sphere", size=[radius], pos=(*place, radius))
    elif kind == "capsule":
        builder.geom(
            CLUTTER,
            material,
            type="capsule",
            size=(radius, half),
            pos=(*place, radius),
            quat=lying_quaternion(yaw, rng.uniform(0, 2 * np.pi)),
        )
    elif kind == "ellipsoid":
        axes = radius * rng.uniform(0.6, 1.2, 3)
        builder.geom(CLUTTER, material, type="ellipsoid", size=axes, pos=(*place, axes[2]), quat=yaw_quaternion(yaw))
    else:
        lump = blob(rng, radius)
        height = -lump.vertices[:, 2].min() - 0.002
        builder.geom(
            CLUTTER, material, type="mesh", mesh=builder.mesh(lump), pos=(*place, height), quat=yaw_quaternion(yaw)
        )


def _add_mug(builder: SceneBuilder) -> None:
    rng = builder.rng
    width, height = rng.uniform(0.065, 0.085), rng.uniform(0.07, 0.1)
    spot = builder.free_spot(regular_polygon(8, width + 0.05))
    if spot is None:
        return
    place, yaw = spot
    material = builder.any_material()
    body = builder.mesh(cup(regular_polygon(ROUND_CORNERS, width), height, 0.004, 0.006))
    builder.geom(CLUTTER, material, type="mesh", mesh=body, pos=(*place, 0.0), quat=yaw_quaternion(yaw))
    # The handle: a half ring of short capsules in the vertical plane through the mug's axis.
    angles = np.linspace(-np.pi / 2, np.pi / 2, 8)
    reach, middle = rng.uniform(0.55, 0.75) * height / 2, height / 2
    across = width / 2 - 0.003 + 0.75 * reach * np.cos(angles)
    points = np.column_stack(
        [place[0] + across * np.cos(yaw), place[1] + across * np.sin(yaw), middle + reach * np.sin(angles)]
    )
    for start, end in zip(points[:-1], points[1:]):
        builder.geom(CLUTTER, material, type="capsule", size=[0.0055], fromto=(*start, *end))
