"""Masks that do not flicker."""

import numpy as np
import pytest

from rt_seg.products.smoothing import TemporalSmoother


def slow_reference(masks, frames):
    """Pixel by pixel, as the class describes it."""
    held = masks[0].copy()
    runs = [[(0, 0)] * masks[0].shape[1] for _ in range(masks[0].shape[0])]
    results = [held.copy()]
    for mask in masks[1:]:
        for row in range(mask.shape[0]):
            for column in range(mask.shape[1]):
                value = mask[row, column]
                if value == held[row, column]:
                    runs[row][column] = (value, 0)
                    continue
                candidate, count = runs[row][column]
                count = count + 1 if candidate == value and count else 1
                runs[row][column] = (value, count)
                if count >= frames:
                    held[row, column] = value
                    runs[row][column] = (value, 0)
        results.append(held.copy())
    return results


@pytest.mark.parametrize("frames", [2, 3, 5])
def test_masks_are_those_of_a_slow_reference(frames):
    random = np.random.default_rng(frames)
    # Classes that last a while, so that changes are accepted and refused.
    masks, mask = [], random.integers(0, 3, (6, 7), np.uint8)
    for _ in range(60):
        mask = np.where(random.random(mask.shape) < 0.25, random.integers(0, 3, mask.shape, np.uint8), mask)
        masks.append(mask)
    smoother = TemporalSmoother()
    smoothed = [smoother.smooth(mask, frames) for mask in masks]
    for number, (actual, expected) in enumerate(zip(smoothed, slow_reference(masks, frames))):
        np.testing.assert_array_equal(actual, expected, f"mask {number}")
    assert any((actual != mask).any() for actual, mask in zip(smoothed, masks))


def test_a_flash_of_one_image_is_not_seen_and_a_lasting_change_is_seen_at_its_third_image():
    smoother = TemporalSmoother()
    seen = [int(smoother.smooth(np.full((1, 1), value, np.uint8), 3)[0, 0]) for value in (0, 1, 0, 1, 1, 1, 1)]
    assert seen == [0, 0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize("frames", [0, 1])
def test_without_smoothing_each_mask_is_taken_as_it_is(frames):
    smoother = TemporalSmoother()
    for value in (0, 1, 2):
        assert smoother.smooth(np.full((2, 2), value, np.uint8), frames)[0, 0] == value


def test_another_size_and_a_reset_start_anew():
    smoother = TemporalSmoother()
    smoother.smooth(np.zeros((2, 2), np.uint8), 4)
    assert smoother.smooth(np.ones((3, 2), np.uint8), 4).all()
    smoother.reset()
    assert not smoother.smooth(np.zeros((3, 2), np.uint8), 4).any()


def test_results_are_not_changed_by_later_images():
    smoother = TemporalSmoother()
    first = smoother.smooth(np.zeros((2, 2), np.uint8), 2)
    for _ in range(3):
        smoother.smooth(np.ones((2, 2), np.uint8), 2)
    assert not first.any()
