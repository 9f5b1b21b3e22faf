"""What every network of the registry promises."""

import keras
import numpy as np
import pytest

from rt_seg.cameras.d435 import COLOR_FOCAL_LENGTH
from rt_seg_training.nets.binary_head import BinaryLogits
from rt_seg_training.nets.depth_fusion import DepthChannels
from rt_seg_training.nets.registry import DEPTH_NETS, NETS, build_net
from rt_seg_training.optimization.losses import SegmentationCrossEntropy

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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ddrnet_23_slim", "ddrnet_23_slim_rgbd", "unet_mobilenet_v3", "lite0_pyramid_rgbd"])
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


def _with_colour_weights(name, without):
    """The networks with depth `name` and `without` it, with equal weights in the layers that both have."""
    with_depth, plain = (build_net(net, 64, 96, 3) for net in (name, without))
    for layer in plain.layers:
        layer.set_weights(with_depth.get_layer(layer.name).get_weights() if layer.weights else [])
    return with_depth, plain


@pytest.mark.parametrize(
    ("name", "without"),
    [
        ("ddrnet_23_slim_rgbd", "ddrnet_23_slim"),
        ("ddrnet_23_slim_rgbd_stem", "ddrnet_23_slim"),
        ("lite0_pyramid_rgbd", "lite0_pyramid"),
    ],
)
def test_without_a_reading_the_network_with_depth_computes_what_the_one_without_does(name, without):
    with_depth, plain = _with_colour_weights(name, without)
    for layer in with_depth.layers:
        if layer.name.endswith("_projection_conv"):  # 0 before training, so that depth begins by changing nothing
            layer.set_weights([np.random.default_rng(3).normal(size=layer.kernel.shape)])
    expected = plain(_image())
    for nothing in (0.0, np.nan, 60.0):
        depth = np.full((2, 64, 96, 1), nothing, np.float32)
        np.testing.assert_array_equal(with_depth([_image(), depth]), expected, err_msg=f"depth {nothing}")
    assert not np.allclose(with_depth([_image(), _depth()]), expected, atol=1e-3)


def test_the_network_of_depth_alone_does_not_look_at_the_image():
    model = build_net("ddrnet_23_slim_depth", 64, 96, 3)
    np.testing.assert_array_equal(model([_image(), _depth()]), model([_image(seed=5), _depth()]))
    assert not np.allclose(model([_image(), _depth()]), model([_image(), _depth(seed=5)]), atol=1e-3)


def multiply_adds(model):
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    return sum(int(np.prod(layer.output.shape[1:])) * int(np.prod(layer.kernel.shape[:3])) for layer in convolutions)


@pytest.mark.parametrize("name", ["ddrnet_23_slim", "lite0_pyramid"])
def test_the_depth_branch_costs_less_than_15_percent_of_the_multiply_adds_at_480x640(name):
    fused, plain = (build_net(net, 480, 640, 13) for net in (f"{name}_rgbd", name))
    assert 1.0 < multiply_adds(fused) / multiply_adds(plain) < 1.15
    assert fused.count_params() < 1.05 * plain.count_params()


def test_depth_of_the_pyramid_begins_by_changing_nothing():
    with_depth, plain = _with_colour_weights("lite0_pyramid_rgbd", "lite0_pyramid")
    np.testing.assert_array_equal(with_depth([_image(), _depth()]), plain(_image()))


def test_slants_tell_a_floor_from_a_wall_at_any_size_and_distance_and_through_holes():
    for height, width in ((240, 320), (480, 640)):
        row = (np.arange(height) + 0.5 - height / 2) / (COLOR_FOCAL_LENGTH * width)
        column = (np.arange(width) + 0.5 - width / 2) / (COLOR_FOCAL_LENGTH * width)
        below = row[3 * height // 4]
        scenes = {
            "wall": (np.full((height, width), 3.0), 0.0, 0.0),
            "floor": (np.broadcast_to(1.2 / np.maximum(row, 0.01)[:, None], (height, width)), 0.0, -1 / below),
            "wall at the left": (np.broadcast_to(-1.0 / np.minimum(column, -0.01), (height, width)), 1 / 0.3, 0.0),
        }
        for name, (depth, right, down) in scenes.items():
            holes = np.random.default_rng(0).random(depth.shape) < 0.3
            depth = np.where(holes | (depth > 9), 0, depth).astype(np.float32)[None, ..., None]
            channels = keras.ops.convert_to_numpy(DepthChannels()(depth))
            place = channels[0, 3 * height // 4, int(width * (0.5 - 0.3 * COLOR_FOCAL_LENGTH)), 2:]
            expected = [slope / np.hypot(1, slope) for slope in (right, down)]
            np.testing.assert_allclose(place, expected, atol=0.06, err_msg=f"{name} at {width}x{height}")


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
