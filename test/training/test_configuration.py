"""Configurations: what is refused, and that the message names file, key and accepted values."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from rt_seg_training.commands.train import main
from rt_seg_training.configuration import ConfigurationError, load_configuration, load_run_configuration

SHIPPED = sorted((Path(__file__).parents[2] / "config" / "training").glob("*.yaml"))
MINIMAL = {
    "dataset": "x", "train_split": "train", "validation_split": "validation",
    "height": 64, "width": 64, "crop_height": 64, "crop_width": 64, "steps": 1,
}  # fmt: skip


def _write(folder, **changes):
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump({**MINIMAL, **changes}))
    return path


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_configuration_loads(path):
    assert load_configuration(path).run == f"runs/{path.stem}"


def test_command_line_overrides_the_file_and_the_saved_form_loads_equal_with_its_start_told(tmp_path):
    configuration = load_configuration(_write(tmp_path, batch_size=2), {"batch_size": 3, "learning_rate": 1})
    assert configuration.batch_size == 3
    assert configuration.learning_rate == 1.0
    configuration.save(tmp_path / "saved.yaml")
    told = dataclasses.replace(configuration, initial_weights="tabletop_ddrnet")
    assert load_configuration(tmp_path / "saved.yaml") == load_run_configuration(tmp_path / "saved.yaml") == told


@pytest.mark.parametrize(("net", "start"), [("ddrnet_23_slim", "random"), ("lite0_pyramid", "imagenet")])
def test_a_run_of_before_its_start_was_saved_is_read_with_the_default_of_then(tmp_path, net, start):
    assert load_run_configuration(_write(tmp_path, net=net, initial_weights="")).start == start


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"batchsize": 4}, "unknown key 'batchsize'; did you mean 'batch_size'"),
        ({"batch_size": "four"}, "batch_size: 'four' must be a whole number"),
        ({"flip": 1}, "flip: 1 must be true or false"),
        ({"optimizer": "adagrad"}, "optimizer: 'adagrad'; accepted are adamw, adam, radam, sgd"),
        ({"net": "ddrnet"}, "net: 'ddrnet'; accepted are ddrnet_23_slim, ddrnet_23_slim_lean"),
        ({"ema": 1.0}, "ema: 1.0 must be from 0 to 0.99999"),
        ({"seed": 2**32 - 1}, "seed: 4294967295 must be from 0 to 4294967294"),
        ({"color_jitter": 1.2}, "color_jitter: 1.2 must be from 0 to 1"),
        ({"steps": 0}, "steps: 0 must be at least 1"),
        ({"scale_min": 2.0}, "scale_min 2.0 is above scale_max"),
    ],
)
def test_bad_settings_are_refused_by_name(tmp_path, changes, expected):
    with pytest.raises(ConfigurationError) as error:
        load_configuration(_write(tmp_path, **changes))
    assert expected in str(error.value)
    assert str(tmp_path / "experiment.yaml") in str(error.value)


def test_missing_keys_are_named(tmp_path):
    path = tmp_path / "experiment.yaml"
    path.write_text("dataset: x\n")
    with pytest.raises(ConfigurationError, match="missing key 'train_split'"):
        load_configuration(path)


@pytest.mark.parametrize("content", [None, "- a list", "{unclosed"])
def test_train_ends_with_status_2_and_one_line_for_an_unusable_file(tmp_path, capsys, content):
    path = tmp_path / "experiment.yaml"
    if content is not None:
        path.write_text(content)
    assert main([str(path)]) == 2
    assert f"train: {path}: " in capsys.readouterr().err


def test_train_names_the_data_set_that_is_not_there(tmp_path, capsys):
    assert main([str(_write(tmp_path)), "--data-dir", str(tmp_path)]) == 2
    assert "'x'" in capsys.readouterr().err
