"""The interval around a mean IoU is that of resampled frames."""

import numpy as np
import pytest

from rt_seg.confusion import confusion_matrix
from rt_seg_training.learning.confidence_interval import bootstrap_mean_iou


def frame(right: int) -> np.ndarray:
    """100 pixels of two classes in equal parts, of which so many of each are right."""
    truth = np.repeat(np.array([0, 1], np.uint8), 50).reshape(10, 10)
    mask = truth.copy().reshape(-1)
    mask[right:50] = 1
    mask[50 + right :] = 0
    return confusion_matrix(truth, mask.reshape(10, 10), 2, 255)


def test_frames_that_are_all_alike_leave_no_doubt():
    score, low, high = bootstrap_mean_iou([frame(40)] * 12)
    assert score == low == high == pytest.approx(40 / 60)


def test_the_interval_holds_the_score_and_narrows_with_the_square_root_of_the_frames():
    few, many = ([frame(20 + 3 * (index % 11)) for index in range(count)] for count in (11, 176))
    score, low, high = bootstrap_mean_iou(few)
    _, lower, higher = bootstrap_mean_iou(many)
    assert low < score < high
    assert (high - low) / (higher - lower) == pytest.approx(4.0, rel=0.2)


def test_the_interval_of_a_random_seed_is_the_same_again():
    frames = [frame(20 + index) for index in range(20)]
    assert bootstrap_mean_iou(frames, 3) == bootstrap_mean_iou(frames, 3) != bootstrap_mean_iou(frames, 4)


def test_no_frames_are_no_score():
    with pytest.raises(ValueError, match="no frames"):
        bootstrap_mean_iou([])
