"""Things on surfaces: shapes are closed, what falls comes to rest, and the classes say what stands and what carries."""

from __future__ import annotations

import collections

import numpy as np
import pytest

from rt_seg.simulation import SimulationError, simulate_scene, things
from rt_seg.simulation.camera_path import View
from rt_seg.simulation.classes import things_labels
from rt_seg.simulation.meshes import ROUND_CORNERS, extrusion, lathe
from rt_seg.simulation.random_things import KINDS, Piece, about, random_thing
from rt_seg.simulation.renderer import Renderer
from rt_seg.simulation.scene_builder import SceneBuilder
from rt_seg.simulation.settling import settle
from rt_seg.simulation.textures import print_texture
from rt_seg.simulation.things import Things

pytestmark = pytest.mark.rendering
FLOOR = [(np.array([0.0, 0.0, -0.05]), np.array([0.5, 0.5, 0.05]))]


def _volume(mesh):
    a, b, c = (mesh.vertices[mesh.faces[:, n]] for n in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def _faces_along_their_normals(mesh):
    a, b, c = (mesh.vertices[mesh.faces[:, n]] for n in range(3))
    return np.einsum("ij,ij->i", np.cross(b - a, c - a), mesh.normals[mesh.faces[:, 0]])


def test_a_turned_cylinder_and_a_tube_have_the_volume_of_their_measures():
    polygon = ROUND_CORNERS / 2 * np.sin(2 * np.pi / ROUND_CORNERS)  # area over radius squared
    solid = lathe(np.array([[0, 0], [0.03, 0], [0.03, 0.1], [0, 0.1]]))
    assert _volume(solid) == pytest.approx(polygon * 0.03**2 * 0.1, rel=1e-6)
    tube = lathe(np.array([[0.02, 0], [0.03, 0], [0.03, 0.1], [0.02, 0.1]]))
    assert _volume(tube) == pytest.approx(polygon * (0.03**2 - 0.02**2) * 0.1, rel=1e-6)
    assert (_faces_along_their_normals(solid) > 0).all() and (_faces_along_their_normals(tube) > 0).all()


def test_an_extruded_star_has_the_volume_of_its_outline():
    angles = 2 * np.pi * np.arange(10) / 10
    outline = np.where(np.arange(10) % 2, 0.05, 0.02)[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    area = 0.5 * float(np.cross(outline, np.roll(outline, -1, axis=0)).sum())
    star = extrusion(outline, 0.04)
    assert _volume(star) == pytest.approx(0.04 * area, rel=1e-6)
    assert (_faces_along_their_normals(star) > 0).all()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_thing_comes_to_rest_on_a_floor_and_is_of_a_size_for_tables(kind):
    rng = np.random.default_rng(5)
    for _ in range(4):
        thing = kind(rng)
        points = np.concatenate([piece.points() for piece in thing])
        assert 0.01 < np.ptp(points, axis=0).max() < 0.75
        [(position, rotation)] = settle([thing], [(np.array([0, 0, 0.003 - points[:, 2].min()]), np.eye(3))], FLOOR)
        low = (points @ rotation.T + position)[:, 2].min()
        assert np.isfinite(low) and (low < -0.1 or abs(low) < 0.012), "it lies on the floor, or rolled off it"


def test_a_tilted_box_falls_flat_and_what_begins_beside_the_table_falls_past_it():
    box = (Piece("box", (0.04, 0.03, 0.02)),)
    tilted, beside = settle(
        [box, box],
        [(np.array([0, 0, 0.06]), about(1, 30)), (np.array([0.8, 0, 0.06]), np.eye(3))],
        FLOOR,
    )
    assert tilted[0][2] == pytest.approx(0.02, abs=0.002)
    assert abs(tilted[1][2, 2]) == pytest.approx(1, abs=0.01)
    assert beside[0][2] < -0.5


def test_the_same_seed_gives_the_same_frame_and_another_seed_another():
    frames = [simulate_scene(seed, kind="things", width=96, height=72) for seed in (3, 3, 4)]
    for name in ("color", "depth", "ground_truth"):
        np.testing.assert_array_equal(getattr(frames[0], name), getattr(frames[1], name))
    assert (frames[0].color != frames[2].color).any()


@pytest.mark.slow
def test_scenes_have_every_setting_and_show_what_they_must():
    settings, classes = collections.Counter(), np.zeros(3)
    for seed in range(16):
        scenes = Things(things_labels(), 96, 72)
        rng = np.random.default_rng(seed)
        scenes.scene(rng, scenes.intrinsics(rng))
        settings[scenes._setting] += 1
        frame = simulate_scene(seed, kind="things", width=96, height=72)
        things_labels().check_mask(frame.ground_truth, f"seed {seed}")
        classes += np.bincount(frame.ground_truth.ravel(), minlength=3) / frame.ground_truth.size / 16
    assert set(settings) == set(things.SETTINGS)
    assert (classes > (0.2, 0.15, 0.02)).all()


def test_a_thing_on_a_table_stands_out_of_the_surface_by_its_height():
    labels = things_labels()
    scenes = Things(labels, 96, 72)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        intrinsics = scenes.intrinsics(rng)
        scene = scenes.scene(rng, intrinsics)
        if scenes._setting == "table" and len(scenes._targets):
            break
    assert "thing" in scene.classes.values()
    with Renderer(scene, intrinsics, labels) as renderer:
        image = renderer.render(View((0.0, 0.0, 0.0), 1.2, 0.0, np.pi / 2 - 1e-4, 0.0).pose())
    surface, thing = (image.depth[image.mask == n] for n in (1, 2))
    assert np.median(surface) == pytest.approx(1.2, abs=0.01)
    assert (thing < 1.205).all() and thing.min() < 1.19


def test_what_fell_off_is_gone_and_the_rest_is_on_the_surface():
    builder = SceneBuilder(np.random.default_rng(1))
    support = [(np.array([0.0, 0.0, -0.02]), np.array([0.25, 0.2, 0.02]))]
    placed = things._on_surfaces(builder, support, 20, 0.5)
    assert len(placed.things) >= 5
    for number in range(len(placed.things)):
        points = placed.points(number)
        assert -0.01 < points[:, 2].min() < 0.5
        assert (np.abs(points.mean(axis=0)[:2]) < (0.27, 0.22)).all()


def test_a_thing_is_drawn_from_the_generator_alone_and_prints_differ():
    first, again = (random_thing(np.random.default_rng(9)) for _ in range(2))
    assert [piece.kind for piece in first] == [piece.kind for piece in again]
    prints = [print_texture(np.random.default_rng(seed), 64) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(prints[0], prints[1])
    assert prints[0].dtype == np.uint8 and (prints[0] != prints[2]).any()


def test_an_unknown_kind_of_scene_is_refused_by_name():
    with pytest.raises(SimulationError, match="kind 'desk': accepted are tabletop, things"):
        simulate_scene(0, kind="desk")
