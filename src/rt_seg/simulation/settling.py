"""Lets things fall onto surfaces and lie as they come to rest, on and against each other: MuJoCo's physics."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from rt_seg.simulation.mesh_file import load_mesh, mesh_inertia
from rt_seg.simulation.random_things import Piece, Thing
from rt_seg.simulation.renderer import import_mujoco
from rt_seg.simulation.scene_builder import numbers

STEP = 0.003
"""Seconds."""
FALL = 0.9
"""Seconds; what still rocks then is rendered as it is."""

Pose = Tuple[np.ndarray, np.ndarray]
"""Position (3,) in metres and rotation (3, 3) of a thing in the world."""


def piece_attributes(piece: Piece, asset: ElementTree.Element, assets: Dict[str, bytes]) -> Dict[str, Any]:
    """The attributes of a piece's geom but for its pose; adds its mesh to a model's assets."""
    name = f"thing_{len(asset)}"
    if piece.file is not None:
        mesh_file = load_mesh(piece.file)
        assets[f"{name}{mesh_file.suffix}"] = mesh_file.data
        given = {"name": name, "file": f"{name}{mesh_file.suffix}", "scale": numbers([piece.scale] * 3)}
        ElementTree.SubElement(asset, "mesh", {**given, **mesh_inertia()})
        return {"type": "mesh", "mesh": name}
    if piece.mesh is None:
        return {"type": piece.kind, "size": piece.size}
    mesh = piece.mesh
    attributes = {"vertex": numbers(mesh.vertices.ravel()), "face": " ".join(map(str, mesh.faces.ravel()))}
    if mesh.normals is not None:
        attributes["normal"] = numbers(mesh.normals.ravel())
    ElementTree.SubElement(asset, "mesh", {"name": name, **mesh_inertia(), **attributes})
    return {"type": "mesh", "mesh": name}


def settle(
    things: Sequence[Thing], poses: Sequence[Pose], supports: Sequence[Tuple[np.ndarray, np.ndarray]]
) -> List[Pose]:
    """Where things come to rest that begin at `poses`, each falling as its pieces' convex hulls.

    `supports` are fixed boxes: middle (3,) and half sides (3,), metres.
    """
    mujoco = import_mujoco()
    root = ElementTree.Element("mujoco")
    ElementTree.SubElement(root, "option", timestep=str(STEP), iterations="20")
    asset = ElementTree.SubElement(root, "asset")
    world = ElementTree.SubElement(root, "worldbody")
    assets: Dict[str, bytes] = {}
    for middle, half in supports:
        ElementTree.SubElement(world, "geom", type="box", pos=numbers(middle), size=numbers(half))
    for thing, (position, rotation) in zip(things, poses):
        axes = numbers((*rotation[:, 0], *rotation[:, 1]))
        body = ElementTree.SubElement(world, "body", pos=numbers(position), xyaxes=axes)
        # The damping stands for what makes a real thing stop rolling.
        joint = ElementTree.SubElement(body, "joint", type="free")
        joint.set("damping", "0.0002")
        for piece in thing:
            attributes = piece_attributes(piece, asset, assets)
            turn = piece.rotation
            attributes.update(pos=piece.position, xyaxes=(*turn[:, 0], *turn[:, 1]), condim="6")
            text = {key: value if isinstance(value, str) else numbers(value) for key, value in attributes.items()}
            text.update(friction="0.8 0.01 0.003", density="400")
            ElementTree.SubElement(body, "geom", text)
    model = mujoco.MjModel.from_xml_string(ElementTree.tostring(root, encoding="unicode"), assets)
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data, round(FALL / STEP))
    # Poses of the bodies, the first of which is the world.
    mujoco.mj_kinematics(model, data)
    return [(data.xpos[n].copy(), data.xmat[n].reshape(3, 3).copy()) for n in range(1, len(things) + 1)]
