"""The command `train`."""
from __future__ import annotations

import argparse
import os
import sys

from rt_seg_training.configuration import ConfigurationError, add_overrides, load_configuration

EXAMPLE = """example:
  rosrun rt_seg build_dataset camvid ~/CamVid
  rosrun rt_seg train config/training/camvid.yaml --batch-size 4

The run folder (runs/<name of the configuration>) gets the weights, the settings in force, the labels and
history.csv. A run that was interrupted goes on where it stopped when the same command is given again."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, or 2 with one line on stderr for bad input."""
    parser = argparse.ArgumentParser(
        prog="train",
        description="Train a network on a built data set.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("configuration", help="YAML file of the experiment, see config/training/")
    parser.add_argument("--data-dir", help="folder of built data sets (default: that of build_dataset)")
    add_overrides(parser)
    options = vars(parser.parse_args(arguments))
    path, data_dir = options.pop("configuration"), options.pop("data_dir")
    # TensorFlow turns oneDNN on by itself only on CPUs with AVX-512 or AMX; with AVX2 alone it is twice as fast too.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    from rt_seg_training.datasets.errors import DatasetError

    try:
        configuration = load_configuration(path, options)
        from rt_seg_training.datasets.loading import load_dataset

        dataset = load_dataset(configuration.dataset, data_dir)
        from rt_seg_training.trainer import train

        result = train(configuration, dataset)
    except (ConfigurationError, DatasetError, OSError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("train: interrupted; the same command goes on from the last score", file=sys.stderr)
        return 130
    print(f"{configuration.run}: validation mIoU {result['validation_mean_iou']:.4f} after {result['steps']} steps")
    return 0
