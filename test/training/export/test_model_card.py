"""The model card tells how a model was made, and nothing of where."""

import dataclasses
from types import SimpleNamespace

import pytest

from rt_seg_training.configuration import TrainingConfiguration
from rt_seg_training.export.bundle_export import Export, Parity
from rt_seg_training.export.model_card import model_card
from rt_seg_training.runs.run_folder import RunFolder

CONFIGURATION = TrainingConfiguration(
    dataset="mine", train_split="train", validation_split="validation", height=64, width=64, crop_height=64,
    crop_width=64, steps=9,
)  # fmt: skip
DATASET = SimpleNamespace(
    name="custom/mine", labels=SimpleNamespace(names=("floor", "peg")), splits={"train": 3, "validation": 1}
)


def _card(folder, export=None, split="train", result='{"steps": 9, "validation_mean_iou": 0.5}', **settings):
    folder.mkdir()
    dataclasses.replace(CONFIGURATION, **{"run": str(folder), **settings}).save(RunFolder(folder).configuration)
    RunFolder(folder).result.write_text(result)
    export = export or Export("int8", [Parity("OpenVINO int8", 0.1, 0.99)], [])
    return model_card("probe", "1.0.0", "MIT", "", folder, DATASET, export, split)


def test_no_setting_tells_of_the_machine_that_trained(tmp_path, monkeypatch):
    monkeypatch.setenv("RT_SEG_MODELS", str(tmp_path / "models"))
    (tmp_path / "models" / "mine").mkdir(parents=True)
    (tmp_path / "models" / "mine" / "bundle.yaml").write_text("")  # named as its run
    home = "/home/anna/customer_x"
    card = _card(
        tmp_path / "mine", dataset=f"{home}/built/mine/1.0.0", teacher=f"{home}/runs/big",
        unlabeled=f"{home}/line3.bag", tensorboard_dir=f"{home}/boards", initial_weights=f"{home}/runs/first",
    )  # fmt: skip
    assert "anna" not in card and "customer_x" not in card and str(tmp_path) not in card
    for line in (
        "dataset: mine", "teacher: runs/big", "unlabeled: line3.bag", "tensorboard_dir: boards", "run: runs/mine",
        "initial_weights: runs/first",
    ):  # fmt: skip
        assert f"\n{line}\n" in card
    assert "\nrun: runs/mine" in _card(tmp_path / "again", run="mine"), "the bundle was meant"
    assert "\ninitial_weights: imagenet\n" in _card(tmp_path / "other", initial_weights="imagenet")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"net": "lite0_pyramid"}, "- **ImageNet weights of the encoder (EfficientNet-Lite0): Apache-2.0**"),
        (
            {},
            "- **Start**: models/tabletop_ddrnet, taught by EfficientNet-Lite0 (ImageNet weights: Apache-2.0)",
        ),
        ({"initial_weights": "random"}, None),
    ],
)
def test_it_names_whose_weights_the_training_started_from(tmp_path, settings, told):
    card = _card(tmp_path / "mine", **settings)
    assert ("Apache-2.0" in card) == (told is not None)
    assert told is None or f"\n{told}\n" in card


def test_it_names_the_split_of_the_calibration_and_the_size_that_was_compared(tmp_path):
    card = _card(tmp_path / "mine", split="train+validation")
    assert "images of `train+validation`, on which int8 is quantised" in card
    assert "equal class ids at the network's output size" in card and "1/8" not in card


def test_it_warns_of_smaller_inputs_that_lose_too_much(tmp_path):
    warned = Export("int8", [], [], warnings=("OpenVINO int8 96x64 loses",))
    assert "\n- **Warning**: OpenVINO int8 96x64 loses\n" in _card(tmp_path / "mine", warned)
    assert "Warning" not in _card(tmp_path / "other")


def test_it_names_the_runs_whose_weights_were_averaged_instead_of_the_steps_of_one(tmp_path):
    averaged = '{"steps": 9, "validation_mean_iou": 0.5, "averaged": ["runs/a", "runs/a/last.weights.h5"]}'
    card = _card(tmp_path / "mine", result=averaged)
    assert "(the mean of the weights of runs/a, runs/a/last.weights.h5; the settings below" in card
    assert "after 9 steps" not in card and "(after 9 steps)" in _card(tmp_path / "one")
