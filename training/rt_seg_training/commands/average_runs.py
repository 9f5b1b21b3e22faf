"""The command `average_runs`."""

from __future__ import annotations

import sys
from pathlib import Path

from rt_seg.command_line import BAD_INPUT, DONE, INTERRUPTED, command_parser
from rt_seg_training.commands.tensorflow_log import quiet_tensorflow

EXAMPLE = """
  rosrun rt_seg average_runs runs/one runs/two --output runs/mean                   # of two runs, begun as below
  rosrun rt_seg average_runs runs/one runs/one/last.weights.h5 --output runs/mean   # of one run alone
  rosrun rt_seg train mine.yaml --initial-weights runs/mine --seed 1 --run runs/one
  rosrun rt_seg train mine.yaml --initial-weights runs/mine --seed 2 --run runs/two

The runs must have started from the same trained weights, as above. Their mean is one network, as fast as each, and
often better on images that none has seen. Each run and the mean are scored on the validation split of the first; a mean
below all of them is refused."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, or 2 with a line on stderr for bad input or a mean that is worse."""
    parser = command_parser(
        "average_runs", description="Average the weights of several training runs into a new run.", example=EXAMPLE
    )
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="run folders of train; after the first also their last.weights.h5, and bundles",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the new run folder")
    parser.add_argument("--data-dir", help="folder of built data sets (default: that of build_dataset)")
    options = parser.parse_args(arguments)
    first = Path(options.runs[0]).expanduser()
    # Before TensorFlow, which takes seconds to load.
    if not (first / "configuration.yaml").is_file():
        print(
            f"average_runs: {first}: no configuration.yaml there, so it is not a run folder of train", file=sys.stderr
        )
        return BAD_INPUT
    quiet_tensorflow()

    from rt_seg.labels import LabelError
    from rt_seg_training.configuration import ConfigurationError, load_run_configuration
    from rt_seg_training.datasets.errors import DatasetError
    from rt_seg_training.datasets.loading import load_dataset
    from rt_seg_training.runs.averaging import AveragingError, average_runs
    from rt_seg_training.runs.run_folder import RunFolderError
    from rt_seg_training.runs.trained_network import TrainedNetworkError

    bad_input = (
        AveragingError, ConfigurationError, DatasetError, LabelError, RunFolderError, TrainedNetworkError, OSError,
    )  # fmt: skip
    try:
        configuration = load_run_configuration(first / "configuration.yaml")
        dataset = load_dataset(configuration.dataset, options.data_dir)
        scores = average_runs(options.runs, options.output, dataset)
    except bad_input as error:
        print(f"average_runs: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("average_runs: interrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED
    *of_runs, mean = scores.items()
    for source, score in of_runs:
        print(f"{source}: validation mIoU {score:.4f}")
    print(f"{mean[0]}: validation mIoU {mean[1]:.4f}, the mean of {len(of_runs)}")
    best = max(score for _, score in of_runs)
    if mean[1] < best:
        print(f"average_runs: the best run, with {best:.4f}, scores better than the mean", file=sys.stderr)
    return DONE
