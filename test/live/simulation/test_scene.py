"""The simulated tabletop and its renderer: geometry agrees with the camera model, classes with the label set."""

from __future__ import annotations

import collections

import numpy as np
import pytest

from rt_seg.cameras.frame import Intrinsics
from rt_seg.labels import labels_from_dict
from rt_seg.simulation.camera_path import View
from rt_seg.simulation.classes import BACKGROUND, CLASS_NAMES, class_id, tabletop_labels
from rt_seg.simulation.errors import SimulationError
from rt_seg.simulation.renderer import Renderer
from rt_seg.simulation.scene import CAMERA, Scene, random_intrinsics
from rt_seg.simulation.tabletop import random_scene

# A principal point far from the middle, so that a wrong sign cannot hide.
INTRINSICS = Intrinsics(320, 240, fx=305.0, fy=308.0, cx=170.0, cy=106.0)
EMPTY_TABLE = Scene(
    f"""<mujoco>
      <visual><map znear="0.05" zfar="12"/><global offwidth="320" offheight="240"/></visual>
      <statistic extent="1" center="0 0 0"/>
      <worldbody>
        <camera name="{CAMERA}"/>
        <geom name="table" type="box" size="3 3 0.02" pos="0 0 -0.02"/>
        <geom name="ball" type="sphere" size="0.02" pos="0.05 0.03 0.10"/>
      </worldbody>
    </mujoco>""",
    {},
    {"table": "background", "ball": "clutter"},
)
VIEW = View((0.02, -0.01, 0.0), distance=0.7, azimuth=0.6, elevation=0.9, roll=0.1)


@pytest.fixture(scope="module")
def table():
    with Renderer(EMPTY_TABLE, INTRINSICS, tabletop_labels()) as renderer:
        yield renderer.render(VIEW.pose())


def test_depth_of_the_table_is_where_the_pixel_rays_meet_its_plane(table):
    pose = VIEW.pose()
    column, row = np.meshgrid(np.arange(INTRINSICS.width), np.arange(INTRINSICS.height))
    rays = np.stack([column, row, np.ones_like(row)], axis=2) @ np.linalg.inv(INTRINSICS.matrix).T @ pose.rotation.T
    expected = -pose.position[2] / rays[..., 2]
    on_table = table.mask == class_id(tabletop_labels(), BACKGROUND)
    np.testing.assert_allclose(table.depth[on_table], expected[on_table], atol=2e-5)


def test_an_object_appears_where_the_camera_matrix_projects_it(table):
    pose = VIEW.pose()
    in_camera = pose.rotation.T @ (np.array([0.05, 0.03, 0.10]) - pose.position)
    x, y, w = INTRINSICS.matrix @ in_camera
    rows, columns = np.nonzero(table.mask == class_id(tabletop_labels(), "clutter"))
    assert columns.mean() == pytest.approx(x / w, abs=0.6)
    assert rows.mean() == pytest.approx(y / w, abs=0.6)


def test_two_open_scenes_do_not_disturb_each_other(table):
    rng = np.random.default_rng(0)
    labels = tabletop_labels()
    with Renderer(EMPTY_TABLE, INTRINSICS, labels) as first:
        with Renderer(random_scene(rng, INTRINSICS), INTRINSICS, labels) as second:
            second.render(VIEW.pose())
            again = first.render(VIEW.pose())
        after_closing = first.render(VIEW.pose())
    for image in (again, after_closing):
        np.testing.assert_array_equal(image.color, table.color)
        np.testing.assert_array_equal(image.depth, table.depth)
        np.testing.assert_array_equal(image.mask, table.mask)


def test_scenes_hold_every_kind_of_object_in_number():
    fewest = collections.Counter({name: 99 for name in CLASS_NAMES})
    for seed in range(12):
        rng = np.random.default_rng(seed)
        counts = collections.Counter(random_scene(rng, random_intrinsics(rng)).classes.values())
        fewest = collections.Counter({name: min(fewest[name], counts[name]) for name in CLASS_NAMES})
    assert fewest["plate"] >= 1 and fewest["hole"] >= 1
    assert fewest["peg"] >= 2 and fewest["block"] >= 2 and fewest["clutter"] >= 1


def test_class_ids_come_from_the_label_set_by_name():
    names = list(reversed(CLASS_NAMES))
    entries = [{"id": i, "name": name, "color": [i, i, i]} for i, name in enumerate(names)]
    reversed_labels = labels_from_dict({"classes": entries}, "reversed")
    rng = np.random.default_rng(1)
    scene, pose = random_scene(rng, INTRINSICS), VIEW.pose()
    with Renderer(scene, INTRINSICS, tabletop_labels()) as usual, Renderer(scene, INTRINSICS, reversed_labels) as other:
        np.testing.assert_array_equal(usual.mask(pose), len(names) - 1 - other.mask(pose))


def test_a_label_set_without_one_of_the_classes_is_refused_by_name():
    labels = labels_from_dict({"classes": [{"id": 0, "name": "background", "color": [0, 0, 0]}]}, "small")
    rng = np.random.default_rng(1)
    with pytest.raises(SimulationError, match="no class '(peg|block|plate|hole|clutter)'; it has background"):
        Renderer(random_scene(rng, INTRINSICS), INTRINSICS, labels)
