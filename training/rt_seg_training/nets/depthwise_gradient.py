"""Depthwise convolution whose kernel learns by operations that are fast on a CPU; values and gradients stay.

TensorFlow's kernels on a CPU have a vectorised gradient for kernels up to three columns wide. That of a wider kernel,
and most of those in bfloat16, take 3 to 20 times as long. A gradient with respect to a kernel is one with respect to
each of its columns; so that of five columns is put together from those of three and of two.
"""

from __future__ import annotations

from typing import Callable

import keras
import tensorflow as tf

FAST_COLUMNS = 3
"""Columns of a kernel up to which its gradient is vectorised."""


def _kernel_gradient(inputs: tf.Tensor, gradient: tf.Tensor, rows: int, columns: int, stride: int) -> tf.Tensor:
    """Gradient of a kernel, float32 (rows, columns, C, 1), of a convolution without padding."""
    return tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
        input=inputs,
        filter_sizes=(rows, columns, inputs.shape[-1], 1),
        out_backprop=gradient,
        strides=(1, stride, stride, 1),
        padding="VALID",
    )


def wide_kernel_gradient(inputs: tf.Tensor, gradient: tf.Tensor, kernel_size: int, stride: int) -> tf.Tensor:
    """Gradient of the kernel, float32 (k, k, C, 1), of a depthwise convolution with padding "same".

    `inputs` float32 (B, H, W, C) of known H and W, `gradient` that of its output, float32 (B, ceil(H / stride),
    ceil(W / stride), C).
    """
    places = [-(-side // stride) for side in inputs.shape[1:3]]
    missing = [max((count - 1) * stride + kernel_size - side, 0) for count, side in zip(places, inputs.shape[1:3])]
    padded = tf.pad(inputs, [(0, 0), *((total // 2, total - total // 2) for total in missing), (0, 0)])
    parts = []
    for first in range(0, kernel_size, FAST_COLUMNS):
        columns = min(FAST_COLUMNS, kernel_size - first)
        seen = padded[:, :, first : first + (places[1] - 1) * stride + columns]
        parts.append(_kernel_gradient(seen, gradient, kernel_size, columns, stride))
    return tf.concat(parts, axis=1)


def _convolution(kernel_size: int, stride: int) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    strides = (1, stride, stride, 1)

    @tf.custom_gradient
    def convolve(inputs, kernel):
        def gradients(upstream):
            # In float32 also where the layer is bfloat16: the kernels of that are the slow ones.
            upstream32 = tf.cast(upstream, tf.float32)
            of_inputs = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
                input_sizes=tf.shape(inputs), filter=tf.cast(kernel, tf.float32), out_backprop=upstream32,
                strides=strides, padding="SAME",
            )  # fmt: skip
            of_inputs = tf.ensure_shape(of_inputs, inputs.shape)
            of_kernel = wide_kernel_gradient(tf.cast(inputs, tf.float32), upstream32, kernel_size, stride)
            return tf.cast(of_inputs, inputs.dtype), tf.cast(of_kernel, kernel.dtype)

        return tf.nn.depthwise_conv2d(inputs, kernel, strides, "SAME"), gradients

    return convolve


@keras.saving.register_keras_serializable(package="rt_seg")
class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """keras.layers.DepthwiseConv2D with the same variables, values and gradients; see `suits` for which it may serve.

    Its class has the same name, too, by which files of weights know their layers.
    """

    @staticmethod
    def suits(layer: keras.layers.Layer) -> bool:
        """Whether `layer`, built, can be one of these: square kernel of more than one column, padding "same", an input
        of known size."""
        return (
            type(layer) is keras.layers.DepthwiseConv2D
            and layer.padding == "same"
            and layer.data_format == "channels_last"
            and layer.depth_multiplier == 1
            and tuple(layer.dilation_rate) == (1, 1)
            and len(set(layer.kernel_size)) == 1
            and len(set(layer.strides)) == 1
            and layer.kernel_size[0] > 1
            and None not in layer.input.shape[1:]
        )

    def call(self, inputs):
        outputs = _convolution(self.kernel_size[0], self.strides[0])(inputs, tf.convert_to_tensor(self.kernel))
        if self.use_bias:
            outputs = outputs + tf.convert_to_tensor(self.bias)
        return outputs if self.activation is None else self.activation(outputs)


def with_fast_depthwise_gradients(model: keras.Model) -> keras.Model:
    """`model`, not compiled, with these layers where they suit, weights included; all names stay, and the other layers
    are shared."""

    def replaced(layer):
        if not DepthwiseConv2D.suits(layer):
            return layer
        fast = DepthwiseConv2D.from_config(layer.get_config())
        fast.build(layer.input.shape)
        fast.set_weights(layer.get_weights())
        return fast

    return keras.models.clone_model(model, clone_function=replaced)
