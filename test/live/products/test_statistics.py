"""Per-class numbers against counts by hand."""

import math

import numpy as np

from rt_seg.labels import labels_from_dict
from rt_seg.products.statistics import class_statistics

CLASSES = [{"id": i, "name": name, "color": [i, i, i]} for i, name in enumerate(("background", "peg", "hole"))]
LABELS = labels_from_dict({"classes": CLASSES}, "test")


def test_shares_median_and_nearest_depth_of_each_class_that_occurs():
    mask = np.zeros((10, 10), np.uint8)
    mask[:2] = 2
    depth = np.full((10, 10), 1.5, np.float32)
    depth[0] = np.nan
    depth[1] = np.arange(10) / 10 + 0.5
    background, hole = class_statistics(mask, depth, LABELS)
    assert (background.class_id, background.pixel_share, background.depth_share) == (0, 0.8, 1.0)
    assert (background.depth_median, background.depth_nearest) == (1.5, 1.5)
    assert (hole.class_id, hole.pixel_share, hole.depth_share) == (2, 0.2, 0.5)
    assert np.isclose(hole.depth_nearest, 0.5) and np.isclose(hole.depth_median, 0.9)


def test_one_stray_near_pixel_in_a_thousand_is_not_the_nearest_depth():
    depth = np.full((100, 100), 2.0, np.float32)
    depth[50, 50] = 0.1
    (only,) = class_statistics(np.ones((100, 100), np.uint8), depth, LABELS)
    assert only.depth_nearest == 2.0


def test_without_depth_the_depths_are_nan_and_unlabelled_pixels_have_no_entry():
    mask = np.full((4, 4), 255, np.uint8)
    mask[0] = 1
    (peg,) = class_statistics(mask, None, LABELS)
    assert (peg.class_id, peg.pixel_share, peg.depth_share) == (1, 0.25, 0.0)
    assert math.isnan(peg.depth_median) and math.isnan(peg.depth_nearest)
