"""Class weights against their formulas."""

import numpy as np

from rt_seg_training.optimization.class_weights import inverse_log_weights, median_frequency_weights


def test_inverse_log_weights_follow_the_formula_and_favour_rare_classes():
    weights = inverse_log_weights(np.array([900, 90, 10]))
    expected = 1 / np.log(1.02 + np.array([0.9, 0.09, 0.01]))
    np.testing.assert_allclose(weights, expected / expected.mean(), rtol=1e-6)
    assert weights[0] < weights[1] < weights[2]


def test_median_frequency_counts_the_pixels_of_the_images_that_hold_a_class():
    labels = [np.array([[0, 0], [0, 1]], np.uint8), np.array([[0, 0], [2, 255]], np.uint8)]
    frequency = np.array([5 / 8, 1 / 4, 1 / 4])
    weights = median_frequency_weights(labels, 4)
    np.testing.assert_allclose(weights, [*(0.25 / frequency), 0], rtol=1e-6)


def test_median_frequency_of_nothing_labelled_is_zero_not_nan():
    np.testing.assert_array_equal(median_frequency_weights([np.full((2, 2), 255, np.uint8)], 3), 0)
