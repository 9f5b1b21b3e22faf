"""Losses by which a network learns from another network's logits, on every pixel, labelled or not."""

from __future__ import annotations

import tensorflow as tf

CHANNEL_TEMPERATURE, CHANNEL_SCALE = 4.0, 3.0
"""Of the channel-wise loss on logits, as its paper has them."""
PIXEL_TEMPERATURE = 2.0


def teacher_at_size_of(teacher: tf.Tensor, student: tf.Tensor) -> tf.Tensor:
    """The teacher's logits (B, H, W, C) as float32 at the student's (h, w): the mean where they are shrunk."""
    size = tf.shape(student)[1:3]
    return tf.image.resize(tf.cast(teacher, tf.float32), size, method="bilinear", antialias=True)


def channel_wise(student: tf.Tensor, teacher: tf.Tensor) -> tf.Tensor:
    """Channel-wise distillation: where in the image does each class stand out?

    Both (B, h, w, C) logits. The softmax of a channel goes over the pixels; the loss is the divergence of the student's
    from the teacher's, T² / C times the sum over the channels (Shu et al., arXiv:2011.13256, equation 5), the mean over
    the images. Example: channel_wise(z, z) is 0.
    """
    student, teacher = (_maps(logits) / CHANNEL_TEMPERATURE for logits in (student, teacher))
    divergence = tf.reduce_sum(
        tf.nn.softmax(teacher) * (tf.nn.log_softmax(teacher) - tf.nn.log_softmax(student)), axis=-1
    )
    return CHANNEL_SCALE * CHANNEL_TEMPERATURE**2 * tf.reduce_mean(divergence)


def _maps(logits: tf.Tensor) -> tf.Tensor:
    shape = tf.shape(logits)
    return tf.transpose(tf.reshape(tf.cast(logits, tf.float32), (shape[0], -1, shape[3])), (0, 2, 1))


def pixel_wise(student: tf.Tensor, teacher: tf.Tensor) -> tf.Tensor:
    """Divergence of the student's probabilities from the teacher's at each pixel, times T²; the mean over the pixels.

    Both (B, h, w, C) logits (Hinton et al., arXiv:1503.02531, section 2).
    """
    student, teacher = (tf.cast(logits, tf.float32) / PIXEL_TEMPERATURE for logits in (student, teacher))
    log_teacher = tf.nn.log_softmax(teacher)
    divergence = tf.reduce_sum(tf.exp(log_teacher) * (log_teacher - tf.nn.log_softmax(student)), axis=-1)
    return PIXEL_TEMPERATURE**2 * tf.reduce_mean(divergence)


LOSSES = {"channel": channel_wise, "pixel": pixel_wise}
