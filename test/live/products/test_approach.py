"""Ways to objects: to surfaces of known pose, and to the holes of simulated scenes."""

import numpy as np
import pytest

from rt_seg.products.approach import approach_of
from rt_seg.products.objects import SpatialPose, find_objects
from rt_seg.products.point_cloud import Rays
from rt_seg.simulation.classes import tabletop_labels
from rt_seg.simulation.renderer import Renderer
from rt_seg.simulation.sensor import measure_depth
from rt_seg.simulation.tabletop import Tabletop


def test_the_way_leads_against_the_normal_and_is_right_handed():
    axes = np.array([[1, 0, 0], [0, -1, 0], [0, 0, -1]], float)  # the normal points at the camera
    way = approach_of(SpatialPose((0.1, 0.2, 1.0), axes, (0.1, 0.05, 0.0)), 0.15)
    assert np.allclose(way.target, (0.1, 0.2, 1.0)) and np.allclose(way.start, (0.1, 0.2, 0.85))
    assert np.allclose(way.axes[:, 2], (0, 0, 1)) and np.allclose(way.axes[:, 0], (1, 0, 0))
    assert np.linalg.det(way.axes) == pytest.approx(1.0)


@pytest.mark.rendering
def test_holes_of_simulated_plates_are_found_to_millimetres_and_degrees():
    labels = tabletop_labels()
    hole = labels.names.index("hole")
    offsets, angles = [], []
    for seed in (3, 8, 11):
        rng = np.random.default_rng([seed, 0])
        scenes = Tabletop(labels, 640, 480)
        camera = scenes.intrinsics(rng)
        sensor, noise = scenes.sensor(np.random.default_rng([seed, 2])), np.random.default_rng([seed, 2, 1])
        with Renderer(scenes.scene(rng, camera), camera, labels) as renderer:
            model = renderer._model
            pose = scenes.path(np.random.default_rng([seed, 1])).pose(0.3)
            image = renderer.render(pose)
            depth = measure_depth(image.depth, image.color, camera, sensor, noise)
            names = [model.geom(number).name for number in range(model.ngeom)]
            cups = [number for number, name in enumerate(names) if name.startswith("hole_")]
            # The cup lines the hole, its middle is over the hole's; plates lie level.
            middles = np.array([renderer._data.geom_xpos[number][:2] for number in cups]).reshape(-1, 2)
        metres = np.where(depth > 0, depth * np.float32(0.001), np.float32("nan"))
        found = find_objects(image.mask, labels, 300, metres, Rays(camera), openings=frozenset({"hole"}))
        for item in found:
            left, top, width, height = item.box
            whole = left > 2 and top > 2 and left + width < 638 and top + height < 478
            if item.class_id != hole or item.pose is None or not whole:
                continue
            way = approach_of(item.pose, 0.1)
            place = pose.rotation @ way.target + pose.position
            distances = np.linalg.norm(middles - place[:2], axis=1)
            if distances.min() < 0.02:  # a peg in it leaves a part of the hole to be seen
                offsets.append(distances.min())
                angles.append(np.degrees(np.arccos(np.clip(-(pose.rotation @ way.axes[:, 2])[2], -1, 1))))
    print(f"{len(offsets)} holes, medians: middle {np.median(offsets) * 1e3:.1f} mm, axis {np.median(angles):.1f} deg")
    assert len(offsets) >= 3
    assert np.median(offsets) < 0.005
    assert np.median(angles) < 3.0
