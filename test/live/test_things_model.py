"""models/things finds what stands on something: in scenes it has not seen, and on images of a real D435."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from rt_seg.bundle import load_bundle
from rt_seg.cameras.frame import Intrinsics
from rt_seg.products.objects import find_objects
from rt_seg.products.point_cloud import Rays
from rt_seg.segmenter import load_segmenter
from rt_seg.simulation import simulate_scene

MODEL = Path(__file__).resolve().parents[2] / "models" / "things"
SURFACE, THING = 1, 2


@pytest.fixture(scope="module")
def segmenter():
    made = load_segmenter(load_bundle(MODEL))
    yield made
    made.close()


@pytest.mark.rendering
def test_things_of_another_generator_are_told_from_the_table_they_stand_on(segmenter):
    both, either = 0, 0
    for seed in (7003, 7004, 7006):
        frame = simulate_scene(seed)  # all classes of the tabletop but its background are things
        found, true = segmenter.segment(frame.color, depth=frame.depth).mask == THING, frame.ground_truth > 0
        both, either = both + (found & true).sum(), either + (found | true).sum()
    assert both / either > 0.6


def test_an_aeroplane_before_a_d435_is_a_thing_with_its_place_and_size(segmenter):
    folder = Path(os.environ.get("RT_SEG_DATA", "")) / "realsense_d435"
    if not os.environ.get("RT_SEG_DATA") or not folder.is_dir():
        pytest.skip("RT_SEG_DATA names no folder with realsense_d435 (images of a real camera)")
    fx, _, _, _, fy, _, cx, cy, _ = json.loads((folder / "camera_intrinsic.json").read_text())["intrinsic_matrix"]
    rays = Rays(Intrinsics(640, 480, fx=fx, fy=fy, cx=cx, cy=cy))
    colors, depths = (sorted((folder / kind).iterdir()) for kind in ("color", "depth"))
    for number in (0, 98):
        color = cv2.cvtColor(cv2.imread(str(colors[number])), cv2.COLOR_BGR2RGB)
        depth = cv2.imread(str(depths[number]), cv2.IMREAD_UNCHANGED)
        mask = segmenter.segment(color, depth=depth).mask
        metres = np.where(depth > 0, depth / 1000, np.nan).astype(np.float32)
        objects = find_objects(mask, load_bundle(MODEL).labels, 150, metres, rays)
        largest = next(item for item in objects if item.class_id == THING)  # the largest comes first
        assert largest.area > 8000 and largest.pose is not None
        assert 1.4 < largest.pose.centroid[2] < 1.6  # the aeroplane; the ceiling behind it is at 2 m
        assert 0.4 < largest.pose.extent[0] < 0.6
        assert (mask == SURFACE).mean() < 0.1, "there is no table"
