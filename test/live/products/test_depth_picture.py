"""Depth as an image."""

import numpy as np
import pytest

from rt_seg.products.depth_picture import depth_picture


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_near_is_red_far_is_blue_and_nothing_is_black(dtype):
    metres = np.array([[0.0, 0.7, 4.5]])
    depth = (metres * 1000).astype(dtype) if dtype == np.uint16 else metres.astype(dtype)
    picture = depth_picture(depth)
    assert (picture.shape, picture.dtype) == ((1, 3, 3), np.uint8)
    nothing, near, far = picture[0].astype(int)
    assert not nothing.any()
    assert near[0] > near[2] and far[2] > far[0]


def test_unknown_depth_is_black_and_what_lies_beyond_has_the_colour_of_the_limit():
    picture = depth_picture(np.array([[np.nan, 3.0, 30.0]], np.float32), (1.0, 3.0))
    assert not picture[0, 0].any()
    assert picture[0, 1].any()
    np.testing.assert_array_equal(picture[0, 1], picture[0, 2])


def test_millimetres_and_metres_make_the_same_picture():
    readings = np.random.default_rng(0).integers(0, 7000, (48, 64)).astype(np.uint16)
    readings[:8] = 0
    metres = readings * np.float32(0.001)
    metres[:4] = np.nan
    np.testing.assert_array_equal(depth_picture(readings), depth_picture(metres))
