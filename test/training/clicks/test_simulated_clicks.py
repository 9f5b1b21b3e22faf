"""Simulated clicks go where somebody would click who knows the truth."""

import numpy as np

from rt_seg_training.clicks.guidance import RADIUS, guidance
from rt_seg_training.clicks.simulated_clicks import Click, next_click


def square(top, left, side, shape=(60, 80)):
    mask = np.zeros(shape, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_the_first_click_is_in_the_middle_of_the_region():
    click = next_click(square(10, 20, 21), np.zeros((60, 80), bool))
    assert click == Click(30, 20, True)


def test_the_next_click_is_in_the_largest_wrong_region_and_takes_away_what_is_too_much():
    truth = square(10, 10, 21)
    assert next_click(truth, truth | square(10, 50, 11)) == Click(55, 15, False)
    assert next_click(truth, truth & ~square(10, 10, 15) | square(40, 60, 5)).adds


def test_where_all_is_right_there_is_no_click():
    assert next_click(square(5, 5, 9), square(5, 5, 9)) is None


def test_a_region_at_the_rim_is_not_clicked_at_the_rim():
    click = next_click(square(0, 0, 21), np.zeros((60, 80), bool))
    assert (click.x, click.y) == (10, 10)


def test_clicks_of_a_random_seed_are_inside_and_the_same_again():
    truth = square(10, 20, 21)
    clicks = [next_click(truth, np.zeros_like(truth), np.random.default_rng(seed)) for seed in (1, 1, 2, 3)]
    assert clicks[0] == clicks[1] and len(set(clicks)) > 1
    assert all(truth[round(click.y), round(click.x)] for click in clicks)


def test_the_guide_has_a_disc_for_each_click_in_the_channel_of_its_kind_and_the_mask():
    guide = guidance([Click(20, 30), Click(60, 10, False)], square(0, 0, 5))
    assert guide.shape == (60, 80, 3) and guide.dtype == np.float32
    assert guide[30, 20 + RADIUS, 0] == 1 and guide[30, 20 + RADIUS + 1, 0] == 0 and guide[10, 60, 1] == 1
    assert guide[..., 0].sum() == guide[..., 1].sum() > 40 and guide[..., 2].sum() == 25
