"""Texts in a picture beside each other."""

import numpy as np

from rt_seg.products.label_layout import spread


def covers(first, second, sizes):
    reach = (sizes[0] + sizes[1]) / 2
    return np.all(np.abs(first - second) < reach * (1 - 1e-6))


def test_texts_that_do_not_touch_stay_where_they_are():
    centres = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 3.0]])
    assert np.array_equal(spread(centres, np.tile([2.0, 1.0], (3, 1))), centres)


def test_of_two_on_one_place_one_moves_up_by_its_height():
    moved = spread(np.array([[0.0, 0.0], [0.5, 0.0]]), np.tile([2.0, 1.0], (2, 1)))
    assert sorted(moved[:, 1]) == [-1.0, 0.0]
    assert moved[:, 0].tolist() == [0.0, 0.5]


def test_in_a_crowd_no_text_covers_another():
    rng = np.random.default_rng(5)
    centres, sizes = rng.uniform(-1, 1, (40, 2)), rng.uniform(0.05, 0.5, (40, 2))
    moved = spread(centres, sizes)
    for first in range(40):
        for second in range(first):
            assert not covers(moved[first], moved[second], sizes[[first, second]])


def test_nothing_is_nothing():
    assert spread(np.zeros((0, 2)), np.zeros((0, 2))).shape == (0, 2)
