"""The command `train`."""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rt_seg.command_line import command_parser
from rt_seg.package_files import names_of
from rt_seg_training.commands import legacy_flags as original_flags
from rt_seg_training.commands.tensorflow_log import quiet_tensorflow
from rt_seg_training.configuration import (
    SHIPPED,
    ConfigurationError,
    TrainingConfiguration,
    add_overrides,
    load_configuration,
)
from rt_seg_training.runs.allocator import restart_with_tcmalloc

if TYPE_CHECKING:
    from rt_seg_training.input_pipeline.unlabeled import Frame

EXAMPLE = """
  rosrun rt_seg train camvid --batch-size 4        # after: rosrun rt_seg build_dataset camvid ~/CamVid

The run folder (runs/<name of the configuration>) gets the weights, the effective settings, the labels, history.csv,
curves.png, and the scalars and images for `tensorboard --logdir runs`. After an interruption or kill the same
command continues from the last checkpoint and ends with bit-identical weights. model.weights.h5 has the best mIoU on
validation; best_loss.weights.h5 and last.weights.h5 are next to it.

On several machines run the same command on each, with --distribution multi_worker, a shared run folder, and TF_CONFIG,
which names the machines and this machine's index.

"""


def main(arguments: list[str] | None = None, program: str = "train", head: str | None = None) -> int:
    """Run the command; returns the exit status: 0; 1 when the loss overflowed or a worker ended, 2 for bad input.

    `program` is its name in messages. With a `head`, a preset, that head is trained and the configuration file may be
    left out: the shipped one, `custom`, is taken.
    """
    preset: dict[str, Any] = {} if head is None else {"nargs": "?", "default": "custom"}
    parser = command_parser(
        program,
        description="Train a network on a built data set." if head is None else f"`train` with --head {head}.",
        example=EXAMPLE.replace("rt_seg train ", f"rt_seg {program} ") + original_flags.DESCRIPTION,
    )
    parser.add_argument(
        "configuration",
        help=f"YAML file of the experiment, or the name of a shipped one ({', '.join(names_of(SHIPPED))})"
        + ("; default: %(default)s" if preset else ""),
        **preset,
    )
    parser.add_argument("--data-dir", help="folder of built data sets (default: that of build_dataset)")
    parser.add_argument("--epochs", type=int, help="number of epochs, instead of steps")
    add_overrides(parser)
    try:
        translated = original_flags.translate(sys.argv[1:] if arguments is None else arguments)
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    options = vars(parser.parse_args(translated))
    path, data_dir, epochs = options.pop("configuration"), options.pop("data_dir"), options.pop("epochs")
    if epochs is not None and epochs < 1:
        parser.error(f"--epochs: {epochs} must be at least 1")
    if head is not None:
        options.setdefault("head", head)
    if arguments is None:  # a program of its own
        restart_with_tcmalloc()
    quiet_tensorflow()
    from rt_seg_training.datasets.errors import DatasetError

    try:
        configuration = load_configuration(path, options)
        from rt_seg_training.datasets.loading import load_dataset
        from rt_seg_training.runs.distribution import create_strategy

        strategy = create_strategy(configuration.distribution)

        dataset = load_dataset(configuration.dataset, data_dir)
        if epochs is not None:
            pictures = dataset.count(configuration.train_split)
            steps = math.ceil(epochs * pictures / configuration.batch_size)
            configuration = dataclasses.replace(configuration, steps=steps)
        frames = unlabeled_images(configuration)
        from rt_seg_training.runs.training_run import TrainingError, TrainingRun

        try:
            result = TrainingRun(configuration, dataset, strategy, frames).train()
        except TrainingError as error:
            print(f"{program}: {configuration.run}: {error}", file=sys.stderr)
            return 1
    except (ConfigurationError, DatasetError, OSError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interruption:
        place = str(interruption) or "from the last checkpoint"
        print(f"{program}: interrupted; run the same command again to resume {place}", file=sys.stderr)
        return 130
    print(f"{configuration.run}: validation mIoU {result['validation_mean_iou']:.4f} after {result['steps']} steps")
    return 0


def unlabeled_images(configuration: TrainingConfiguration) -> list[Frame]:
    """What the setting `unlabeled` names; nothing where it is empty. Raises ConfigurationError."""
    if not configuration.unlabeled:
        return []
    from rt_seg_training.prediction.unlabeled_frames import UnlabeledError, unlabeled_frames

    try:
        return unlabeled_frames(Path(configuration.unlabeled).expanduser())
    except UnlabeledError as error:
        raise ConfigurationError(f"unlabeled: {error}") from error
