"""Losses of semantic segmentation, on logits below the labels' resolution, with an ignored label value.

Networks with one sigmoid channel give the two logits 0 and z (nets.binary_head), and the softmax of those is the
sigmoid of z. So the cross-entropy and the focal loss here are the binary ones for such networks.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from rt_seg_training.configuration import TrainingConfiguration

OHEM_KEPT_SHARE = 1 / 16
"""Least share of a batch's labelled pixels that online hard example mining learns from."""


def upsample_logits(logits: tf.Tensor, size) -> tf.Tensor:
    """Bilinear (half-pixel centres) resize of (B, h, w, C) logits to (B, *size, C)."""
    return tf.image.resize(logits, size, method="bilinear")


class SegmentationLoss(keras.losses.Loss):
    """What the losses share: labels, resized logits and weights of the pixels.

    Takes labels (B, H, W, 1) of any number type holding class ids, and logits (B, h, w, C), which are resized to
    H × W. Pixels of `ignore_id` do not count; a batch of nothing else gives 0. With class weights a mean over pixels
    or classes is divided by the sum of the weights (as PyTorch's `CrossEntropyLoss(weight=…)` does), so that the loss
    keeps its scale.
    """

    def __init__(self, ignore_id: int, class_weights=None, name=None):
        super().__init__(name=name)
        self.ignore_id = ignore_id
        self.class_weights = None if class_weights is None else np.asarray(class_weights, np.float32)

    def call(self, y_true, y_pred):
        labels = tf.cast(y_true[..., 0], tf.int32)
        logits = upsample_logits(tf.cast(y_pred, tf.float32), tf.shape(labels)[1:3])
        valid = tf.not_equal(labels, self.ignore_id)
        return self.of_pixels(tf.where(valid, labels, 0), logits, valid)

    def of_pixels(self, labels, logits, valid):
        """The loss of class ids (B, H, W) int32, logits (B, H, W, C) float32, and what counts, (B, H, W) bool."""
        raise NotImplementedError

    def pixel_weights(self, labels, valid):
        """Class weight of each pixel that counts, else 0: (B, H, W) float32."""
        weights = tf.cast(valid, tf.float32)
        if self.class_weights is not None:
            weights *= tf.gather(tf.constant(self.class_weights), labels)
        return weights

    def get_config(self):
        weights = None if self.class_weights is None else self.class_weights.tolist()
        return {"ignore_id": self.ignore_id, "class_weights": weights, "name": self.name}


def _weighted_mean(values, weights):
    return tf.math.divide_no_nan(tf.reduce_sum(values * weights), tf.reduce_sum(weights))


@keras.saving.register_keras_serializable(package="rt_seg")
class SegmentationCrossEntropy(SegmentationLoss):
    """Softmax cross-entropy: the mean of -log p over the pixels, p being the probability of the true class."""

    def of_pixels(self, labels, logits, valid):
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return _weighted_mean(loss, self.pixel_weights(labels, valid))


@keras.saving.register_keras_serializable(package="rt_seg")
class SegmentationFocal(SegmentationLoss):
    """Focal loss: the mean of -(1 - p)^gamma log p over the pixels (Lin et al., arXiv:1708.02002, equation 4).

    The class weights stand for the paper's alpha. With gamma 0 this is the cross-entropy.
    """

    def __init__(self, ignore_id: int, class_weights=None, gamma: float = 2.0, name=None):
        super().__init__(ignore_id, class_weights, name)
        self.gamma = gamma

    def of_pixels(self, labels, logits, valid):
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        # 1 - p by expm1 does not lose the digits of a p near 1; below 1e-7 the power's gradient would be infinite.
        doubt = tf.maximum(-tf.math.expm1(-loss), 1e-7)
        return _weighted_mean(doubt**self.gamma * loss, self.pixel_weights(labels, valid))

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma}


@keras.saving.register_keras_serializable(package="rt_seg")
class SegmentationDice(SegmentationLoss):
    """1 - the mean over classes of 2 Σ p t / (Σ p + Σ t), p the probabilities and t the truth (0 or 1) of all pixels.

    The sums go over the whole batch, and the mean over the classes that its labels hold (Sudre et al.,
    arXiv:1707.03237, section 2.1, without squares).
    """

    def of_pixels(self, labels, logits, valid):
        counted = tf.cast(valid, tf.float32)[..., tf.newaxis]
        probabilities = tf.nn.softmax(logits) * counted
        truth = tf.one_hot(labels, tf.shape(logits)[-1]) * counted
        pixels = tf.reduce_sum(truth, axis=(0, 1, 2))
        overlap = 2.0 * tf.reduce_sum(probabilities * truth, axis=(0, 1, 2))
        score = tf.math.divide_no_nan(overlap, tf.reduce_sum(probabilities, axis=(0, 1, 2)) + pixels)
        weights = tf.cast(pixels > 0, tf.float32)
        if self.class_weights is not None:
            weights *= tf.constant(self.class_weights)
        return _weighted_mean(1.0 - score, weights)


@keras.saving.register_keras_serializable(package="rt_seg")
class SegmentationCrossEntropyDice(SegmentationDice):
    """Cross-entropy + Dice, one to one (as nnU-Net's: Isensee et al., doi:10.1038/s41592-020-01008-z, methods).

    The cross-entropy teaches from the first step and keeps the confidence sound; the Dice loss counts every class
    alike, however few its pixels.
    """

    def of_pixels(self, labels, logits, valid):
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        pixels = _weighted_mean(loss, self.pixel_weights(labels, valid))
        return pixels + super().of_pixels(labels, logits, valid)


@keras.saving.register_keras_serializable(package="rt_seg")
class SegmentationOhem(SegmentationLoss):
    """Cross-entropy of the hard pixels only: those whose true class has a probability below `threshold`.

    At least 1/16 of the pixels, the hardest, count however easy they are (online hard example mining, Shrivastava et
    al., arXiv:1604.03540, by pixels as in DDRNet's recipe).
    """

    def __init__(self, ignore_id: int, class_weights=None, threshold: float = 0.9, name=None):
        super().__init__(ignore_id, class_weights, name)
        self.threshold = threshold

    def of_pixels(self, labels, logits, valid):
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        order = tf.sort(tf.reshape(tf.where(valid, loss, -1.0), [-1]), direction="DESCENDING")
        pixels = tf.reduce_sum(tf.cast(valid, tf.float32))
        kept = tf.cast(tf.math.ceil(OHEM_KEPT_SHARE * pixels), tf.int32)
        limit = tf.minimum(-tf.math.log(self.threshold), order[tf.maximum(kept - 1, 0)])
        hard = tf.logical_and(valid, loss >= tf.stop_gradient(limit))
        return _weighted_mean(loss, self.pixel_weights(labels, hard))

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


def build_loss(configuration: TrainingConfiguration, ignore_id: int, weights: np.ndarray | None) -> SegmentationLoss:
    """The loss that the configuration names; `weights`: of the classes, or None."""
    if configuration.loss == "focal":
        return SegmentationFocal(ignore_id, weights, configuration.focal_gamma)
    if configuration.loss == "ohem":
        return SegmentationOhem(ignore_id, weights, configuration.ohem_threshold)
    plain = {
        "cross_entropy": SegmentationCrossEntropy,
        "dice": SegmentationDice,
        "cross_entropy_dice": SegmentationCrossEntropyDice,
    }
    return plain[configuration.loss](ignore_id, weights)
