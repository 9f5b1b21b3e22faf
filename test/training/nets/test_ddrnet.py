"""DDRNet against the published network: counts, padding, normalisation, and the defects of earlier ports."""

import keras
import numpy as np
import pytest

from rt_seg_training.nets.ddrnet import (
    BilinearResizeLike,
    ZeroPaddedAveragePooling,
    _convolve,
    ddrnet_23,
    ddrnet_23_slim,
    ddrnet_23_slim_lean,
    ddrnet_39,
)


def _count(variables):
    return sum(int(np.prod(variable.shape)) for variable in variables)


def _multiply_adds(model):
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            _, height, width, channels = layer.output.shape
            total += height * width * channels * int(np.prod(layer.kernel.shape[:3]))
    return total


@pytest.mark.parametrize(
    ("classes", "auxiliary", "trainable", "moving"),
    [
        (19, False, 5_695_987, 19_840),
        (19, True, 5_734_342, 20_096),
        (11, False, 5_695_467, 19_840),
        (11, True, 5_733_302, 20_096),
        (2, False, 5_694_882, 19_840),
    ],
)
def test_parameter_counts_are_the_published_ones(classes, auxiliary, trainable, moving):
    model = ddrnet_23_slim(64, 64, classes, auxiliary)
    assert _count(model.trainable_weights) == trainable
    assert _count(model.non_trainable_weights) == moving


@pytest.mark.parametrize(
    ("height", "width", "classes", "billions"), [(1024, 2048, 19, 36.28), (480, 640, 19, 5.32), (384, 480, 11, 3.18)]
)
def test_multiply_adds_are_the_published_ones(height, width, classes, billions):
    assert _multiply_adds(ddrnet_23_slim(height, width, classes)) / 1e9 == pytest.approx(billions, abs=0.02)


def test_the_lean_network_has_half_of_the_multiply_adds_and_a_low_resolution_branch_of_the_same_channels():
    lean, slim = ddrnet_23_slim_lean(480, 640, 6), ddrnet_23_slim(480, 640, 6)
    assert _multiply_adds(lean) < 0.52 * _multiply_adds(slim)
    low = [layer.name for layer in lean.layers if layer.name.startswith(("layer3_low", "layer4_low")) and layer.weights]
    assert len(low) > 12
    for name in low:
        assert [w.shape for w in lean.get_layer(name).weights] == [w.shape for w in slim.get_layer(name).weights]


@pytest.mark.slow
def test_the_larger_networks_have_the_published_size():
    model = ddrnet_23(1024, 2048, 19)
    assert _count(model.trainable_weights) == 20_148_947
    assert _multiply_adds(model) / 1e9 == pytest.approx(143.1, abs=0.1)
    model = ddrnet_39(1024, 2048, 19)
    assert _count(model.trainable_weights) / 1e6 == pytest.approx(32.3, abs=0.1)
    assert _multiply_adds(model) / 1e9 == pytest.approx(281.2, abs=0.1)


@pytest.mark.parametrize("size", [(360, 480), (480, 640), (365, 500)])
def test_logits_are_at_one_eighth_for_any_size(size):
    model = ddrnet_23_slim(*size, 11, auxiliary_head=True)
    expected = (None, -(-size[0] // 8), -(-size[1] // 8), 11)
    assert [output.shape for output in model.outputs] == [expected, expected]


def test_calling_the_model_leaves_the_moving_averages_alone():
    model = ddrnet_23_slim(64, 96, 3)
    before = [weight.numpy().copy() for weight in model.non_trainable_weights]
    image = np.random.default_rng(0).normal(size=(2, 64, 96, 3)).astype(np.float32)
    called = model(image).numpy()
    for weight, old in zip(model.non_trainable_weights, before):
        np.testing.assert_array_equal(weight.numpy(), old)
    np.testing.assert_allclose(called, model.predict(image, verbose=0), rtol=1e-3, atol=1e-3)


def test_batch_norm_has_the_published_momentum_and_epsilon():
    layers = [layer for layer in ddrnet_23_slim(64, 64, 2).layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {(layer.momentum, layer.epsilon) for layer in layers} == {(0.9, 1e-5)}


def test_stride_2_convolution_pads_the_left_and_top_too():
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, _convolve(inputs, 1, 3, 2, "probe"))
    corner_tap = np.zeros((3, 3, 1, 1), np.float32)
    corner_tap[0, 0] = 1
    model.set_weights([corner_tap])
    image = np.arange(64, dtype=np.float32).reshape(1, 8, 8, 1)
    output = model(image).numpy()[0, ..., 0]
    np.testing.assert_array_equal(output[0], 0)
    np.testing.assert_array_equal(output[1], [0, 9, 11, 13])


def test_pyramid_pooling_counts_padded_zeros_in_the_mean():
    output = keras.ops.convert_to_numpy(ZeroPaddedAveragePooling(5, 2)(np.ones((1, 8, 8, 1), np.float32)))
    assert output.shape == (1, 4, 4, 1)
    assert output[0, 0, 0, 0] == pytest.approx(9 / 25)
    assert output[0, 1, 1, 0] == pytest.approx(1.0)


def test_resize_uses_half_pixel_centres():
    source = np.array([0.0, 1.0], np.float32).reshape(1, 1, 2, 1)
    output = BilinearResizeLike()([source, np.zeros((1, 1, 4, 1), np.float32)])
    np.testing.assert_allclose(np.ravel(output), [0, 0.25, 0.75, 1], atol=1e-6)


def test_projection_shortcut_and_last_block_of_a_stage_have_no_relu():
    model = ddrnet_23_slim(64, 64, 2)
    for stage in ("layer2", "layer3_low", "layer4_low"):
        addition = model.get_layer(f"{stage}_block1_add")
        names = {tensor._keras_history.operation.name for tensor in addition.input}
        assert f"{stage}_block1_shortcut_bn" in names
        assert f"{stage}_block2_relu" not in {layer.name for layer in model.layers}


def test_without_auxiliary_head_no_trace_of_it_is_left():
    assert not [layer.name for layer in ddrnet_23_slim(64, 64, 2).layers if layer.name.startswith("auxiliary")]
