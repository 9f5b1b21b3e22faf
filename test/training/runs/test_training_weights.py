"""The weights in a bundle, from which a training starts."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from rt_seg.bundle import Bundle, InputSpec
from rt_seg.labels import labels_from_dict
from rt_seg_training.nets.registry import build_net
from rt_seg_training.runs.training_weights import (
    FILE,
    TrainingWeightsError,
    load_training_weights,
    network_of,
    write_training_weights,
)

CLASSES = [{"id": i, "name": name, "color": [i, i, i]} for i, name in enumerate(("floor", "peg", "hole"))]
LABELS = labels_from_dict({"classes": CLASSES}, "test")
SPEC = InputSpec(64, 96, "rgb", (0.5,) * 3, (0.5,) * 3)


@pytest.fixture(scope="module")
def trained():
    """A net whose batch normalisation is far from its initial values, as after training."""
    keras.utils.set_random_seed(3)
    model = build_net("lite0_pyramid", 64, 96, len(LABELS))
    random = np.random.default_rng(4)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            low_high = ((0.5, 1.5), (-0.3, 0.3), (-0.3, 0.3), (1e-6, 2.0))
            layer.set_weights([random.uniform(low, high, layer.gamma.shape) for low, high in low_high])
    return model


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory):
    place = tmp_path_factory.mktemp("bundle")
    write_training_weights(trained, place, "semantic")
    return place


def _images():
    return np.random.default_rng(0).normal(size=(2, 64, 96, 3)).astype(np.float32)


def _bundle(folder: Path) -> Bundle:
    return Bundle(folder, "probe", "1.0.0", SPEC, LABELS, (), "MIT")


def test_the_network_of_a_bundle_computes_what_was_trained_and_takes_half_of_its_bytes(trained, folder):
    expected = np.asarray(trained(_images(), training=False))
    made = np.asarray(network_of(_bundle(folder))(_images(), training=False))
    assert np.abs(made - expected).max() < 5e-3 * np.abs(expected).max()
    assert (folder / FILE).stat().st_size < 0.54 * 4 * trained.count_params()


def test_a_head_for_other_classes_stays_random_and_all_else_is_taken(folder, trained):
    model = build_net("lite0_pyramid", 64, 64, 7)
    assert load_training_weights(model, folder) == ["head_conv"]
    name = "pyramid8_bn"
    for taken, given in zip(model.get_layer(name).get_weights(), trained.get_layer(name).get_weights()):
        np.testing.assert_array_equal(taken, given)


def test_a_network_with_depth_starts_as_the_colour_network_of_the_bundle(folder, trained):
    model = build_net("lite0_pyramid_rgbd", 64, 96, len(LABELS))
    fresh = load_training_weights(model, folder)
    assert fresh and all(layer.startswith("depth_") for layer in fresh)
    expected = np.asarray(trained(_images(), training=False))
    made = np.asarray(model([_images(), np.ones((2, 64, 96, 1), np.float32)], training=False))
    assert np.abs(made - expected).max() < 5e-3 * np.abs(expected).max()


def test_a_bundle_without_weights_of_another_net_or_damaged_is_refused_with_what_to_do(folder, tmp_path):
    model = build_net("unet_mobilenet_v3", 64, 64, 2)
    with pytest.raises(TrainingWeightsError, match="is of the network lite0_pyramid, of which unet_"):
        load_training_weights(model, folder)
    with pytest.raises(TrainingWeightsError, match="holds no weights.safetensors.*export its run again"):
        load_training_weights(model, tmp_path)
    (tmp_path / FILE).write_bytes((folder / FILE).read_bytes()[:-100])
    with pytest.raises(TrainingWeightsError, match="damaged"):
        load_training_weights(model, tmp_path)


def test_the_network_of_other_labels_is_refused(folder):
    labels = labels_from_dict({"classes": CLASSES[:2]}, "test")
    with pytest.raises(TrainingWeightsError, match="lacks the layers head_conv"):
        network_of(dataclasses.replace(_bundle(folder), labels=labels))


def test_weights_beyond_16_bits_are_not_written(tmp_path):
    model = build_net("lite0_pyramid", 64, 64, 2)
    model.get_layer("head_conv").kernel.assign(np.full(model.get_layer("head_conv").kernel.shape, 1e6))
    with pytest.raises(TrainingWeightsError, match="head_conv/kernel: holds values that are not finite in 16 bits"):
        write_training_weights(model, tmp_path, "semantic")
    assert not (tmp_path / FILE).exists()
