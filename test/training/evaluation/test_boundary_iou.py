"""Boundary IoU against outlines drawn by hand, and against the definition class by class."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from rt_seg_training.evaluation.boundary_iou import BoundaryCounts, near_outline, outline_distance


def _square(top, left):
    """A square of 4x4 pixels of class 1 in a field of 10x12."""
    ids = np.zeros((10, 12), np.uint8)
    ids[top : top + 4, left : left + 4] = 1
    return ids


def test_a_shifted_square_scores_what_its_outlines_share_when_counted_by_hand():
    counts = BoundaryCounts(2)
    counts.add(_square(3, 3), _square(3, 4), 255, distance=1)
    # Each outline of class 1 is a ring of 12 pixels. Rows 3 and 6 share columns 4 to 6: 2 · 3 pixels; in rows 4 and 5
    # the ring of the one (columns 3 and 6) meets that of the other (4 and 7) nowhere.
    assert (counts.truth[1], counts.prediction[1], counts.both[1]) == (12, 12, 6)
    # Class 0 counts within one step of the square, diagonal steps too (a ring of 20), and on the image's rim (40).
    # Shared are the whole rim, and of the rings the rows 2 and 7 but for one column each: 2 · 5, and no pixel beside.
    assert (counts.truth[0], counts.prediction[0], counts.both[0]) == (60, 60, 50)
    assert counts.iou == pytest.approx([50 / 70, 6 / 18])
    assert counts.mean_iou == pytest.approx((50 / 70 + 6 / 18) / 2)


def test_outlines_are_those_of_the_authors_erosion_of_each_class():
    ids = cv2.resize(np.random.default_rng(3).integers(0, 4, (6, 8), np.uint8), (80, 60), interpolation=0)
    distance = outline_distance(60, 80)
    assert distance == 2
    expected = np.zeros(ids.shape, bool)
    for class_id in range(4):
        mask = (ids == class_id).astype(np.uint8)
        padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=distance)[1:-1, 1:-1]
        expected |= (mask - eroded).astype(bool)
    np.testing.assert_array_equal(near_outline(ids, np.zeros(ids.shape, bool), distance), expected)


def test_ignored_pixels_are_neither_counted_nor_an_outline_on_either_side():
    truth = np.ones((10, 12), np.uint8)
    truth[:, 6:] = 255
    counts = BoundaryCounts(2)
    counts.add(truth, np.ones((10, 12), np.uint8), 255, distance=1)
    rim = 10 + 5 + 5  # of the left half: no pixel of column 5, beside the ignored ones, but for its two ends
    assert (counts.truth[1], counts.prediction[1], counts.both[1]) == (rim, rim, rim)
    assert np.isnan(counts.iou[0])


def test_frames_are_counted_together_and_an_unlabelled_prediction_is_an_error():
    counts = BoundaryCounts(2)
    counts.add(_square(3, 3), np.full((10, 12), 255, np.uint8), 255, distance=1)
    counts.add(_square(3, 3), _square(3, 3), 255, distance=1)
    assert counts.truth.tolist() == [120, 24]
    assert counts.iou == pytest.approx([0.5, 0.5])
    assert counts.truth.dtype == counts.both.dtype == np.int64


def test_no_frames_have_no_score():
    assert np.isnan(BoundaryCounts(3).mean_iou)
