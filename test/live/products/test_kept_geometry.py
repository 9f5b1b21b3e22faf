"""What stays of depth and points when some classes do not belong into a map."""

import numpy as np
import pytest

from rt_seg.cameras.frame import Intrinsics
from rt_seg.labels import labels_from_dict
from rt_seg.products.kept_geometry import ClassSelection, keep_depth, keep_millimetres, keep_points
from rt_seg.products.point_cloud import Rays, label_points, point_type
from rt_seg.simulation.classes import tabletop_labels
from rt_seg.simulation.recording import simulate_scene

NAMES = ("floor", "person", "chair")
LABELS = labels_from_dict(
    {"classes": [{"id": i, "name": name, "color": [10 * i, 5, 5]} for i, name in enumerate(NAMES)]}, "test"
)
CAMERA = Intrinsics(64, 48, 70.0, 55.0, 20.5, 30.25)
GENERATOR = np.random.default_rng(0)
MASK = GENERATOR.choice(np.array([0, 1, 2, 255], np.uint8), (48, 64))
RGB = GENERATOR.integers(0, 256, (48, 64, 3), np.uint8)
MILLIMETRES = GENERATOR.integers(0, 5000, (48, 64)).astype(np.uint16) * (GENERATOR.random((48, 64)) > 0.1)
METRES = np.where(MILLIMETRES > 0, MILLIMETRES * np.float32(0.001), np.float32("nan"))


@pytest.mark.parametrize(
    ("keep", "drop", "expected"),
    [
        ("", "", {0, 1, 2, 255}),
        ("", "person", {0, 2, 255}),
        ("floor, chair", "", {0, 2}),
        ("floor,chair", "chair", {0}),
    ],
)
def test_classes_stay_by_name_and_unlabelled_pixels_stay_unless_names_are_kept(keep, drop, expected):
    stays = ClassSelection(LABELS, keep, drop).stays(MASK)
    assert set(np.unique(MASK[stays > 0])) == expected
    assert set(np.unique(MASK[stays == 0])) == {0, 1, 2, 255} - expected


def test_names_that_the_model_lacks_are_told():
    selection = ClassSelection(LABELS, "floor,sky", "cat")
    assert selection.unknown == ["sky", "cat"]
    assert set(np.unique(MASK[selection.stays(MASK) > 0])) == {0}


def test_the_margin_takes_all_pixels_within_it_and_no_other():
    mask = np.zeros((48, 64), np.uint8)
    mask[20, 30] = 1
    mask[0, 63] = 1  # in a corner: the image's border is no edge
    for margin in (0, 1, 3):
        gone = ClassSelection(LABELS, drop="person").stays(mask, margin) == 0
        rows, columns = np.indices(mask.shape)
        expected = (np.maximum(abs(rows - 20), abs(columns - 30)) <= margin) | (
            np.maximum(rows, 63 - columns) <= margin
        )
        assert np.array_equal(gone, expected)


def test_millimetres_that_stay_are_those_that_came_and_the_others_are_0():
    stays = ClassSelection(LABELS, drop="person").stays(MASK)
    kept = keep_millimetres(METRES, stays)
    assert kept.dtype == np.uint16
    assert np.array_equal(kept, np.where(MASK == 1, 0, MILLIMETRES))
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert np.array_equal(keep_millimetres(every * np.float32(0.001), np.full_like(every, 255, np.uint8)), every)


def test_metres_that_stay_are_those_that_came_and_the_others_are_nan():
    kept = keep_depth(METRES, ClassSelection(LABELS, drop="person").stays(MASK))
    assert np.array_equal(kept, np.where(MASK == 1, np.float32("nan"), METRES), equal_nan=True)


@pytest.mark.parametrize("stride", [1, 2, 5])
@pytest.mark.parametrize("float_label", [False, True])
def test_kept_points_are_those_of_the_whole_cloud_without_the_dropped_and_the_unknown(stride, float_label):
    stays = ClassSelection(LABELS, drop="person").stays(MASK)
    confidence = GENERATOR.random((48, 64)).astype(np.float32)
    cloud = label_points(Rays(CAMERA), METRES, RGB, MASK, stride, confidence, float_label=float_label)
    kept = keep_points(cloud, stays, stride)
    assert kept.dtype == point_type(True, float_label)
    every = (slice(None, None, stride),) * 2
    expected = cloud[(MASK[every] != 1) & np.isfinite(METRES[every])]
    assert kept.tobytes() == expected.tobytes() and len(kept)
    assert np.isfinite(kept["z"]).all()
    assert set(np.unique(kept["label"]).astype(int)) == {0, 2, 255}


def test_points_and_image_of_other_sizes_are_refused():
    cloud = label_points(Rays(CAMERA), METRES, RGB, MASK, 2)
    with pytest.raises(ValueError, match="do not match"):
        keep_points(cloud, np.zeros((48, 32), np.uint8), 2)


@pytest.mark.parametrize("size", [(480, 640), (240, 424)])
def test_dropped_classes_are_gone_at_every_stride(size):
    mask = np.random.default_rng(1).choice(np.array([0, 1], np.uint8), size)
    stays = ClassSelection(LABELS, drop="person").stays(mask)
    rays = Rays(Intrinsics(size[1], size[0], 300.0, 300.0, 100.0, 100.0))
    metres, rgb = np.ones(size, np.float32), np.zeros((*size, 3), np.uint8)
    for stride in range(1, 65):
        kept = keep_points(label_points(rays, metres, rgb, mask, stride), stays, stride)
        assert len(kept) == np.count_nonzero(mask[::stride, ::stride] == 0)
        assert set(np.unique(kept["label"])) == {0}, stride


@pytest.mark.rendering
def test_in_simulated_scenes_less_than_a_hundredth_of_the_dropped_classes_is_left_though_the_mask_errs_at_edges():
    labels = tabletop_labels()
    selection = ClassSelection(labels, drop="peg,block,clutter")
    ids = [labels.names.index(name) for name in ("peg", "block", "clutter")]
    left, there = {0: 0, 2: 0}, 0
    for seed in (3, 4):
        frame = simulate_scene(seed)
        metres = np.where(frame.depth > 0, frame.depth * np.float32(0.001), np.float32("nan"))
        truth = np.isin(frame.ground_truth, ids)
        # A mask whose objects lie two pixels beside the true ones, as those of a moving camera may.
        mask = np.roll(frame.ground_truth, (2, -2), axis=(0, 1))
        there += np.count_nonzero(truth & (frame.depth > 0))
        for margin in left:
            left[margin] += np.count_nonzero(keep_millimetres(metres, selection.stays(mask, margin))[truth])
    assert there > 10000
    assert left[2] < 0.01 * there < left[0]
