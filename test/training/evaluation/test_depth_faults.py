"""Faults of depth for a test: the same for every model, as strong as they say."""

import numpy as np
import pytest

from rt_seg_training.evaluation.depth_faults import FAULTS, with_fault

COLOR = np.full((120, 160, 3), 120, np.uint8)
DEPTH = np.full((120, 160), 2000, np.uint16)
DEPTH[:, 100:] = 4000
DEPTH[:20] = 9000


@pytest.mark.parametrize("fault", FAULTS)
def test_the_name_of_a_frame_decides_what_happens_to_it(fault):
    first, again, other = (with_fault(fault, DEPTH, COLOR, name) for name in ("0007", "0007", "0008"))
    assert first.dtype == np.uint16 and first.shape == DEPTH.shape
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_holes_take_three_tenths_in_patches_and_leave_the_rest():
    depth = with_fault("holes", DEPTH, COLOR, "0007")
    hole = depth == 0
    assert hole.mean() == pytest.approx(0.3, abs=0.01)
    np.testing.assert_array_equal(depth[~hole], DEPTH[~hole])
    assert (hole[:, 1:] != hole[:, :-1]).mean() < 0.05, "holes of single pixels"


def test_the_d435_loses_edges_and_what_is_far_and_errs_by_centimetres():
    depth = with_fault("d435", DEPTH, COLOR, "0007").astype(int)
    assert (depth[:20] == 0).all(), "9 m is out of its range"
    assert (depth[30:, 95:105] == 0).mean() > 0.2 > (depth[30:, 10:60] == 0).mean()
    error = np.abs(depth - DEPTH)[30:, 10:60]
    assert 5 < error[depth[30:, 10:60] > 0].mean() < 120
