"""The score on the validation split during training."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from rt_seg.confusion import confusion_matrix
from rt_seg_training.optimization.losses import SegmentationLoss, upsample_logits


def _first(outputs):
    return outputs[0] if isinstance(outputs, (list, tuple)) else outputs


def mask_predictor(model: keras.Model):
    """A compiled function: the input of one image and size (H, W) to class ids of full-size logits (1, H, W) uint8.

    The input is the normalised image (1, h, w, 3), or for networks with depth the pair of it and depth (1, h, w, 1).
    """

    @tf.function(reduce_retracing=True)
    def predict(inputs, size):
        logits = _first(model(inputs, training=False))
        return tf.cast(tf.math.argmax(upsample_logits(logits, size), axis=-1), tf.uint8)

    return predict


def scorer(model: keras.Model, loss: SegmentationLoss):
    """A compiled function: input of one image and label (1, H, W, 1) to its mask (1, H, W) uint8, loss, float32."""

    @tf.function(reduce_retracing=True)
    def evaluate(inputs, label):
        logits = _first(model(inputs, training=False))
        full = upsample_logits(tf.cast(logits, tf.float32), tf.shape(label)[1:3])
        return tf.cast(tf.math.argmax(full, axis=-1), tf.uint8), loss(label, full)

    return evaluate


def score(evaluate, batches: tf.data.Dataset, class_count: int, ignore_id: int) -> tuple[np.ndarray, float]:
    """Confusion matrix (classes, classes + 1) int64 and mean loss of a `scorer` over pipeline.validation_batches."""
    total = np.zeros((class_count, class_count + 1), np.int64)
    losses = []
    for inputs, label in batches:
        mask, loss = evaluate(inputs, label)
        total += confusion_matrix(label.numpy()[0, ..., 0], mask.numpy()[0], class_count, ignore_id)
        losses.append(float(loss))
    return total, float(np.mean(losses)) if losses else float("nan")
