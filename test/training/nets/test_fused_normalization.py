"""Batch normalisation in one operation computes what Keras computes, in every network of the registry."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rt_seg_training.configuration import TrainingConfiguration
from rt_seg_training.nets import registry
from rt_seg_training.nets.fused_normalization import BatchNormalization, freeze_statistics, with_fused_normalization
from rt_seg_training.nets.registry import NETS, build_net
from rt_seg_training.optimization.losses import SegmentationCrossEntropy
from rt_seg_training.optimization.training_model import training_model


@pytest.mark.parametrize("settings", [{}, {"center": False, "scale": False, "epsilon": 1e-5, "momentum": 0.9}])
def test_values_gradients_and_statistics_are_those_of_keras(settings):
    images = tf.random.stateless_normal((3, 5, 4, 6), (1, 2)) * 3.0 + 1.0
    results = []
    for kind in (keras.layers.BatchNormalization, BatchNormalization):
        layer = kind(**settings)
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = layer(images, training=True)
            loss = tf.reduce_sum(outputs**3)
        results.append([outputs, tape.gradient(loss, images), *layer.non_trainable_variables, layer(images)])
    for expected, value in zip(*results, strict=True):
        np.testing.assert_allclose(value, expected, rtol=2e-3, atol=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "head"), [(name, "semantic") for name in NETS] + [("unet_mobilenet_v3", "binary")])
def test_every_network_keeps_weights_outputs_and_names(name, head):
    net = build_net(name, 64, 64, 2, auxiliary_head=True, head=head)
    for layer in net.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(tf.fill(layer.moving_mean.shape, 0.1))
    fused = with_fused_normalization(net)
    assert any(type(layer) is BatchNormalization for layer in fused._flatten_layers())
    assert not any(type(layer) is keras.layers.BatchNormalization for layer in fused._flatten_layers())
    inputs = [np.random.default_rng(0).normal(size=(1, *i.shape[1:])).astype(np.float32) for i in net.inputs]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    for expected, value in zip(net(inputs), fused(inputs), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-3, atol=1e-3)
    assert [w.shape for w in net.weights] == [w.shape for w in fused.weights]


def _two_normalizations(*_):
    inputs = keras.Input((64, 64, 3))
    hidden = keras.layers.BatchNormalization(name="encoder_bn")(keras.layers.Conv2D(4, 3, name="encoder_conv")(inputs))
    hidden = keras.layers.BatchNormalization(name="head_bn")(keras.layers.Conv2D(4, 3, name="head_conv")(hidden))
    return keras.Model(inputs, hidden)


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize(
    ("settings", "frozen"),
    [({}, True), ({"freeze_statistics": False}, False), ({"initial_weights": "random"}, False)],
)
def test_statistics_of_the_encoder_stay_on_one_device_and_on_several_but_never_random_ones(
    replicas, settings, frozen, monkeypatch
):
    monkeypatch.setattr(registry, "build_net", _two_normalizations)
    configuration = TrainingConfiguration(
        dataset="x", train_split="train", validation_split="validation", height=64, width=64, crop_height=64,
        crop_width=64, steps=10, net="lite0_pyramid", auxiliary_weight=0.0, mixed_precision="float32", **settings,
    )  # fmt: skip
    model = training_model(configuration, 4, SegmentationCrossEntropy(255), replicas)
    encoder, head = model.get_layer("encoder_bn"), model.get_layer("head_bn")
    assert encoder.synchronized == head.synchronized == (replicas > 1)
    images = tf.random.stateless_normal((2, 64, 64, 3), (1, 2)) * 3.0 + 1.0
    model(images, training=True)
    assert np.abs(head.moving_mean.numpy()).max() > 0
    assert (np.abs(encoder.moving_mean.numpy()).max() == 0) == frozen


def test_frozen_statistics_stay_and_are_what_training_normalises_by_while_gain_and_offset_learn():
    import tensorflow as tf

    inputs = keras.Input((4, 4, 3))
    hidden = keras.layers.BatchNormalization(name="encoder_bn")(inputs)
    net = with_fused_normalization(keras.Model(inputs, keras.layers.BatchNormalization(name="head_bn")(hidden)))
    freeze_statistics(net, "encoder_")
    frozen, free = net.get_layer("encoder_bn"), net.get_layer("head_bn")
    frozen.moving_mean.assign([1.0, 2.0, 3.0])
    x = np.random.default_rng(0).normal(5, 2, (8, 4, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(frozen(x, training=True), (x - [1, 2, 3]) / np.sqrt(1 + frozen.epsilon), rtol=1e-4)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(net(x, training=True) - x))
    assert all(g is not None for g in tape.gradient(loss, [frozen.gamma.value, frozen.beta.value]))
    np.testing.assert_array_equal(frozen.moving_mean, [1, 2, 3])
    np.testing.assert_array_equal(frozen.moving_variance, [1, 1, 1])
    assert np.abs(free.moving_mean.numpy()).max() > 0


@pytest.mark.parametrize("settings", [{}, {"center": False, "scale": False, "epsilon": 1e-5}])
def test_values_and_gradients_with_frozen_statistics_are_those_of_keras(settings):
    images = tf.random.stateless_normal((3, 5, 4, 6), (1, 2)) * 3.0 + 1.0
    results = []
    for kind in (keras.layers.BatchNormalization, BatchNormalization):
        layer = kind(**settings)
        layer.build(images.shape)
        layer.moving_mean.assign(np.linspace(-1, 1, 6))
        layer.moving_variance.assign(np.linspace(0.5, 3, 6))
        layer.frozen_statistics = True
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = layer(images, training=kind is BatchNormalization)  # Keras: as at inference
            loss = tf.reduce_sum(outputs**3)
        learnt = [variable.value for variable in layer.trainable_variables]
        results.append([outputs, *tape.gradient(loss, [images, *learnt])])
    for expected, value in zip(*results, strict=True):
        np.testing.assert_allclose(value, expected, rtol=2e-3, atol=2e-4)
