"""Batch normalisation of the training network in one operation, which halves the time of a step in bfloat16.

Keras computes it in training as a dozen operations over the whole feature map; TensorFlow has one kernel for them.
"""

from __future__ import annotations

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="rt_seg")
class BatchNormalization(keras.layers.BatchNormalization):
    """keras.layers.BatchNormalization of channels-last feature maps, with the same variables and the same values.

    Its class has the same name, too, by which files of weights know their layers.
    """

    frozen_statistics = False
    """Whether it normalises in training, too, by its moving averages, which then stay; gain and offset still learn."""

    def call(self, inputs, training=None, mask=None):
        if self.frozen_statistics and training and self.trainable:
            return self._fused(inputs, self.moving_mean.value, self.moving_variance.value)[0]
        # Statistics of all replicas are what Keras computes.
        if self.frozen_statistics or not training or not self.trainable or self.synchronized:
            return super().call(inputs, training=training and not self.frozen_statistics, mask=mask)
        outputs, mean, unbiased = self._fused(inputs)
        values = tf.cast(tf.reduce_prod(tf.shape(inputs)[:-1]), tf.float32)
        variance = unbiased * (values - 1.0) / values
        self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1.0 - self.momentum))
        self.moving_variance.assign(self.moving_variance * self.momentum + variance * (1.0 - self.momentum))
        return outputs

    def _fused(self, inputs, mean=None, variance=None):
        """Outputs, mean and unbiased variance: those of the batch, or those given."""
        channels = inputs.shape[-1]
        scale = self.gamma.value if self.scale else tf.ones(channels)
        offset = self.beta.value if self.center else tf.zeros(channels)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.cast(scale, tf.float32),
            offset=tf.cast(offset, tf.float32),
            mean=tf.constant([], tf.float32) if mean is None else tf.cast(mean, tf.float32),
            variance=tf.constant([], tf.float32) if variance is None else tf.cast(variance, tf.float32),
            epsilon=self.epsilon,
            is_training=mean is None,
        )
        return outputs, mean, variance


def with_fused_normalization(model: keras.Model) -> keras.Model:
    """`model` with fused batch normalisation, weights included; all names stay, and the other layers are shared."""

    def replaced(layer):
        if type(layer) is not keras.layers.BatchNormalization or len(layer.input.shape) != 4:
            return layer
        fused = BatchNormalization.from_config(layer.get_config())
        fused.build(layer.input.shape)
        fused.set_weights(layer.get_weights())
        return fused

    return keras.models.clone_model(model, clone_function=replaced)


def freeze_statistics(model: keras.Model, prefix: str) -> None:
    """Let the batch normalisation of the layers whose names begin so keep the statistics that it has.

    It must be that of `with_fused_normalization`: that of Keras would take no notice.
    """
    for layer in model.layers:
        if layer.name.startswith(prefix) and isinstance(layer, keras.layers.BatchNormalization):
            assert isinstance(layer, BatchNormalization), f"{layer.name} cannot keep its statistics"
            layer.frozen_statistics = True


def synchronize_normalization(model: keras.Model) -> None:
    """Let the batch normalisation of `model` take the statistics of the global batch, over all replicas."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
