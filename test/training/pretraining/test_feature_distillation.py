"""DDRNet learns features of EfficientNet-Lite0."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rt_seg_training.nets.registry import build_net
from rt_seg_training.pretraining.feature_distillation import LOW_BRANCH, STRIDES, Teacher, losses, student, trunk
from rt_seg_training.runs.training_weights import load_training_weights, write_training_weights

SIDE = 64


@pytest.fixture(scope="module")
def images():
    """Smooth colours at random: no picture, but no noise, either."""
    coarse = np.random.default_rng(0).uniform(0, 255, (16, 6, 6, 3))
    return tf.image.resize(coarse, (SIDE, SIDE), "bicubic").numpy().clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def teacher(images):
    made = Teacher(SIDE)
    made.measure([images[:8], images[8:]])
    return made


def test_each_channel_of_the_teacher_has_mean_0_and_deviation_1_on_what_was_measured(teacher, images):
    maps, probabilities = teacher(tf.constant(images))
    assert [tuple(m.shape[1:]) for m in maps] == [(8, 8, 40), (4, 4, 112), (2, 2, 320)]
    for values in maps:
        flat = values.numpy().reshape(-1, values.shape[-1])
        assert np.abs(flat.mean(0)).max() < 1e-3
        assert np.median(flat.std(0)) == pytest.approx(1, abs=1e-2)
    np.testing.assert_allclose(probabilities.numpy().sum(-1), 1, atol=1e-5)


def test_a_student_that_answers_the_mean_has_an_error_of_1_and_the_teacher_itself_of_0(teacher, images):
    maps, probabilities = teacher(tf.constant(images))
    size = maps[0].shape[1:3]
    known = [tf.image.resize(values, size) for values in maps]
    known += [maps[STRIDES.index(stride)] for stride in LOW_BRANCH]
    error, divergence = losses([*known, tf.math.log(probabilities + 1e-8)], maps, probabilities)
    assert float(error) < 1e-6 and float(divergence) < 1e-4
    ignorant = [tf.zeros_like(values) for values in known]
    error, divergence = losses([*ignorant, tf.zeros((16, 1000))], maps, probabilities)
    # Maps that are enlarged for 1/8 are smoothed by it, so they vary a little less.
    assert 0.7 < float(error) < 1.01 and float(divergence) > 1


def test_the_outputs_of_the_student_fit_those_of_the_teacher(teacher):
    net = student(trunk("ddrnet_23_slim", SIDE), teacher.channels)
    shapes = [output.shape[1:] for output in net.outputs]
    assert shapes == [(8, 8, 40), (8, 8, 112), (8, 8, 320), (4, 4, 112), (2, 2, 320), (1000,)]


@pytest.mark.parametrize("net", ["ddrnet_23_slim", "ddrnet_23_slim_rgbd"])
def test_a_network_takes_all_of_the_trunk_and_only_its_head_and_depth_stay_random(net, tmp_path):
    keras.utils.set_random_seed(0)
    base = trunk("ddrnet_23_slim", SIDE)
    write_training_weights(base, tmp_path, "features")
    model = build_net(net, 96, 128, 4)
    fresh = load_training_weights(model, tmp_path)
    assert fresh and all(name.startswith(("head_", "depth_")) for name in fresh)
    layer = "layer3_high_block1_1_conv"
    np.testing.assert_allclose(
        model.get_layer(layer).kernel.numpy(), base.get_layer(layer).kernel.numpy(), rtol=1e-3, atol=1e-6
    )
