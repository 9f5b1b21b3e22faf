"""The losses against slow NumPy references."""

import numpy as np
import pytest
import tensorflow as tf

from rt_seg_training.optimization.losses import (
    OHEM_KEPT_SHARE,
    SegmentationCrossEntropy,
    SegmentationCrossEntropyDice,
    SegmentationDice,
    SegmentationFocal,
    SegmentationOhem,
)

IGNORE = 255
CLASSES = 3
ALL = (
    SegmentationCrossEntropy,
    SegmentationFocal,
    SegmentationDice,
    SegmentationCrossEntropyDice,
    SegmentationOhem,
)
each_weighting = pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0]])


def _batch(seed=1):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, size=(2, 6, 8, CLASSES)).astype(np.float32)
    labels = rng.integers(0, CLASSES, (2, 6, 8, 1)).astype(np.uint8)
    labels[0, :2] = IGNORE
    return labels, logits


def _labelled(labels, logits):
    """Class ids and probabilities of the pixels that count, in float64."""
    labels, logits = labels.reshape(-1), logits.reshape(-1, logits.shape[-1]).astype(np.float64)
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    counted = labels != IGNORE
    return labels[counted], (exponents / exponents.sum(axis=1, keepdims=True))[counted]


def _pixel_reference(labels, logits, weights, gamma=0.0):
    total = mass = 0.0
    for label, probabilities in zip(*_labelled(labels, logits)):
        weight = 1.0 if weights is None else weights[label]
        total -= weight * (1 - probabilities[label]) ** gamma * np.log(probabilities[label])
        mass += weight
    return total / mass


@each_weighting
def test_cross_entropy_equals_the_reference_with_ignored_pixels(weights):
    labels, logits = _batch()
    value = float(SegmentationCrossEntropy(IGNORE, weights)(labels, logits))
    assert value == pytest.approx(_pixel_reference(labels, logits, weights), rel=1e-5)


@each_weighting
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_equals_the_reference_with_ignored_pixels(weights, gamma):
    labels, logits = _batch()
    value = float(SegmentationFocal(IGNORE, weights, gamma)(labels, logits))
    assert value == pytest.approx(_pixel_reference(labels, logits, weights, gamma), rel=1e-5)


@each_weighting
def test_focal_of_gamma_0_is_the_cross_entropy(weights):
    labels, logits = _batch()
    focal = float(SegmentationFocal(IGNORE, weights, gamma=0.0)(labels, logits))
    assert focal == pytest.approx(float(SegmentationCrossEntropy(IGNORE, weights)(labels, logits)), rel=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_two_logits_0_and_z_give_the_binary_losses_of_a_sigmoid(gamma):
    labels, logits = _batch()
    labels, z = np.where(labels == 2, 1, labels), logits[..., :1]
    value = float(SegmentationFocal(IGNORE, gamma=gamma)(labels, np.concatenate([np.zeros_like(z), z], axis=-1)))
    counted = labels != IGNORE
    truth, sigmoid = labels[counted].astype(np.float64), 1 / (1 + np.exp(-z[counted].astype(np.float64)))
    positive = truth * (1 - sigmoid) ** gamma * np.log(sigmoid)
    negative = (1 - truth) * sigmoid**gamma * np.log(1 - sigmoid)
    assert value == pytest.approx(-(positive + negative).mean(), rel=1e-5)


@each_weighting
def test_dice_equals_the_reference_with_ignored_pixels(weights):
    labels, logits = _batch()
    truth, probabilities = _labelled(labels, logits)
    parts = []
    for index in range(CLASSES):
        overlap = probabilities[truth == index, index].sum()
        parts.append(1 - 2 * overlap / (probabilities[:, index].sum() + (truth == index).sum()))
    value = float(SegmentationDice(IGNORE, weights)(labels, logits))
    assert value == pytest.approx(np.average(parts, weights=weights), rel=1e-5)


@each_weighting
def test_cross_entropy_dice_is_the_sum_of_the_two(weights):
    labels, logits = _batch()
    parts = [float(kind(IGNORE, weights)(labels, logits)) for kind in (SegmentationCrossEntropy, SegmentationDice)]
    assert float(SegmentationCrossEntropyDice(IGNORE, weights)(labels, logits)) == pytest.approx(sum(parts), rel=1e-6)


def test_dice_of_a_perfect_mask_is_0_though_a_class_is_absent():
    labels = np.array([0, 1, 1, 0], np.uint8).reshape(1, 2, 2, 1)
    logits = 50.0 * np.eye(CLASSES, dtype=np.float32)[labels[..., 0]]
    assert float(SegmentationDice(IGNORE)(labels, logits)) == pytest.approx(0, abs=1e-6)


@each_weighting
@pytest.mark.parametrize("threshold", [0.3, 0.9, 1e-9])
def test_ohem_learns_from_the_pixels_below_the_threshold_and_at_least_from_the_hardest(weights, threshold):
    labels, logits = _batch()
    truth, probabilities = _labelled(labels, logits)
    of_truth = probabilities[np.arange(len(truth)), truth]
    least = np.sort(of_truth)[int(np.ceil(OHEM_KEPT_SHARE * len(truth))) - 1]
    hard = of_truth <= max(threshold, least)
    assert 0 < hard.sum() < len(hard)
    share = np.ones(len(truth)) if weights is None else np.array(weights)[truth]
    value = float(SegmentationOhem(IGNORE, weights, threshold)(labels, logits))
    assert value == pytest.approx(np.average(-np.log(of_truth[hard]), weights=share[hard]), rel=1e-5)


@pytest.mark.parametrize("loss", ALL)
def test_logits_at_one_eighth_are_resized_to_the_labels(loss):
    labels, logits = np.zeros((1, 16, 16, 1), np.uint8), np.zeros((1, 2, 2, 4), np.float32)
    full_size = np.zeros((1, 16, 16, 4), np.float32)
    assert float(loss(IGNORE)(labels, logits)) == pytest.approx(float(loss(IGNORE)(labels, full_size)), rel=1e-6)
    assert float(SegmentationCrossEntropy(IGNORE)(labels, logits)) == pytest.approx(np.log(4), rel=1e-6)


@pytest.mark.parametrize("loss", ALL)
def test_a_batch_of_ignored_pixels_gives_zero_and_a_finite_gradient(loss):
    logits = tf.Variable(np.random.default_rng(0).normal(size=(1, 2, 2, 3)).astype(np.float32))
    with tf.GradientTape() as tape:
        value = loss(IGNORE, [1.0, 2.0, 3.0])(np.full((1, 16, 16, 1), IGNORE, np.uint8), logits)
    assert float(value) == 0
    np.testing.assert_array_equal(tape.gradient(value, logits), 0)


@pytest.mark.parametrize("loss", ALL)
def test_gradients_of_very_sure_pixels_are_finite(loss):
    logits = tf.Variable(200.0 * np.eye(3, dtype=np.float32)[[[[0, 1], [2, 0]]]])
    labels = np.array([0, 1, 2, 1], np.uint8).reshape(1, 2, 2, 1)
    with tf.GradientTape() as tape:
        value = loss(IGNORE)(labels, logits)
    assert np.isfinite(tape.gradient(value, logits)).all()
