"""Depthwise convolution with the fast gradient computes what Keras' layer computes, forwards and backwards."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rt_seg_training.nets.depthwise_gradient import DepthwiseConv2D, with_fast_depthwise_gradients


def network(kernel_size, strides, use_bias):
    image = keras.Input((9, 12, 4), name="image")
    layer = keras.layers.DepthwiseConv2D(
        kernel_size, strides, "same", use_bias=use_bias, activation="relu", name="depth"
    )
    return keras.Model(image, layer(image))


def answers(model, image):
    with tf.GradientTape() as tape:
        tape.watch(image)
        output = tf.cast(model(image, training=True), tf.float32)
        loss = tf.reduce_sum(output * tf.reshape(tf.range(tf.size(output), dtype=tf.float32) / 100.0, tf.shape(output)))
    gradients = tape.gradient(loss, [image, *(variable.value for variable in model.trainable_variables)])
    return [output, *gradients]


@pytest.mark.parametrize("kernel_size, strides", [(3, 1), (3, 2), (5, 1), (5, 2), (7, 1), (7, 2)])
@pytest.mark.parametrize("use_bias", [True, False])
def test_values_and_gradients_are_those_of_keras(kernel_size, strides, use_bias):
    keras.utils.set_random_seed(1)
    model = network(kernel_size, strides, use_bias)
    fast = with_fast_depthwise_gradients(model)
    assert isinstance(fast.get_layer("depth"), DepthwiseConv2D)
    assert not isinstance(model.get_layer("depth"), DepthwiseConv2D)
    image = tf.random.normal((2, 9, 12, 4))
    for expected, found in zip(answers(model, image), answers(fast, image)):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * float(tf.reduce_max(tf.abs(expected))))


def test_layers_of_other_padding_are_left_as_they_are():
    image = keras.Input((9, 12, 4))
    model = keras.Model(image, keras.layers.DepthwiseConv2D(5, padding="valid", name="depth")(image))
    assert type(with_fast_depthwise_gradients(model).get_layer("depth")) is keras.layers.DepthwiseConv2D


def test_in_bfloat16_gradients_are_nearer_to_those_of_float32_than_its_own_digits():
    keras.utils.set_random_seed(1)
    exact = network(5, 2, False)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = with_fast_depthwise_gradients(network(5, 2, False))
    finally:
        keras.config.set_dtype_policy("float32")
    mixed.set_weights(exact.get_weights())
    image = tf.random.normal((2, 9, 12, 4))
    for expected, found in zip(answers(exact, image)[1:], answers(mixed, image)[1:]):
        assert found.dtype == expected.dtype
        assert float(tf.norm(found - expected) / tf.norm(expected)) < 0.02
