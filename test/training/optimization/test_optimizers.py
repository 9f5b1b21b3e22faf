"""The optimizers against the formulas of their papers."""

import dataclasses

import keras
import numpy as np
import pytest

from rt_seg_training.configuration import TrainingConfiguration
from rt_seg_training.optimization.optimizers import RectifiedAdam, build_optimizer, copy_averaged_weights
from rt_seg_training.optimization.training_step import compile_step

CONFIGURATION = TrainingConfiguration(
    dataset="x", train_split="train", validation_split="validation", height=64, width=64, crop_height=64,
    crop_width=64, steps=1000, warmup_steps=0, learning_rate=0.1, weight_decay=0.0,
)  # fmt: skip
OPTIMIZERS = ("sgd", "adam", "adamw", "radam")


def _gradients(steps, size=4):
    return np.random.default_rng(0).normal(size=(steps, size)).astype(np.float32)


def _rectified_adam(start, gradients, rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """Algorithm 2 of arXiv:1908.03265 in float64; also how many steps were adaptive."""
    value, first, second, adaptive = start.astype(np.float64), 0.0, 0.0, 0
    longest = 2 / (1 - beta_2) - 1
    for step, gradient in enumerate(gradients.astype(np.float64), start=1):
        first = beta_1 * first + (1 - beta_1) * gradient
        second = beta_2 * second + (1 - beta_2) * gradient**2
        corrected = first / (1 - beta_1**step)
        length = longest - 2 * step * beta_2**step / (1 - beta_2**step)
        if length > 4:
            adaptive += 1
            scale = np.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
            value = value - rate * scale * corrected / (np.sqrt(second / (1 - beta_2**step)) + epsilon)
        else:
            value = value - rate * corrected
    return value, adaptive


def test_rectified_adam_equals_the_algorithm_of_the_paper_on_both_sides_of_its_switch():
    gradients, start = _gradients(12), np.array([1.0, -2.0, 0.5, 3.0], np.float32)
    variable, optimizer = keras.Variable(start), RectifiedAdam(0.01)
    for gradient in gradients:
        optimizer.apply([gradient], [variable])
    expected, adaptive = _rectified_adam(start, gradients, 0.01)
    assert 0 < adaptive < len(gradients)
    np.testing.assert_allclose(variable.numpy(), expected, rtol=2e-5)


def test_rectified_adam_is_restored_from_its_configuration():
    optimizer = RectifiedAdam(0.01, beta_2=0.99, weight_decay=0.1)
    restored = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert restored.get_config() == optimizer.get_config()


def _model():
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.BatchNormalization()(keras.layers.Dense(3)(inputs)))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_takes_its_share_of_the_kernels_and_spares_biases_and_batch_normalisation(name):
    configuration = dataclasses.replace(CONFIGURATION, optimizer=name, weight_decay=0.2)
    model = _model()
    variables = model.trainable_variables
    for variable in variables:
        variable.assign(np.ones(variable.shape))
    optimizer = build_optimizer(configuration, variables)
    optimizer.apply([np.zeros(variable.shape, np.float32) for variable in variables], variables)
    for variable in variables:
        expected = 1 - 0.1 * 0.2 if variable.path.endswith("kernel") else 1
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-6, err_msg=variable.path)


def test_gradients_are_clipped_by_their_norm_over_all_variables():
    configuration = dataclasses.replace(CONFIGURATION, optimizer="sgd", gradient_clip_norm=1.0)
    variables = [keras.Variable([0.0]), keras.Variable([0.0])]
    build_optimizer(configuration, variables).apply([np.array([3.0]), np.array([4.0])], variables)
    np.testing.assert_allclose([float(v.numpy()[0]) for v in variables], [-0.1 * 0.6, -0.1 * 0.8], rtol=1e-5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_averaged_weights_are_the_moving_averages_of_the_weights(name):
    configuration = dataclasses.replace(CONFIGURATION, optimizer=name, ema=0.8)
    model, target = _model(), _model()
    optimizer = build_optimizer(configuration, model.trainable_variables)
    kernel, average = model.trainable_variables[0], None
    for step in range(4):
        gradients = [np.full(v.shape, step - 1.0, np.float32) for v in model.trainable_variables]
        optimizer.apply(gradients, model.trainable_variables)
        average = kernel.numpy() if average is None else 0.8 * average + 0.2 * kernel.numpy()
    model.compile(optimizer)
    copy_averaged_weights(model, target)
    np.testing.assert_allclose(target.trainable_variables[0].numpy(), average, rtol=1e-5)
    assert np.abs(average - kernel.numpy()).max() > 1e-3


def test_without_averaging_the_weights_are_copied():
    model, target = _model(), _model()
    model.compile(build_optimizer(CONFIGURATION, model.trainable_variables))
    copy_averaged_weights(model, target)
    for variable, copy in zip(model.variables, target.variables):
        np.testing.assert_array_equal(variable.numpy(), copy.numpy())


def test_the_learning_rate_falls_by_the_chosen_schedule():
    halves = {}
    for schedule in ("poly", "cosine"):
        optimizer = build_optimizer(dataclasses.replace(CONFIGURATION, schedule=schedule), [])
        optimizer.iterations.assign(500)
        halves[schedule] = float(optimizer.learning_rate)
    assert halves == pytest.approx({"poly": 0.1 * 0.5**0.9, "cosine": 0.05}, rel=1e-5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_encoder_moves_at_its_share_of_the_learning_rate(name):
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3, name="encoder_dense")(inputs)
    variables = keras.Model(inputs, keras.layers.Dense(3, name="head")(hidden)).trainable_variables
    before = [variable.numpy() for variable in variables]
    configuration = dataclasses.replace(
        CONFIGURATION, optimizer=name, net="lite0_pyramid", encoder_learning_rate_share=0.25
    )
    optimizer = build_optimizer(configuration, variables)
    for _ in range(2):
        optimizer.apply([np.ones(variable.shape, np.float32) for variable in variables], variables)
    moved = {v.path: np.abs(v.numpy() - old).mean() for v, old in zip(variables, before)}
    for part in ("kernel", "bias"):
        assert moved[f"encoder_dense/{part}"] == pytest.approx(0.25 * moved[f"head/{part}"], rel=1e-4)
        assert moved[f"head/{part}"] > 0.01


def test_an_encoder_of_random_weights_moves_as_fast_as_the_rest():
    variable = keras.Variable(np.zeros(3, np.float32), name="encoder_kernel")
    for start, moved in (("imagenet", 0.025), ("random", 0.1)):
        variable.assign(np.zeros(3, np.float32))
        configuration = dataclasses.replace(
            CONFIGURATION, optimizer="sgd", net="lite0_pyramid", initial_weights=start, encoder_learning_rate_share=0.25
        )
        build_optimizer(configuration, [variable]).apply([np.ones(3, np.float32)], [variable])
        np.testing.assert_allclose(variable.numpy(), -moved, rtol=1e-5, err_msg=start)


def test_a_warm_up_that_would_never_end_is_a_quarter_of_the_run():
    configuration = dataclasses.replace(CONFIGURATION, steps=40, warmup_steps=50)
    optimizer = build_optimizer(configuration, [])
    optimizer.iterations.assign(10)
    assert float(optimizer.learning_rate) == pytest.approx(0.1, rel=1e-5)
    assert dataclasses.replace(CONFIGURATION, steps=51, warmup_steps=50).warmup == 50


def test_compiling_the_step_leaves_the_optimizer_as_it_was_however_often():
    configuration = dataclasses.replace(CONFIGURATION, optimizer="sgd", gradient_clip_norm=2.0)

    class TwoReplicas:
        num_replicas_in_sync = 2

    model = _model()
    model.compile(build_optimizer(configuration, model.trainable_variables))
    for _ in range(2):
        compile_step(model, keras.losses.MeanSquaredError(), [1.0], TwoReplicas())
    assert model.optimizer.global_clipnorm == 2.0
