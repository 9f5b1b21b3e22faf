"""Mesh files of a user's own parts: units and axes as in the file, and a message for each one that cannot be used."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from rt_seg.simulation.errors import SimulationError
from rt_seg.simulation.mesh_file import binary_stl, load_mesh
from rt_seg.simulation.meshes import perforated_plate, prism, rectangle, regular_polygon

BRACKET = Path(__file__).resolve().parents[3] / "config" / "scenes" / "bracket.stl"


def bracket() -> np.ndarray:
    """(T, 3, 3): the shipped part, millimetres: a plate of 60x40x6 with a hole of 20, and a wall 34 high at its end."""
    plate = perforated_plate([(rectangle(60, 40), regular_polygon(24, 20) + (8, 0))], 6)
    wall = prism(rectangle(6, 40), 34)
    return np.concatenate([plate.vertices[plate.faces], wall.vertices[wall.faces] + (-27, 0, 23)])


def text_stl(triangles: np.ndarray) -> bytes:
    facets = "".join(
        "facet normal 0 0 0\nouter loop\n"
        + "".join("vertex {:.6e} {:.6e} {:.6e}\n".format(*corner) for corner in triangle)
        + "endloop\nendfacet\n"
        for triangle in triangles
    )
    return f"solid part\n{facets}endsolid part\n".encode()


def wavefront(triangles: np.ndarray) -> bytes:
    corners = "".join("v {:.6f} {:.6f} {:.6f}\n".format(*corner) for corner in triangles.reshape(-1, 3))
    return (corners + "".join(f"f {3 * n + 1} {3 * n + 2} {3 * n + 3}\n" for n in range(len(triangles)))).encode()


def test_the_shipped_part_is_what_this_file_makes(tmp_path):
    (tmp_path / "made.stl").write_bytes(binary_stl(bracket()))
    shipped, made = (load_mesh(path).vertices for path in (BRACKET, tmp_path / "made.stl"))
    np.testing.assert_allclose([shipped.min(axis=0), shipped.max(axis=0)], [made.min(axis=0), made.max(axis=0)],
                               atol=1e-5)  # fmt: skip
    if sys.version_info >= (3, 9):  # the NumPy of 3.8 cuts the same faces into other triangles
        assert BRACKET.read_bytes() == binary_stl(bracket())


@pytest.mark.parametrize("name, content", [("a.stl", binary_stl), ("b.STL", text_stl), ("c.obj", wavefront)])
def test_each_kind_of_file_keeps_its_units_and_axes(tmp_path, name, content):
    (tmp_path / name).write_bytes(content(bracket()))
    vertices = load_mesh(tmp_path / name).vertices
    np.testing.assert_allclose(vertices.min(axis=0), (-30, -20, 0), atol=1e-3)
    np.testing.assert_allclose(vertices.max(axis=0), (30, 20, 40), atol=1e-3)


def test_an_open_surface_serves_too(tmp_path):
    (tmp_path / "open.stl").write_bytes(binary_stl(bracket()[5:]))
    assert len(load_mesh(tmp_path / "open.stl").vertices)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("part.step", b"ISO-10303-21;", "accepted are .stl, .obj; export the part from your CAD as STL"),
        ("cut.stl", binary_stl(bracket())[:-7], "is not an STL file, or is truncated"),
        ("none.stl", binary_stl(np.zeros((0, 3, 3))), "has 0 triangles; accepted are 1 to 200000"),
        ("fine.stl", b"x" * 80 + (200001).to_bytes(4, "little") + bytes(50 * 200001), "Export it again, coarser"),
        ("words.stl", b"solid\nvertex 1 two 3\n", "a vertex is not a number"),
        ("flat.stl", binary_stl(np.array([[[0, 0, 0], [1, 0, 0], [0, 1, 0.0]]])), "Export the part as a solid"),
        ("empty.obj", b"# nothing\n", "MuJoCo cannot use this mesh"),
    ],
)
def test_what_cannot_be_used_is_named_with_what_to_do(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SimulationError) as error:
        load_mesh(tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name}: ") and message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SimulationError, match="part.stl: cannot be read: No such file"):
        load_mesh(tmp_path / "part.stl")
