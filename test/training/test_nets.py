"""What every network of the registry promises."""
import keras
import numpy as np
import pytest

from rt_seg_training.losses import SegmentationCrossEntropy
from rt_seg_training.nets.binary_head import BinaryLogits
from rt_seg_training.nets.registry import DEPTH_NETS, NETS, build_net

each_net = pytest.mark.parametrize("name", NETS)


def _image(height=64, width=96, seed=0):
    return np.random.default_rng(seed).normal(size=(2, height, width, 3)).astype(np.float32)


def _depth(height=64, width=96, seed=1):
    """Metres, a fifth of them without a reading."""
    rng = np.random.default_rng(seed)
    depth = rng.uniform(0.5, 4.0, (2, height, width, 1)).astype(np.float32)
    return np.where(rng.random(depth.shape) < 0.2, 0, depth)


def _input(name):
    return [_image(), _depth()] if name in DEPTH_NETS else _image()


@each_net
def test_output_is_a_fraction_of_the_input_for_any_size(name):
    model = build_net(name, 100, 150, 7, auxiliary_head=True)
    logits, auxiliary = model.outputs
    assert model.name == name
    assert logits.shape[3] == auxiliary.shape[3] == 7
    assert logits.shape[1:3] in ((13, 19), (25, 38))
    assert auxiliary.shape[1:3] == (13, 19)


@each_net
def test_calling_the_network_leaves_the_moving_averages_alone(name):
    model = build_net(name, 64, 96, 3)
    before = [weight.numpy().copy() for weight in model.non_trainable_weights]
    model(_input(name))
    for weight, old in zip(model.non_trainable_weights, before):
        np.testing.assert_array_equal(weight.numpy(), old)


@pytest.mark.parametrize("name", ["ddrnet_23_slim", "ddrnet_23_slim_rgbd", "unet_mobilenet_v3"])
@pytest.mark.parametrize("head", ["semantic", "binary"])
def test_every_weight_learns_from_a_batch(name, head):
    import tensorflow as tf

    model = build_net(name, 64, 96, 2, auxiliary_head=True, head=head)
    labels = np.random.default_rng(1).integers(0, 2, (2, 64, 96, 1)).astype(np.uint8)
    loss = SegmentationCrossEntropy(255)
    with tf.GradientTape() as tape:
        logits, auxiliary = model(_input(name), training=True)
        value = loss(labels, logits) + loss(labels, auxiliary)
    for variable, gradient in zip(model.trainable_variables, tape.gradient(value, model.trainable_variables)):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all(), variable.path


def test_the_binary_head_has_one_channel_whose_sigmoid_is_the_softmax_of_its_two_logits():
    model = build_net("unet_mobilenet_v3", 64, 96, 2, head="binary")
    assert model.get_layer("head_conv").filters == 1
    z = np.array([[-2.0], [0.5], [30.0]], np.float32)
    probability = keras.ops.convert_to_numpy(keras.ops.softmax(BinaryLogits()(z)))
    np.testing.assert_allclose(probability[:, 1], 1 / (1 + np.exp(-z[:, 0])), rtol=1e-6)


def test_the_u_net_is_small_and_of_depthwise_convolutions():
    model = build_net("unet_mobilenet_v3", 64, 96, 11)
    assert model.count_params() < 2_000_000
    assert any(isinstance(layer, keras.layers.DepthwiseConv2D) for layer in model.layers)


def _with_depth(scale):
    """ddrnet_23_slim_rgbd, whose depth branch counts `scale`, and ddrnet_23_slim with the weights of its layers."""
    fused, plain = (build_net(name, 64, 96, 3) for name in ("ddrnet_23_slim_rgbd", "ddrnet_23_slim"))
    for layer in plain.layers:
        layer.set_weights(fused.get_layer(layer.name).get_weights() if layer.weights else [])
    for name in ("depth_quarter_scale", "depth_eighth_scale"):
        layer = fused.get_layer(name)
        layer.set_weights([np.full(weight.shape, scale, np.float32) for weight in layer.get_weights()])
    return fused, plain


@pytest.mark.parametrize("nothing", [0.0, np.nan, 60.0])
def test_without_a_reading_the_network_with_depth_computes_what_the_one_without_does(nothing):
    fused, plain = _with_depth(1.0)
    depth = np.full((2, 64, 96, 1), nothing, np.float32)
    np.testing.assert_array_equal(fused([_image(), depth]), plain(_image()))
    assert not np.allclose(fused([_image(), _depth()]), plain(_image()), atol=1e-3)


def test_a_fresh_depth_branch_changes_nothing_and_costs_few_weights():
    fused, plain = _with_depth(0.0)
    np.testing.assert_array_equal(fused([_image(), _depth()]), plain(_image()))
    assert plain.count_params() < fused.count_params() < 1.05 * plain.count_params()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"name": "resnet"}, "net 'resnet' is not known; choose from ddrnet_23_slim"),
        ({"head": "both"}, "head 'both' is not known; choose from semantic, binary"),
        ({"head": "binary", "class_count": 3}, "head 'binary' is for 2 classes, not 3"),
    ],
)
def test_what_there_is_not_is_refused_by_name(settings, expected):
    with pytest.raises(ValueError, match=expected):
        build_net(**{"name": "ddrnet_23_slim", "height": 64, "width": 64, "class_count": 2, **settings})
