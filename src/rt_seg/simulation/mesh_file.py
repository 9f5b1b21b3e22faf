"""Meshes of a user's own parts: STL (binary or text) and OBJ files, as MuJoCo reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Dict

import numpy as np

from rt_seg.simulation.errors import SimulationError
from rt_seg.simulation.renderer import import_mujoco

SUFFIXES = (".stl", ".obj")
MAX_TRIANGLES = 200_000
"""What MuJoCo accepts in an STL file; far more than an image shows."""


def mesh_inertia() -> Dict[str, str]:
    """The attribute of a mesh by which MuJoCo takes the mass of the convex hull: it serves to let a part fall, and
    needs no watertight surface. Empty for older releases, that for Python 3.8 among them, which have no choice."""
    return {"inertia": "convex"} if hasattr(import_mujoco(), "mjtMeshInertia") else {}


_STL_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_CORNER = re.compile(rb"vertex\s+(\S+)\s+(\S+)\s+(\S+)")


@dataclass(frozen=True, eq=False)
class MeshFile:
    """`data` in the form `suffix` for MuJoCo, and `vertices` float64 (V, 3), in the units and axes of the file."""

    data: bytes
    suffix: str
    vertices: np.ndarray


def binary_stl(triangles: np.ndarray) -> bytes:
    """A binary STL file of triangles, float (T, 3, 3); corners counter-clockwise as seen from outside."""
    corners = np.asarray(triangles, np.float32)
    records = np.zeros(len(corners), _STL_TRIANGLE)
    records["corners"] = corners
    records["normal"] = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return b"rt_seg".ljust(80) + np.uint32(len(records)).tobytes() + records.tobytes()


def _as_binary(data: bytes, path: Path) -> bytes:
    """An STL file in its binary form: a text file, which MuJoCo does not read, is converted."""
    count = int.from_bytes(data[80:84], "little")
    if len(data) == 84 + count * _STL_TRIANGLE.itemsize:
        return data  # whatever its header says: some programs begin that of a binary file with "solid"
    if not data.lstrip().startswith(b"solid"):
        raise SimulationError(f"{path}: is not an STL file, or is truncated: {len(data)} bytes for {count} triangles")
    try:
        corners = np.array(_CORNER.findall(data), np.float32)
    except ValueError as error:
        raise SimulationError(f"{path}: a vertex is not a number: {error}") from error
    if not len(corners) or len(corners) % 3:
        raise SimulationError(f"{path}: has {len(corners)} vertices; a text STL file has three for each triangle")
    return binary_stl(corners.reshape(-1, 3, 3))


@lru_cache(maxsize=32)
def load_mesh(path: Path) -> MeshFile:
    """Read a mesh file. Raises SimulationError, naming the file and what to do."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise SimulationError(f"{path}: accepted are {', '.join(SUFFIXES)}; export the part from your CAD as STL")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SimulationError(f"{path}: cannot be read: {error.strerror}") from error
    if suffix == ".stl":
        data = _as_binary(data, path)
        count = int.from_bytes(data[80:84], "little")
        if not 1 <= count <= MAX_TRIANGLES:
            raise SimulationError(
                f"{path}: has {count} triangles; accepted are 1 to {MAX_TRIANGLES}. Export it again, coarser: a "
                "tolerance of 0.1 mm is finer than the camera sees"
            )
    mujoco = import_mujoco()
    name = f"mesh{suffix}"
    inertia = " ".join(f'{key}="{value}"' for key, value in mesh_inertia().items())
    description = (
        f'<mujoco><asset><mesh name="mesh" file="{name}" {inertia}/></asset>'
        '<worldbody><geom type="mesh" mesh="mesh" contype="0" conaffinity="0"/></worldbody></mujoco>'
    )
    try:
        model = mujoco.MjModel.from_xml_string(description, {name: data})
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise SimulationError(
            f"{path}: MuJoCo cannot use this mesh ({reason}). Accepted are triangles that enclose a volume. "
            "Export the part as a solid, or repair the mesh (MeshLab: remove duplicate faces, close holes) and save it "
            "as binary STL"
        ) from error
    # MuJoCo moves a mesh to its centre of mass and turns it to its principal axes; this is the way back.
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, model.mesh_quat[0])
    return MeshFile(data, suffix, model.mesh_vert @ rotation.reshape(3, 3).T + model.mesh_pos[0])
