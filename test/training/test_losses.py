"""The loss against a slow NumPy reference."""
import numpy as np
import pytest
import tensorflow as tf

from rt_seg_training.losses import SegmentationCrossEntropy, inverse_log_weights

IGNORE = 255


def _reference(labels, logits, weights):
    total = mass = 0.0
    for label, vector in zip(labels.reshape(-1), logits.reshape(-1, logits.shape[-1]).astype(np.float64)):
        if label != IGNORE:
            log_sum = np.log(np.exp(vector - vector.max()).sum()) + vector.max()
            total += weights[label] * (log_sum - vector[label])
            mass += weights[label]
    return total / mass


@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0]])
def test_cross_entropy_equals_the_reference_with_ignored_pixels(weights):
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(2, 6, 8, 3)).astype(np.float32)
    labels = rng.integers(0, 3, (2, 6, 8, 1)).astype(np.uint8)
    labels[0, :2] = IGNORE
    value = float(SegmentationCrossEntropy(IGNORE, weights)(labels, logits))
    assert value == pytest.approx(_reference(labels, logits, weights or [1, 1, 1]), rel=1e-5)


def test_logits_at_one_eighth_are_resized_to_the_labels():
    labels = np.zeros((1, 16, 16, 1), np.uint8)
    logits = np.zeros((1, 2, 2, 4), np.float32)
    assert float(SegmentationCrossEntropy(IGNORE)(labels, logits)) == pytest.approx(np.log(4), rel=1e-6)


def test_a_batch_of_ignored_pixels_gives_zero_and_a_finite_gradient():
    logits = tf.Variable(np.random.default_rng(0).normal(size=(1, 2, 2, 3)).astype(np.float32))
    with tf.GradientTape() as tape:
        value = SegmentationCrossEntropy(IGNORE, [1.0, 2.0, 3.0])(np.full((1, 16, 16, 1), IGNORE, np.uint8), logits)
    assert float(value) == 0
    np.testing.assert_array_equal(tape.gradient(value, logits), 0)


def test_inverse_log_weights_follow_the_formula_and_favour_rare_classes():
    weights = inverse_log_weights(np.array([900, 90, 10]))
    expected = 1 / np.log(1.02 + np.array([0.9, 0.09, 0.01]))
    np.testing.assert_allclose(weights, expected / expected.mean(), rtol=1e-6)
    assert weights[0] < weights[1] < weights[2]
