"""Outlines cover exactly the pixels whose centres lie inside, and what is traced is covered again, by any reader."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rt_seg_training.label_exchange.outlines import fill, fill_ellipse, filled, trace

masks = arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14)))
places = st.integers(-8, 24).map(lambda value: value / 2)
rings = st.lists(st.tuples(places, places), min_size=3, max_size=8)


def inside(ring: list[tuple[float, float]], x: Fraction, y: Fraction) -> bool:
    """Even-odd, in exact numbers; what lies on an edge belongs to its right and lower side."""
    odd = False
    for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]]):
        if (y0 <= y < y1) or (y1 <= y < y0):
            odd ^= Fraction(x0) + (y - Fraction(y0)) * Fraction(x1 - x0) / Fraction(y1 - y0) <= x
    return odd


@given(rings)
@settings(max_examples=100)
def test_a_pixel_is_covered_when_its_centre_is_inside(ring):
    half = Fraction(1, 2)
    expected = [[inside(ring, column + half, row + half) for column in range(9)] for row in range(7)]
    np.testing.assert_array_equal(filled([np.array(ring)], 7, 9), expected)


@given(masks)
@settings(max_examples=100)
def test_a_traced_mask_is_covered_again_and_every_pixel_once(mask):
    times = np.zeros(mask.shape, int)
    for polygon in trace(mask):
        times += filled([polygon], *mask.shape)
    np.testing.assert_array_equal(times, mask)


@given(masks)
@settings(max_examples=100)
def test_the_reader_of_coco_gives_a_traced_mask_back_bit_by_bit(mask):
    coco = pytest.importorskip("pycocotools.mask")
    polygons = [polygon.ravel().astype(float).tolist() for polygon in trace(mask)]
    if polygons:
        runs = coco.merge(coco.frPyObjects(polygons, *mask.shape))
        np.testing.assert_array_equal(coco.decode(runs), mask)
    else:
        assert not mask.any()


@given(masks)
@settings(max_examples=100)
def test_there_is_a_polygon_for_each_piece_with_corners_at_whole_numbers(mask):
    import cv2

    count, _ = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    polygons = trace(mask)
    assert len(polygons) == count - 1
    assert all(polygon.dtype == np.int64 and len(polygon) >= 4 for polygon in polygons)
    assert all(((polygon != np.roll(polygon, 1, axis=0)).sum(axis=1) == 1).all() for polygon in polygons)


def test_a_square_of_coco_has_the_pixels_that_pycocotools_gives_it():
    mask = filled([np.array([[10, 10], [20, 10], [20, 20], [10, 20]])], 30, 30)
    assert mask.sum() == 100 and mask[10:20, 10:20].all()


@pytest.mark.parametrize("center", [(12.0, 9.0), (12.3, 9.8), (12.5, 9.5)])
def test_discs_and_ellipses_have_their_area_and_place(center):
    patch = fill_ellipse(center, (6.5, 6.5), 0, 24, 32)
    mask = np.zeros((24, 32), bool)
    patch.of(mask)[:] = patch.mask
    rows, columns = np.nonzero(mask)
    assert mask.sum() == pytest.approx(np.pi * 6.5**2, rel=0.08)
    assert columns.mean() + 0.5 == pytest.approx(center[0], abs=0.2)
    assert rows.mean() + 0.5 == pytest.approx(center[1], abs=0.2)
    turned = fill_ellipse(center, (8, 3), 90, 24, 32)
    upright = fill_ellipse(center, (3, 8), 0, 24, 32)
    assert abs(int(turned.mask.sum()) - int(upright.mask.sum())) <= 4 and turned.mask.shape[0] > turned.mask.shape[1]


def test_outlines_far_outside_are_clipped_exactly_and_at_once():
    patch = fill([np.array([[10, 10], [1e12, 10], [1e12, 20], [10, 20]])], 48, 64)
    assert (patch.top, patch.left, patch.mask.shape) == (10, 10, (10, 54)) and patch.mask.all()
    wedge = filled([np.array([[0, 0], [1e10, 1e10], [0, 1e10]])], 40, 40)
    np.testing.assert_array_equal(wedge, np.tril(np.ones((40, 40), bool)) & ~np.eye(40, dtype=bool))
    assert not filled([np.array([[-9, -9], [-1, -9], [-1, -1.0]])], 5, 5).any()
    assert not fill([], 5, 5).mask.size


def test_two_outlines_that_share_an_edge_share_no_pixel_and_leave_none_out():
    random = np.random.default_rng(0)
    for _ in range(20):
        middle = random.uniform(2, 18, 2)
        corners = [(0, 0), (20, 0), (20, 20), (0, 20)]
        parts = [filled([np.array([corners[i], corners[(i + 1) % 4], middle])], 20, 20) for i in range(4)]
        assert (np.sum(parts, axis=0) == 1).all()
