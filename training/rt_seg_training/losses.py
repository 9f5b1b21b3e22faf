"""Losses of semantic segmentation, on logits below the labels' resolution, with an ignored label value."""
from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

INVERSE_LOG_OFFSET = 1.02
"""Bounds the weights to 1/log(1.02) ≈ 50 (Paszke et al., "ENet", arXiv:1606.02147, section 5.1)."""


def inverse_log_weights(pixels: np.ndarray) -> np.ndarray:
    """Class weights 1 / log(1.02 + p), scaled to mean 1, float32 (classes,), for pixel counts (classes,)."""
    share = pixels / max(pixels.sum(), 1)
    weights = 1.0 / np.log(INVERSE_LOG_OFFSET + share)
    return (weights / weights.mean()).astype(np.float32)


def upsample_logits(logits: tf.Tensor, size) -> tf.Tensor:
    """Bilinear (half-pixel centres) resize of (B, h, w, C) logits to (B, *size, C)."""
    return tf.image.resize(logits, size, method="bilinear")


@keras.saving.register_keras_serializable(package="rt_seg")
class SegmentationCrossEntropy(keras.losses.Loss):
    """Softmax cross-entropy over the pixels that have a class, as a weighted mean.

    Takes labels (B, H, W, 1) of any number type holding class ids, and logits (B, h, w, C), which are resized to
    H × W. Pixels of `ignore_id` do not count; a batch of nothing else gives 0. With class weights the sum is divided
    by the sum of the weights (as PyTorch's `CrossEntropyLoss(weight=…)` does), so that the loss keeps its scale.
    """

    def __init__(self, ignore_id: int, class_weights=None, name="cross_entropy"):
        super().__init__(name=name)
        self.ignore_id = ignore_id
        self.class_weights = None if class_weights is None else np.asarray(class_weights, np.float32)

    def call(self, y_true, y_pred):
        labels = tf.cast(y_true[..., 0], tf.int32)
        logits = upsample_logits(tf.cast(y_pred, tf.float32), tf.shape(labels)[1:3])
        valid = tf.not_equal(labels, self.ignore_id)
        labels = tf.where(valid, labels, 0)
        weights = tf.cast(valid, tf.float32)
        if self.class_weights is not None:
            weights *= tf.gather(tf.constant(self.class_weights), labels)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return tf.math.divide_no_nan(tf.reduce_sum(loss * weights), tf.reduce_sum(weights))

    def get_config(self):
        weights = None if self.class_weights is None else self.class_weights.tolist()
        return {"ignore_id": self.ignore_id, "class_weights": weights, "name": self.name}
