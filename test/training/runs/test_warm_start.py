"""Weights come back out of an exported bundle, and the net goes on learning from where it was."""
import json

import keras
import numpy as np
import pytest

from rt_seg.bundle import load_bundle
from rt_seg.labels import labels_from_dict
from rt_seg_training.configuration import TrainingConfiguration
from rt_seg_training.export import bundle_export as exporting
from rt_seg_training.input_pipeline.batches import normalize
from rt_seg_training.nets.ddrnet import ddrnet_23_slim
from rt_seg_training.nets.registry import build_net
from rt_seg_training.runs.run_folder import RunFolder
from rt_seg_training.runs.warm_start import WarmStartError, load_exported_network, warm_start

CLASSES = [{"id": i, "name": name, "color": [i, i, i]} for i, name in enumerate(("floor", "peg", "hole"))]
LABELS = labels_from_dict({"classes": CLASSES}, "test")


def _pictures(count: int) -> list[np.ndarray]:
    return [np.random.default_rng(i).integers(0, 256, (64, 96, 3), dtype=np.uint8) for i in range(count)]


def _batches(count: int) -> list[np.ndarray]:
    return [normalize(np.stack(_pictures(4))).numpy() for _ in range(count)]


@pytest.fixture(scope="module")
def trained():
    """A net whose batch normalisation is far from its initial values, as after training."""
    keras.utils.set_random_seed(3)
    model = ddrnet_23_slim(64, 96, len(LABELS), auxiliary_head=True)
    random = np.random.default_rng(4)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.gamma.shape
            low_high = ((0.5, 1.5), (-0.3, 0.3), (-0.3, 0.3), (0.5, 2.0))
            layer.set_weights([random.uniform(low, high, shape).astype(np.float32) for low, high in low_high])
    return model


@pytest.fixture(scope="module")
def bundle_folder(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    TrainingConfiguration(
        dataset="x", train_split="train", validation_split="validation",
        height=64, width=96, crop_height=64, crop_width=64, steps=1, run=str(folder),
    ).save(RunFolder(folder).configuration)  # fmt: skip
    RunFolder(folder).labels.write_text(json.dumps(LABELS.to_dict()))
    trained.save_weights(RunFolder(folder).weights)
    output = tmp_path_factory.mktemp("bundle") / "probe"
    exporting.export_bundle(folder, output, "probe", "1.0.0", "MIT", _pictures(2), precision="f32")
    return output


def test_the_network_read_back_from_a_bundle_computes_what_was_exported(trained, bundle_folder):
    again = load_exported_network(load_bundle(bundle_folder))
    image = normalize(_pictures(1)[0][np.newaxis])
    expected = np.asarray(trained(image, training=False)[0])
    assert np.abs(np.asarray(again(image, training=False)) - expected).max() < 1e-4 * np.abs(expected).max()


def test_a_warm_start_computes_the_same_at_inference_and_in_training_mode_starts_from_measured_statistics(
    trained, bundle_folder
):
    model = ddrnet_23_slim(64, 96, len(LABELS), auxiliary_head=True)
    fresh = warm_start(model, bundle_folder, _batches(1))
    assert fresh and all(name.startswith("auxiliary_head") for name in fresh)
    batch = _batches(1)[0]
    expected = np.asarray(trained(batch, training=False)[0])
    scale = np.abs(expected).max()
    assert np.abs(np.asarray(model(batch, training=False)[0]) - expected).max() < 1e-3 * scale
    # The statistics of this batch are those that were measured, so normalising by the batch changes next to nothing.
    assert np.abs(np.asarray(model(batch, training=True)[0]) - expected).max() < 0.02 * scale


def test_a_head_for_other_classes_stays_random_and_all_else_is_taken(bundle_folder):
    model = ddrnet_23_slim(64, 96, 7)
    assert warm_start(model, bundle_folder, _batches(1)) == ["head_2_conv"]


@pytest.mark.parametrize("name", ["ddrnet_23_slim_rgbd", "ddrnet_23_slim_rgbd_stem"])
def test_a_network_with_depth_starts_as_the_colour_network_of_the_bundle(trained, bundle_folder, name):
    model = build_net(name, 64, 96, len(LABELS))
    fresh = warm_start(model, bundle_folder, _batches(1))
    assert fresh and all(layer.startswith("depth_") for layer in fresh)
    batch = _batches(1)[0]
    expected = np.asarray(trained(batch, training=False)[0])
    without_depth = np.asarray(model([batch, np.zeros((4, 64, 96, 1), np.float32)], training=False))
    assert np.abs(without_depth - expected).max() < 1e-3 * np.abs(expected).max()


def test_a_bundle_of_another_network_is_refused(bundle_folder, monkeypatch):
    from rt_seg_training.runs import warm_start as module

    monkeypatch.setattr(module, "build_net", lambda name, *size: build_net("unet_mobilenet_v3", *size))
    with pytest.raises(WarmStartError, match="is not the network to be trained"):
        load_exported_network(load_bundle(bundle_folder))


def test_pictures_are_needed(bundle_folder):
    with pytest.raises(WarmStartError, match="no pictures"):
        warm_start(ddrnet_23_slim(64, 96, len(LABELS)), bundle_folder, [])
