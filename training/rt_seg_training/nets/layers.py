"""Keras layers that several networks use."""

from __future__ import annotations

import keras

BATCH_NORM_MOMENTUM = 0.9
"""Share of the old moving average kept per step; PyTorch's momentum 0.1."""


@keras.saving.register_keras_serializable(package="rt_seg")
class BilinearResizeLike(keras.layers.Layer):
    """Resize the first of two feature maps to the height and width of the second, bilinear with half-pixel centres.

    Used instead of `keras.layers.Resizing`, which as of Keras 3.15.1 switches the batch normalisation of all later
    layers to training mode.
    """

    def call(self, inputs):
        source, target = inputs
        height, width = target.shape[1], target.shape[2]
        return keras.ops.image.resize(source, (height, width), interpolation="bilinear", antialias=False)

    def compute_output_shape(self, input_shape):
        source, target = input_shape
        return (source[0], target[1], target[2], source[3])


@keras.saving.register_keras_serializable(package="rt_seg")
class ZeroPaddedAveragePooling(keras.layers.Layer):
    """Average pooling over windows that reach `pool_size // 2` beyond each side; the zeros there count in the mean."""

    def __init__(self, pool_size: int, strides: int, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = pool_size
        self.strides = strides

    def call(self, inputs):
        margin = self.pool_size // 2
        padded = keras.ops.pad(inputs, [[0, 0], [margin, margin], [margin, margin], [0, 0]])
        return keras.ops.average_pool(padded, self.pool_size, self.strides, padding="valid")

    def compute_output_shape(self, input_shape):
        margin = 2 * (self.pool_size // 2)
        sizes = [(side + margin - self.pool_size) // self.strides + 1 for side in input_shape[1:3]]
        return (input_shape[0], *sizes, input_shape[3])

    def get_config(self):
        return {**super().get_config(), "pool_size": self.pool_size, "strides": self.strides}
