"""The command `evaluate`: a model bundle or a training run on a built data set, as text, JSON and a page."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.bundle import BundleError
from rt_seg.command_line import command_parser, notice
from rt_seg.labels import LabelError
from rt_seg_training.commands.tensorflow_log import quiet_tensorflow
from rt_seg_training.evaluation.depth_faults import FAULTS
from rt_seg_training.evaluation.evaluated_model import EvaluatedModel, open_bundle, open_run
from rt_seg_training.evaluation.evaluation import EvaluationError
from rt_seg_training.evaluation.flicker import Flicker, measure_flicker
from rt_seg_training.evaluation.protocol import (
    default_split,
    evaluate_on,
    protocol_line,
    record_score,
    score_warnings,
    training_score,
    write_scores,
)

SCORES, REPORT, HISTORY = "scores.json", "report.html", "history.csv"

EXAMPLE = """
  rosrun rt_seg evaluate camvid --dataset camvid --split validation --output scores/camvid
  rosrun rt_seg evaluate --run runs/mine --output scores/mine
  rosrun rt_seg evaluate indoor --recording standing_still.bag

A bundle is run with the code and the engine of the live node: the masks are bit-identical. A training run is run in
Keras, before any export; without --dataset and --split it is scored on its own validation split. The output folder gets
scores.json and report.html, one file with the tables, the confusion matrix, the reliability curve, the training
curves and the worst frames. There is no test-time augmentation, as in the node. A model with depth input gets the depth
of the data set."""


def _flicker(model: EvaluatedModel, recording: Path) -> Flicker:
    """Flicker of the masks of a recording, a bag or a folder. Raises EvaluationError naming it."""
    from rt_seg.progress import progress

    def masks():
        for rgb, depth in progress(_recorded_frames(recording, model.with_depth), unit="frame", desc="evaluating"):
            yield rgb, model.segmenter.segment(rgb, depth=depth if model.with_depth else None).mask

    return measure_flicker(masks())


def _recorded_frames(recording: Path, with_depth: bool) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    from rt_seg.cameras.image_folder import FolderError, open_recording_folder
    from rt_seg_training.prediction.bag_prediction import BagError, bag_frames

    try:
        if recording.is_dir():
            yield from ((frame.color, frame.depth) for frame in open_recording_folder(recording, 30.0))
        else:
            yield from bag_frames(recording, with_depth)
    except (BagError, FolderError) as error:
        raise EvaluationError(str(error)) from error


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "evaluate",
        description="Score a model bundle or a training run on a built data set.",
        example=EXAMPLE,
    )
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("bundle", type=Path, nargs="?", metavar="BUNDLE", help="a model bundle: a folder, or its name")
    model.add_argument("--bundle", type=Path, dest="bundle_option", help=argparse.SUPPRESS)
    model.add_argument("--run", type=Path, metavar="DIR", help="a run folder of train, before export")
    parser.add_argument("--dataset", metavar="NAME", help="set of build_dataset, or its folder (default: of training)")
    parser.add_argument(
        "--split", help="such as validation, test, a+b or a[:10%%] (default: the run's own, or validation, or test)"
    )
    parser.add_argument(
        "--without-depth", action="store_true", help="score a model with depth input as if its camera had none"
    )
    parser.add_argument(
        "--depth-fault", choices=tuple(FAULTS),
        help="score with corrupted depth: holes over 30 %% of each frame, or the noise, lost edges and range of a D435",
    )  # fmt: skip
    parser.add_argument(
        "--recording", type=Path, metavar="PATH",
        help="a bag, or a folder with color/ (and depth/), of a static camera: prints the flicker of the masks, "
        "without and with smoothing, instead of a score",
    )  # fmt: skip
    parser.add_argument("--data-dir", type=Path, help="folder of built data sets (default: ~/tensorflow_datasets)")
    parser.add_argument(
        "--precision", default="auto", choices=("auto", "f32", "bf16"),
        help="numeric precision of a bundle's layers that are not int8 (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of a bundle's engine; 0 uses all cores")
    parser.add_argument("--output", type=Path, metavar="DIR", help=f"write {SCORES} and {REPORT} there")
    parser.add_argument(
        "--save-predictions", action="store_true", help="write each mask to predictions/<name>.png in the output folder"
    )
    parser.add_argument(
        "--record", metavar="DATA", help="write the mean IoU into the bundle's manifest, as measured on DATA (words)"
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line of evaluate; returns the exit code: 0, or 2 when model, data set or options are not usable."""
    options = _parser().parse_args(arguments)
    if options.bundle_option is not None:
        notice("--bundle DIR is now the positional BUNDLE; the option will be removed in the next release")
        options.bundle = options.bundle_option
    quiet_tensorflow()

    from rt_seg_training.datasets.errors import DatasetError

    try:
        if options.save_predictions and options.output is None:
            raise EvaluationError("--save-predictions needs --output DIR to write them to")
        if options.run is not None and options.record is not None:
            raise EvaluationError("--record writes into a bundle's manifest, and --run has none; export the run first")
        if options.bundle is not None:
            model = open_bundle(options.bundle, options.threads, options.precision)
            name, usual = options.dataset, "validation"
        else:
            model, settings = open_run(options.run)
            name, usual = options.dataset or settings.dataset, settings.validation_split
        if options.without_depth:
            if not model.with_depth:
                raise EvaluationError(f"--without-depth: {model.name} has no depth input; omit the option")
            model.with_depth, model.argument = False, f"{model.argument} --without-depth"
        if options.depth_fault is not None:
            if not model.with_depth:
                raise EvaluationError(f"--depth-fault: {model.name} gets no depth; omit the option")
            model.depth_fault = options.depth_fault
            model.argument = f"{model.argument} --depth-fault {options.depth_fault}"
        if options.recording is not None:
            print(_flicker(model, options.recording).table())
            return 0
        name = name or (model.trained_on and model.trained_on.dataset)
        if not name:
            raise EvaluationError("--dataset NAME is needed: this bundle does not record its training data set")
        from rt_seg_training.datasets.loading import load_dataset

        dataset = load_dataset(name, options.data_dir)
        split = options.split or (default_split(dataset, usual) if usual.isidentifier() else usual)
        predictions = options.output / "predictions" if options.save_predictions else None
        result, protocol = evaluate_on(model, dataset, split, predictions)
        warnings = score_warnings(model.trained_on, dataset, split)
        if options.run is not None:
            warnings += training_score(options.run, dataset, split, result.scores.mean_iou)
        print(result.table())
        print(protocol_line(protocol))
        for warning in warnings:
            print(f"note: {warning}")
        if options.record is not None:
            record_score(model.folder, result, protocol, options.record)
        if options.output is not None:
            from rt_seg_training.evaluation.report import html_report

            write_scores(options.output / SCORES, result, protocol)
            history = model.folder / HISTORY if (model.folder / HISTORY).is_file() else None
            title = f"{protocol['model']} on {dataset.name} {split}"
            page = html_report(result, title, protocol, warnings, history)
            write_atomically(options.output / REPORT, page.encode("utf-8"))
            print(f"written: {options.output / SCORES}, {options.output / REPORT}")
    except (BundleError, DatasetError, EvaluationError, LabelError, OSError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2
    return 0
