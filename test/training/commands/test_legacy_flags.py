"""The legacy flags."""

import argparse

import pytest

from rt_seg_training.commands import train as train_command
from rt_seg_training.commands.legacy_flags import translate


def test_every_flag_of_old_becomes_one_of_today():
    command = (
        "--model_prefix mine --batch_size 8 --epoch=50 --lr 0.01 --weight_decay 0.001 --optimizer radam "
        "--model_name ddrnet --dataset_dir sets --checkpoint_dir out --tensorboard_dir logs --use_weightDecay True "
        "--load_weight old.weights.h5 --mixed_precision true --distribution_mode single"
    )
    assert " ".join(translate(command.split())) == (
        "--batch-size 8 --epochs=50 --learning-rate 0.01 --weight-decay 0.001 --optimizer radam --net ddrnet_23_slim "
        "--data-dir sets --tensorboard-dir logs --initial-weights old.weights.h5 --mixed-precision auto "
        "--distribution single --run out/mine"
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a_b.yaml --batch-size 2", "a_b.yaml --batch-size 2"),
        ("--dataset my_set", "--dataset my_set"),
        ("--mixed_precision=False", "--mixed-precision float32"),
        ("--mixed_precision bfloat16", "--mixed-precision bfloat16"),
        ("--weight_decay 0.1 --use_weightDecay no", "--weight-decay 0.1 --weight-decay 0"),
        ("--model_prefix x", "--run runs/x"),
        ("--distribution_mode multi", "--distribution mirrored"),
        ("--distribution_mode=multi_worker", "--distribution multi_worker"),
        ("--model_name ddrnet_39", "--net ddrnet_39"),
    ],
)
def test_values_are_kept_and_booleans_parse(given, expected):
    assert translate(given.split()) == expected.split()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("--use_weightDecay maybe", "'maybe' is neither true nor false"),
        ("--distribution_mode tpu", "'tpu' is not supported; accepted are single, mirrored, multi, multi_worker"),
        ("--model_prefix", "--model_prefix: expected a value"),
    ],
)
def test_bad_values_are_named(given, expected, capsys):
    with pytest.raises(argparse.ArgumentTypeError, match=expected):
        translate(given.split())
    with pytest.raises(SystemExit) as error:
        train_command.main(given.split())
    assert error.value.code == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize("head", ["binary", "semantic"])
def test_a_preset_needs_no_configuration_file(head, tmp_path, capsys):
    arguments = ["--dataset_dir", str(tmp_path), "--dataset", "absent", "--lr", "0.1"]
    assert train_command.main(arguments, f"{head}_train", head) == 2
    assert f"{head}_train: data set 'absent'" in capsys.readouterr().err


def test_no_epochs_are_refused(capsys):
    with pytest.raises(SystemExit):
        train_command.main(["x.yaml", "--epoch", "0"])
    assert "--epochs: 0 must be at least 1" in capsys.readouterr().err
