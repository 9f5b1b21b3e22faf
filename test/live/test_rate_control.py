"""Input sizes that keep the camera's rate: down at once, up with patience, never back and forth."""

from __future__ import annotations

import pytest

from rt_seg.rate_control import CALM_SECONDS, RateControl, first_choice

PERIOD = 1 / 30
COSTS = [0.040, 0.022, 0.010]


class Clock:
    """Frames of a camera, one after the other."""

    def __init__(self, control: RateControl) -> None:
        self.control, self.now = control, 0.0

    def frames(self, seconds: float, busy, period: float = PERIOD):
        """Feed frames; `busy`: seconds, or a function of the index of the size. Returns the changes made."""
        changes = []
        for _ in range(round(seconds / period)):
            self.now += period
            time = busy(self.control.index) if callable(busy) else busy
            choice = self.control.observe(time, period, self.now)
            if choice is not None:
                changes.append((round(self.now, 2), choice.index))
                self.control.moved_to(choice.index)
        return changes


@pytest.mark.parametrize(
    ("costs", "period", "overhead", "index"),
    [
        (COSTS, None, 0.0, 1),  # a camera of 30 Hz is assumed
        (COSTS, 1 / 15, 0.0, 0),
        (COSTS, 1 / 60, 0.0, 2),
        (COSTS, 1 / 30, 0.012, 2),
        ([0.5], 1 / 30, 0.0, 0),
    ],
)
def test_the_largest_size_that_keeps_the_rate_comes_first(costs, period, overhead, index):
    assert first_choice(costs, period, overhead).index == index


def test_the_reason_says_that_even_the_smallest_size_is_too_slow():
    assert "smallest" in first_choice([0.5, 0.2], PERIOD).reason


def test_a_size_that_is_too_slow_is_left_within_half_a_second_for_one_that_fits():
    changes = Clock(RateControl(COSTS)).frames(2.0, lambda index: COSTS[index] + 0.002)
    assert changes == [(pytest.approx(0.27, abs=0.02), 1)]


def test_a_size_far_too_slow_goes_straight_to_the_one_that_fits():
    changes = Clock(RateControl(COSTS)).frames(2.0, lambda index: 2 * COSTS[index])
    assert [index for _, index in changes] == [2]


def test_a_single_slow_frame_changes_nothing():
    clock = Clock(RateControl(COSTS, 1))
    clock.frames(1.0, 0.024)
    assert clock.frames(PERIOD, 0.3) == [] and clock.frames(1.0, 0.024) == []


def test_a_larger_size_is_taken_only_after_it_looked_fast_enough_for_ten_seconds():
    clock = Clock(RateControl([0.018, 0.008], 1))
    assert clock.frames(CALM_SECONDS, 0.009) == []
    assert [index for _, index in clock.frames(2.0, 0.009)] == [0]


def test_a_larger_size_that_would_leave_no_headroom_is_not_tried():
    assert Clock(RateControl([0.028, 0.008], 1)).frames(60.0, 0.009) == []


def test_a_size_that_turned_out_too_slow_is_tried_again_less_and_less_often():
    # The costs promise more than the frames keep: as when another program takes the processor.
    clock = Clock(RateControl([0.018, 0.008], 0))
    changes = clock.frames(300.0, lambda index: (0.034, 0.009)[index])
    up = [time for time, index in changes if index == 0]
    waits = [round(after - before) for before, after in zip(up, up[1:])]
    assert waits == sorted(waits) and waits[-1] > 50.0
    assert len(up) <= 6


def test_a_slower_camera_gets_the_larger_size():
    clock = Clock(RateControl(COSTS, 2))
    clock.frames(5.0, lambda index: COSTS[index] + 0.002)
    clock.frames(60.0, lambda index: COSTS[index] + 0.002, period=1 / 10)
    assert clock.control.index == 0


def test_the_smallest_size_stays_when_even_that_is_too_slow():
    assert Clock(RateControl(COSTS, 2)).frames(10.0, 0.2) == []


def test_there_is_no_size_beyond_the_last():
    with pytest.raises(ValueError, match="size 3 of 3"):
        RateControl(COSTS, 3)
