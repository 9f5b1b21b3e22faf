"""A custom set with depth through the commands, from folders to a scored bundle, by one key of the configuration."""

import json

import keras
import numpy as np
import pytest
import yaml
from PIL import Image

from rt_seg.bundle import load_bundle
from rt_seg_training.commands import evaluate as evaluate_command
from rt_seg_training.commands import export as export_command
from rt_seg_training.commands import train as train_command
from rt_seg_training.datasets.building import build_dataset
from rt_seg_training.nets import registry
from rt_seg_training.nets.depth_fusion import DepthChannels

SETTINGS = {
    "dataset": "boxes", "train_split": "train", "validation_split": "validation", "height": 64, "width": 64,
    "crop_height": 64, "crop_width": 64, "batch_size": 4, "steps": 40, "validate_every": 40, "warmup_steps": 2,
    "learning_rate": 0.01, "scale_min": 1.0, "scale_max": 1.0, "auxiliary_weight": 0.0, "depth_noise": 0.0,
    "depth_dropout": 0.0, "initial_weights": "random",
}  # fmt: skip


@pytest.fixture
def data_dir(tmp_path):
    """Boxes at 0.8 m before a wall at 2.5 m, in images of noise: only depth tells where they are."""
    source = tmp_path / "boxes"
    for folder in ("rgb", "gt", "depth"):
        (source / folder).mkdir(parents=True)
    for number in range(12):
        random = np.random.default_rng(number)
        mask = np.zeros((64, 64), np.uint8)
        top, left = random.integers(0, 32, 2)
        mask[top : top + 32, left : left + 32] = 1
        depth = np.where(mask == 1, 800, 2500) + random.integers(0, 10, mask.shape)
        for folder, image in (("rgb", random.integers(0, 256, (64, 64, 3), np.uint8)), ("gt", mask),
                              ("depth", depth.astype(np.uint16))):  # fmt: skip
            Image.fromarray(image).save(source / folder / f"{number:02d}.png")
    classes = [{"id": 0, "name": "wall", "color": [0, 0, 0]}, {"id": 1, "name": "box", "color": [255, 0, 0]}]
    (source / "labels.yaml").write_text(yaml.safe_dump({"classes": classes}))
    names = [f"{number:02d}" for number in range(12)]
    (source / "splits.yaml").write_text(yaml.safe_dump({"train": names[:8], "validation": names[8:]}))
    build_dataset("custom", source, data_dir=tmp_path / "built")
    return tmp_path / "built"


def small_net(name, height, width, class_count, auxiliary_head=False, head="semantic"):
    """Of the inputs of ddrnet_23_slim_rgbd, and compiled in a second; that network itself is in test_exporting."""
    assert name == "ddrnet_23_slim_rgbd"
    image, depth = keras.Input((height, width, 3), name="image"), keras.Input((height, width, 1), name="depth")
    features = keras.layers.Concatenate()([image, DepthChannels()(depth)])
    for _ in range(2):
        features = keras.layers.Conv2D(16, 3, 2, "same", use_bias=False)(features)
        features = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.8)(features))
    return keras.Model([image, depth], keras.layers.Conv2D(class_count, 1, dtype="float32")(features))


@pytest.mark.slow
def test_the_net_with_depth_is_one_key_and_sees_what_colour_does_not_show(data_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "build_net", small_net)
    run, bundle, data = tmp_path / "run", tmp_path / "boxes_bundle", ["--data-dir", str(data_dir)]
    (tmp_path / "boxes.yaml").write_text(yaml.safe_dump({**SETTINGS, "net": "ddrnet_23_slim_rgbd"}))
    assert train_command.main([str(tmp_path / "boxes.yaml"), "--run", str(run), *data]) == 0
    assert export_command.main(
        [str(run), "--output", str(bundle), "--license", "MIT", "--precision", "f32", "--count", "4", *data]
    ) == 0  # fmt: skip
    assert load_bundle(bundle).input.channels == "rgbd"
    found = {}
    for name, options in (("with", []), ("without", ["--without-depth"])):
        assert evaluate_command.main([str(bundle), "--output", str(tmp_path / name), *options, *data]) == 0
        found[name] = json.loads((tmp_path / name / "scores.json").read_text())["mean_iou"]
    assert found["with"] > 0.7
    assert found["with"] > found["without"] + 0.2
