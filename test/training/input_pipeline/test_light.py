"""Light in TensorFlow and in NumPy: in range, decided by the seed, the same in a graph, and what each name says."""

import numpy as np
import pytest
import tensorflow as tf

from rt_seg_training import light_model
from rt_seg_training.configuration import TrainingConfiguration
from rt_seg_training.input_pipeline import light as pipeline
from rt_seg_training.input_pipeline.batches import light_up
from rt_seg_training.input_pipeline.photometric import sometimes
from rt_seg_training.offline_augmentation import light as offline

CHANGES = {
    "cast_light": (pipeline.cast_light, offline.cast_light),
    "add_glints": (pipeline.add_glints, offline.add_glints),
    "change_gamma": (lambda i, s: pipeline.change_gamma(i, 0.4, s), lambda i, r: offline.change_gamma(i, 0.4, r)),
    "change_temperature": (
        lambda i, s: pipeline.change_temperature(i, 0.3, s), lambda i, r: offline.change_temperature(i, 0.3, r)
    ),
}  # fmt: skip
SETTINGS = {
    "dataset": "x", "train_split": "train", "validation_split": "validation", "height": 64, "width": 96,
    "crop_height": 64, "crop_width": 64, "steps": 1,
}  # fmt: skip


def _image(height=48, width=64):
    return np.random.default_rng(0).integers(20, 200, (height, width, 3)).astype(np.float32)


def _in_tensorflow(change, image, seed):
    return change(tf.constant(image), (seed, 7)).numpy()


def _in_numpy(change, image, seed):
    return change(image, np.random.default_rng(seed))


BOTH = [(run, change[place]) for change in CHANGES.values() for place, run in enumerate((_in_tensorflow, _in_numpy))]


@pytest.mark.parametrize(("run", "change"), BOTH)
def test_each_change_keeps_size_and_range_and_follows_its_seed(run, change):
    seen = []
    for seed in range(12):
        changed = run(change, _image(), seed)
        assert changed.shape == (48, 64, 3) and changed.dtype == np.float32
        assert np.isfinite(changed).all() and 0 <= changed.min() and changed.max() <= 255.01
        np.testing.assert_array_equal(changed, run(change, _image(), seed))
        seen.append(changed)
    assert all(np.abs(a - b).max() > 0.5 for a, b in zip(seen, seen[1:]))


@pytest.mark.parametrize("change", [pair[0] for pair in CHANGES.values()], ids=CHANGES)
def test_a_graph_gives_what_eager_execution_gives(change):
    in_graph = tf.function(lambda image, seed: sometimes(0.9, change, image, seed))
    for seed in range(6):
        start = tf.constant([seed, 1], tf.int64)
        eager = sometimes(0.9, change, tf.constant(_image()), start)
        np.testing.assert_allclose(in_graph(tf.constant(_image()), start), eager, atol=0.01)


@pytest.mark.parametrize(("run", "place"), [(_in_tensorflow, 0), (_in_numpy, 1)])
def test_the_sun_falls_on_a_part_of_the_image_with_the_ratio_of_sun_to_shade(run, place):
    grey = np.full((96, 128, 3), 60.0, np.float32)
    ratios, shares = [], []
    for seed in range(40):
        lit = run(CHANGES["cast_light"][place], grey, seed)[..., 1]
        if lit.max() < 250 and lit.max() > lit.min() + 5:
            ratios.append((lit.max() / lit.min()) ** light_model.DISPLAY_GAMMA)
            shares.append((lit > (lit.max() + lit.min()) / 2).mean())
    assert len(ratios) > 20
    assert 0.99 * 1.2 < min(ratios) and max(ratios) < 1.01 * light_model.SUN_RATIO[1]
    assert max(ratios) > 4
    assert min(shares) < 0.3 and max(shares) > 0.7  # patches of sun, and patches of shade


@pytest.mark.parametrize(("run", "place"), [(_in_tensorflow, 0), (_in_numpy, 1)])
def test_edges_are_hard_in_some_images_and_soft_in_others(run, place):
    grey = np.full((240, 320, 3), 60.0, np.float32)
    steepest = []
    for seed in range(30):
        lit = run(CHANGES["cast_light"][place], grey, seed)[..., 1]
        if np.ptp(lit) > 20:
            steepest.append(np.abs(np.diff(lit, axis=1)).max() / np.ptp(lit))
    assert max(steepest) > 0.5 and min(steepest) < 0.1


@pytest.mark.parametrize(("run", "place"), [(_in_tensorflow, 0), (_in_numpy, 1)])
def test_glints_are_small_bright_and_leave_the_rest_alone(run, place):
    black = np.zeros((120, 160, 3), np.float32)
    spots = np.stack([run(CHANGES["add_glints"][place], black, seed)[..., 0] for seed in range(30)])
    assert (spots > 254).any()
    assert 0.0005 < (spots > 30).mean() < 0.2
    assert (spots < 1).mean() > 0.5


@pytest.mark.parametrize(("run", "place"), [(_in_tensorflow, 0), (_in_numpy, 1)])
def test_gamma_keeps_black_white_and_order(run, place):
    ramp = np.repeat(np.linspace(0, 255, 64, dtype=np.float32)[None, :, None], 3, axis=2)
    for seed in range(5):
        changed = run(CHANGES["change_gamma"][place], ramp, seed)
        np.testing.assert_allclose(changed[0, [0, -1]], ramp[0, [0, -1]], atol=0.01)
        assert (np.diff(changed, axis=1) > 0).all()


@pytest.mark.parametrize(("run", "place"), [(_in_tensorflow, 0), (_in_numpy, 1)])
def test_warm_light_has_as_much_more_red_as_it_has_less_blue(run, place):
    grey = np.full((4, 4, 3), 100.0, np.float32)
    warmth = []
    for seed in range(20):
        red, green, blue = run(CHANGES["change_temperature"][place], grey, seed)[0, 0]
        assert red * blue == pytest.approx(100.0**2, rel=1e-4)
        assert abs(np.log(green / 100)) <= 0.3 / 4 + 1e-4
        warmth.append(np.log(red / 100))
    assert -0.301 <= min(warmth) < -0.1 and 0.1 < max(warmth) <= 0.301


def test_the_light_of_the_configuration_can_be_switched_off():
    off = TrainingConfiguration(**SETTINGS, sunlight=0.0, glints=0.0, gamma=0.0, color_temperature=0.0)
    image = tf.constant(_image())
    np.testing.assert_array_equal(light_up(image, off, tf.constant([1, 2], tf.int64)), image)
    on = TrainingConfiguration(**SETTINGS)
    assert np.abs(light_up(image, on, tf.constant([1, 2], tf.int64)) - image).max() > 1
