"""The command `evaluate`: a model bundle or a training run on a built data set, as text, JSON and a page."""
from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.bundle import BundleError, Score, TrainingData, load_bundle, write_bundle
from rt_seg.command_line import command_parser, notice
from rt_seg.labels import LabelSet
from rt_seg.settings import plain_values
from rt_seg_training.commands.tensorflow_log import quiet_tensorflow
from rt_seg_training.evaluation.depth_faults import FAULTS, with_fault
from rt_seg_training.evaluation.evaluation import AnySegmenter, Evaluation, EvaluationError, evaluate_segmenter
from rt_seg_training.evaluation.flicker import Flicker, measure_flicker

if TYPE_CHECKING:
    from rt_seg_training.datasets.loading import DataSet

SCORES, REPORT, HISTORY = "scores.json", "report.html", "history.csv"

EXAMPLE = """
  rosrun rt_seg evaluate camvid --dataset camvid --split validation --output scores/camvid
  rosrun rt_seg evaluate --run runs/mine --output scores/mine
  rosrun rt_seg evaluate indoor --recording standing_still.bag

A bundle is run by the code and the engine of the live node: the masks are the very ones. A training run is run by
Keras, before any export; without --dataset and --split it is scored on its own validation split. The output folder gets
scores.json and report.html, one file with the tables, the confusion matrix, the reliability curve, the curves of the
training and the worst frames. No test-time augmentation: the node does none either. A model that takes depth is given
that of the data set."""


@dataclass
class _Model:
    """What is evaluated: the segmenter, its labels, and what the protocol says of it."""

    segmenter: AnySegmenter
    labels: LabelSet
    name: str
    """As in messages: bundle 'camvid'."""
    argument: str
    """As on the command line."""
    input_size: tuple[int, int]
    trained_on: TrainingData | None
    with_depth: bool = False
    """Whether it gets the depth of the frames."""
    depth_fault: str | None = None
    """Of depth_faults.FAULTS: what is done to that depth."""


def label_difference(ours: LabelSet, theirs: LabelSet, our_name: str, their_name: str) -> str | None:
    """The first difference of two label sets in words, or None if they mean the same.

    Colours are only for the eye, and each set of masks has its own ignore_id: they may differ.
    """
    for mine, other in zip(ours.labels, theirs.labels):
        if mine.name != other.name:
            return f"name of class {mine.id} is {mine.name!r} in {our_name}, but {other.name!r} in {their_name}"
    if len(ours) != len(theirs):
        longer, longer_name = (ours, our_name) if len(ours) > len(theirs) else (theirs, their_name)
        extra = ", ".join(longer.names[min(len(ours), len(theirs)) :])
        return f"{our_name} has {len(ours)} classes and {their_name} {len(theirs)}; only {longer_name} has {extra}"
    return None


def _default_split(dataset: DataSet, wanted: str) -> str:
    """`wanted` where the set has it; else its test split, or the only one. Raises EvaluationError."""
    present = [split for split in dataset.splits if dataset.splits[split]]
    for split in (wanted, "test"):
        if split in present:
            return split
    if len(present) == 1:
        return present[0]
    raise EvaluationError(
        f"data set {dataset.name!r} has no split {wanted!r}; choose one of {', '.join(present)} with --split"
    )


def write_mask(path: Path, mask: np.ndarray) -> None:
    """Write a mask, uint8 (H,W) ids, as a grey PNG; atomic."""
    import cv2

    write_atomically(path, cv2.imencode(".png", mask)[1].tobytes())


def _open_bundle(folder: Path, threads: int, precision: str) -> _Model:
    from rt_seg.segmenter import Segmenter

    bundle = load_bundle(folder)
    return _Model(
        Segmenter(bundle, threads=threads, precision=precision),
        bundle.labels,
        f"bundle {bundle.name!r} {bundle.version}",
        bundle.name,
        (bundle.input.width, bundle.input.height),
        bundle.training,
        bundle.input.with_depth,
    )


def _open_run(folder: Path) -> _Model:
    from rt_seg_training.evaluation.keras_segmenter import KerasSegmenter
    from rt_seg_training.export.model_card import training_data
    from rt_seg_training.runs.run_folder import RunFolderError

    try:
        segmenter = KerasSegmenter(folder)
    except RunFolderError as error:
        raise EvaluationError(str(error)) from error
    settings = segmenter.configuration
    return _Model(
        segmenter,
        segmenter.labels,
        f"run {folder.resolve().name!r}",
        f"--run runs/{folder.resolve().name}",
        (settings.width, settings.height),
        training_data(settings),
        segmenter.with_depth,
    )


def _warnings(trained_on: TrainingData | None, dataset: DataSet, split: str) -> list[str]:
    """What a reader of the score should know: whether it may be of frames that were trained on."""
    if trained_on is None:
        return ["What this model was trained on is not recorded in its manifest; its model card may say it."]
    from rt_seg_training.datasets.loading import split_names

    if trained_on.dataset.rpartition("/")[2] != dataset.name.rpartition("/")[2]:
        return []
    both = sorted({*split_names(split)} & {*split_names(trained_on.split)})
    if not both:
        return []
    return [
        f"Trained and scored on frames of {dataset.name} {', '.join(both)} (trained on {trained_on.split}, scored "
        f"on {split}): unless these are disjoint slices, the score says nothing about new frames."
    ]


def evaluate(
    model: _Model, dataset: DataSet, split: str, predictions: Path | None = None
) -> tuple[Evaluation, dict[str, Any]]:
    """Run a model over a split of a data set, with a progress bar; returns the results and the protocol.

    `predictions`: folder for each mask as `<name>.png`, or None. Raises DatasetError for an unknown split and
    EvaluationError when the labels of the two differ, or the network needs depth and the set has none.
    """
    frames = dataset.count(split)
    difference = label_difference(model.labels, dataset.labels, model.name, f"data set {dataset.name!r}")
    if difference is not None:
        raise EvaluationError(
            f"labels differ: {difference}. Evaluate on a data set with the model's labels, or train on this one."
        )
    if model.with_depth and "depth" not in dataset.builder.info.features:
        raise EvaluationError(
            f"{model.name} takes depth, and data set {dataset.name!r} has none; build it with depth/, or score the "
            "model on RGB only with --without-depth"
        )

    import tensorflow_datasets as tfds

    from rt_seg.progress import progress

    sizes = set()

    def stream():
        for example in tfds.as_numpy(dataset.examples(split, depth=model.with_depth)):
            sizes.add(example["image"].shape[1::-1])
            if model.depth_fault is not None:
                depth, name = example["depth"][..., 0], example["name"].decode("utf-8")
                example = {**example, "depth": with_fault(model.depth_fault, depth, example["image"], name)}
            yield example

    result = evaluate_segmenter(
        model.segmenter,
        progress(stream(), total=frames, desc="evaluating", unit="frame", leave=False),
        # Of the set: the pixels to ignore are those of its own id.
        dataset.labels,
        None if predictions is None else lambda name, mask: write_mask(predictions / f"{name}.png", mask),
        model.with_depth,
    )
    protocol = {
        "model": model.name,
        "engine": model.segmenter.description,
        "input_size": list(model.input_size),
        "input": "colour and depth" if model.with_depth else "colour",
        "depth_fault": model.depth_fault,
        "trained_on": plain_values(model.trained_on) if model.trained_on else "not recorded",
        "dataset": dataset.name,
        "split": split,
        "frames": result.scores.frames,
        "frame_sizes": sorted(map(list, sizes)),
        "test_time_augmentation": "none",
        "metric": "one confusion matrix over all pixels, ignored pixels left out, at the size of the labels",
        "source_digest": dataset.source_digest,
        "labels_fingerprint": model.labels.fingerprint,
        "command": f"rosrun rt_seg evaluate {model.argument} --dataset {shlex.quote(dataset.name)} "
        f"--split {shlex.quote(split)}",
    }
    return result, protocol


def _flicker(model: _Model, recording: Path) -> Flicker:
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


def protocol_line(protocol: Mapping[str, Any]) -> str:
    """The protocol in one line of text."""
    sizes = ", ".join(f"{width}x{height}" for width, height in protocol["frame_sizes"])
    trained = protocol["trained_on"]
    if isinstance(trained, Mapping):
        trained = f"{trained['dataset']} {trained['split']}"
    return (
        f"protocol: {protocol['dataset']} {protocol['split']}, {protocol['frames']} frames of {sizes}; "
        f"{protocol['model']} at {protocol['input_size'][0]}x{protocol['input_size'][1]}"
        f"{' with depth' if 'depth' in protocol['input'] else ''}"
        f"{' (' + protocol['depth_fault'] + ')' if protocol['depth_fault'] else ''}, {protocol['engine']}; "
        f"trained on {trained}; one confusion matrix, no test-time augmentation"
    )


def write_scores(path: Path, result: Evaluation, protocol: Mapping[str, Any]) -> None:
    """Write results and `protocol` (plain values) as JSON; atomic."""
    text = json.dumps({"protocol": dict(protocol), **result.to_dict()}, indent=1, ensure_ascii=False)
    write_atomically(path, (text + "\n").encode("utf-8"))


def record_score(folder: Path, result: Evaluation, protocol: Mapping[str, Any], data: str) -> None:
    """Write the mean IoU into `scores` of the bundle's manifest, atomically, in place of an older one on `data`."""
    bundle = load_bundle(folder)
    score = Score(
        metric="mean_iou",
        value=round(float(result.scores.mean_iou), 4),
        data=data,
        frames=int(result.scores.frames),
        engine=protocol["engine"],
        command=protocol["command"],
    )
    kept = tuple(other for other in bundle.scores if other.data != data)
    write_bundle(dataclasses.replace(bundle, scores=(*kept, score)))


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "evaluate",
        description="Score a model bundle or a training run on a built data set.",
        example=EXAMPLE,
    )
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("bundle", type=Path, nargs="?", metavar="BUNDLE", help="a model bundle: a folder, or its name")
    model.add_argument("--bundle", type=Path, dest="bundle_option", help=argparse.SUPPRESS)
    model.add_argument("--run", type=Path, metavar="DIR", help="a run folder of train, not exported yet")
    parser.add_argument("--dataset", metavar="NAME", help="set of build_dataset, or its folder (default: of training)")
    parser.add_argument(
        "--split", help="such as validation, test, a+b or a[:10%%] (default: the run's own, or validation, or test)"
    )
    parser.add_argument(
        "--without-depth", action="store_true", help="score a model that takes depth as if its camera had none"
    )
    parser.add_argument(
        "--depth-fault", choices=tuple(FAULTS),
        help="score with corrupted depth: holes over 30 %% of each frame, or the noise, lost edges and range of a D435",
    )  # fmt: skip
    parser.add_argument(
        "--recording", type=Path, metavar="PATH",
        help="a bag, or a folder with color/ (and depth/), of a camera that stands still: prints the flicker of the "
        "masks there, without and with smoothing, in the place of a score",
    )  # fmt: skip
    parser.add_argument("--data-dir", type=Path, help="folder of built data sets (default: ~/tensorflow_datasets)")
    parser.add_argument(
        "--precision", default="auto", choices=("auto", "f32", "bf16"),
        help="of a bundle's layers that are not int8 (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of a bundle's engine; 0 takes all cores")
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
        notice("--bundle DIR is BUNDLE now, without an option; the old form goes with the next release")
        options.bundle = options.bundle_option
    quiet_tensorflow()

    from rt_seg.labels import LabelError
    from rt_seg_training.datasets.errors import DatasetError

    try:
        if options.save_predictions and options.output is None:
            raise EvaluationError("--save-predictions needs --output DIR to write them to")
        if options.run is not None and options.record is not None:
            raise EvaluationError("--record writes into a bundle's manifest, and --run has none; export the run first")
        if options.bundle is not None:
            model = _open_bundle(options.bundle, options.threads, options.precision)
            folder = model.segmenter.bundle.folder
            name, usual = options.dataset, "validation"
        else:
            model, folder = _open_run(options.run), options.run
            settings = model.segmenter.configuration
            name, usual = options.dataset or settings.dataset, settings.validation_split
        if options.without_depth:
            if not model.with_depth:
                raise EvaluationError(f"--without-depth: {model.name} takes no depth; leave the option out")
            model.with_depth, model.argument = False, f"{model.argument} --without-depth"
        if options.depth_fault is not None:
            if not model.with_depth:
                raise EvaluationError(f"--depth-fault: {model.name} is given no depth; leave the option out")
            model.depth_fault = options.depth_fault
            model.argument = f"{model.argument} --depth-fault {options.depth_fault}"
        if options.recording is not None:
            print(_flicker(model, options.recording).table())
            return 0
        name = name or (model.trained_on and model.trained_on.dataset)
        if not name:
            raise EvaluationError("--dataset NAME is needed: this bundle does not record which one it was trained on")
        from rt_seg_training.datasets.loading import load_dataset

        dataset = load_dataset(name, options.data_dir)
        split = options.split or (_default_split(dataset, usual) if usual.isidentifier() else usual)
        predictions = options.output / "predictions" if options.save_predictions else None
        result, protocol = evaluate(model, dataset, split, predictions)
        warnings = _warnings(model.trained_on, dataset, split)
        print(result.table())
        print(protocol_line(protocol))
        for warning in warnings:
            print(f"note: {warning}")
        if options.record is not None:
            record_score(folder, result, protocol, options.record)
        if options.output is not None:
            from rt_seg_training.evaluation.report import html_report

            write_scores(options.output / SCORES, result, protocol)
            history = folder / HISTORY if (folder / HISTORY).is_file() else None
            title = f"{protocol['model']} on {dataset.name} {split}"
            page = html_report(result, title, protocol, warnings, history)
            write_atomically(options.output / REPORT, page.encode("utf-8"))
            print(f"written: {options.output / SCORES}, {options.output / REPORT}")
    except (BundleError, DatasetError, EvaluationError, LabelError, OSError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2
    return 0
