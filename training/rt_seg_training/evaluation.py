"""Evaluate a segmenter on a built data set; the predictions of a bundle are the very ones of the live node."""
from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from rt_seg.labels import LabelSet
from rt_seg_training.metrics import Scores


class EvaluationError(ValueError):
    """A segmenter and a data set do not fit each other, or the results cannot be written as asked."""


def label_difference(ours: LabelSet, theirs: LabelSet, our_name: str, their_name: str) -> str | None:
    """The first difference of two label sets in words, or None if they are equal."""
    for mine, other in zip(ours.labels, theirs.labels):
        for aspect in ("name", "color"):
            if getattr(mine, aspect) != getattr(other, aspect):
                return (
                    f"{aspect} of class {mine.id} is {getattr(mine, aspect)!r} in {our_name}, "
                    f"but {getattr(other, aspect)!r} in {their_name}"
                )
    if len(ours) != len(theirs):
        longer, longer_name = (ours, our_name) if len(ours) > len(theirs) else (theirs, their_name)
        extra = ", ".join(longer.names[min(len(ours), len(theirs)) :])
        return f"{our_name} has {len(ours)} classes and {their_name} {len(theirs)}; only {longer_name} has {extra}"
    if ours.ignore_id != theirs.ignore_id:
        return f"ignore_id is {ours.ignore_id} in {our_name}, but {theirs.ignore_id} in {their_name}"
    return None


def evaluate_segmenter(
    segment: Callable[[np.ndarray], np.ndarray],
    examples: Iterable[Mapping[str, Any]],
    labels: LabelSet,
    on_prediction: Callable[[str, np.ndarray], None] | None = None,
) -> Scores:
    """Score `segment` on all `examples` with one confusion matrix.

    Args:
        segment: maps an image, uint8 (H,W,3) RGB, to its mask, integer ids (H,W) at the same size.
        examples: mappings with image, uint8 (H,W,3); label, integer ids (H,W) or (H,W,1); name, text or bytes. That
            is what `tensorflow_datasets.as_numpy(dataset.examples(split))` yields.
        labels: classes and ignore id of the labels.
        on_prediction: called with the name and mask of each example.

    Raises EvaluationError, naming the example, if a mask does not have its label's size or a label is not of the set,
    and when there are no examples.
    """
    scores = Scores(labels)
    for example in examples:
        name = example["name"].decode("utf-8") if isinstance(example["name"], bytes) else str(example["name"])
        label = np.asarray(example["label"])
        truth = label[..., 0] if label.ndim == 3 else label
        mask = segment(np.asarray(example["image"]))
        try:
            scores.add(truth, mask)
        except ValueError as error:
            raise EvaluationError(f"example {name!r}: {error}") from error
        if on_prediction is not None:
            on_prediction(name, mask)
    if not scores.frames:
        raise EvaluationError("there is no example to evaluate on; choose a split that is not empty")
    return scores


def _write_atomically(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.chmod(temporary, 0o644)  # mkstemp's own mode would hide the file from everybody else
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_mask(path: Path, mask: np.ndarray) -> None:
    """Write a mask, uint8 (H,W) ids, as a grey PNG; atomic."""
    import cv2

    _write_atomically(path, cv2.imencode(".png", mask)[1].tobytes())


def write_scores(path: Path, scores: Scores, protocol: Mapping[str, Any]) -> None:
    """Write scores, confusion matrix and `protocol` (plain values: what was measured on what) as YAML; atomic."""

    text = yaml.safe_dump(
        {"protocol": dict(protocol), **scores.to_dict()},
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=120,
    )
    _write_atomically(path, text.encode("utf-8"))


def write_confusion_figure(path: Path, scores: Scores, title: str) -> None:
    """Draw the confusion matrix, each row in percent of the true class's pixels, as PNG; atomic."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    unlabelled = bool(scores.matrix[:, -1].any())
    counts = scores.matrix if unlabelled else scores.matrix[:, :-1]
    columns = scores.labels.names + (["(unlabelled)"] if unlabelled else [])
    percent = 100.0 * counts / np.maximum(scores.matrix.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(2.5 + 0.6 * len(columns), 2.2 + 0.5 * len(scores.labels)), layout="constrained")
    axes = figure.add_subplot()
    picture = axes.imshow(percent, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    axes.set_yticks(range(len(scores.labels)), scores.labels.names)
    axes.set(xlabel="predicted class", ylabel="true class", title=title)
    for row, column in np.ndindex(percent.shape):
        if percent[row, column] >= 0.5:
            color = "white" if percent[row, column] > 60 else "black"
            axes.text(column, row, f"{percent[row, column]:.0f}", ha="center", va="center", color=color, fontsize=8)
    figure.colorbar(picture, label="% of the true class's pixels")
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    _write_atomically(path, buffer.getvalue())


def evaluate_bundle(
    bundle_folder: str | Path,
    dataset_name: str | Path,
    split: str,
    data_dir: str | Path | None = None,
    predictions: Path | None = None,
    threads: int = 0,
    precision: str = "auto",
) -> tuple[Scores, dict[str, Any]]:
    """Run a model bundle over a split of a built data set through the live node's segmenter, with a progress bar.

    Args:
        bundle_folder: the bundle.
        dataset_name, split, data_dir: see datasets.loading.load_dataset and DataSet.examples.
        predictions: folder for each mask as `<name>.png`, or None.
        threads, precision: see rt_seg.segmenter.Segmenter.

    Returns the scores and the protocol: which model on which data, in plain values.
    Raises BundleError, DatasetError, and EvaluationError when the labels of the two differ.
    """
    from rt_seg.bundle import load_bundle
    from rt_seg_training.datasets.loading import load_dataset

    bundle = load_bundle(bundle_folder)
    dataset = load_dataset(dataset_name, data_dir)
    frames = dataset.count(split)
    if dataset.labels.fingerprint != bundle.labels.fingerprint:
        difference = label_difference(
            bundle.labels, dataset.labels, f"bundle {bundle.name!r}", f"data set {dataset.name!r}"
        )
        raise EvaluationError(
            f"labels differ: {difference}. Evaluate on a data set with the bundle's labels, or train on this one."
        )

    import tensorflow_datasets as tfds
    from tqdm import tqdm

    from rt_seg.segmenter import Segmenter

    segmenter = Segmenter(bundle, threads=threads, precision=precision)
    sizes = set()

    def segment(image: np.ndarray) -> np.ndarray:
        sizes.add(image.shape[:2])
        return segmenter.segment(image).mask

    def save(name: str, mask: np.ndarray) -> None:
        write_mask(predictions / f"{name}.png", mask)

    examples = tqdm(
        tfds.as_numpy(dataset.examples(split)), total=frames, desc="evaluating", unit="frame", leave=False, disable=None
    )
    scores = evaluate_segmenter(segment, examples, bundle.labels, save if predictions is not None else None)
    protocol = {
        "bundle": bundle.name,
        "bundle_version": bundle.version,
        "engine": segmenter.description,
        "input_size": [bundle.input.width, bundle.input.height],
        "dataset": dataset.name,
        "split": split,
        "frames": scores.frames,
        "frame_sizes": sorted([width, height] for height, width in sizes),
        "source_digest": dataset.source_digest,
        "labels_fingerprint": bundle.labels.fingerprint,
        "metric": "one confusion matrix over all pixels, ignored pixels left out, at the size of the labels",
    }
    return scores, protocol


def protocol_line(protocol: Mapping[str, Any]) -> str:
    """The protocol in one line of text."""
    sizes = ", ".join(f"{width}x{height}" for width, height in protocol["frame_sizes"])
    return (
        f"protocol: {protocol['dataset']} {protocol['split']}, {protocol['frames']} frames of {sizes}; "
        f"bundle {protocol['bundle']} {protocol['bundle_version']} at "
        f"{protocol['input_size'][0]}x{protocol['input_size'][1]}, {protocol['engine']}; "
        "one confusion matrix"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evaluate",
        description="Score a model bundle on a built data set, with the code and the engine of the live node.",
        epilog="example: rosrun rt_seg evaluate --bundle models/camvid --dataset camvid --split validation",
    )
    parser.add_argument("--bundle", required=True, type=Path, metavar="DIR", help="the model bundle")
    parser.add_argument("--dataset", required=True, metavar="NAME", help="a set of build_dataset, or its folder")
    parser.add_argument("--split", default="validation", help="such as validation, test, a+b or a[:10%%] (%(default)s)")
    parser.add_argument("--data-dir", type=Path, help="folder of built data sets (default: ~/tensorflow_datasets)")
    parser.add_argument(
        "--precision", default="auto", choices=("auto", "f32", "bf16"), help="of layers that are not int8 (%(default)s)"
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of the engine; 0 takes all cores")
    parser.add_argument("--output", type=Path, metavar="DIR", help="write scores.yaml and confusion.png there")
    parser.add_argument(
        "--save-predictions", action="store_true", help="write each mask to predictions/<name>.png in the output folder"
    )
    parser.add_argument(
        "--record", metavar="DATA", help="write the mean IoU into the bundle's manifest, as measured on DATA (words)"
    )
    return parser


def record_score(bundle_folder: Path, scores: Scores, protocol: Mapping[str, Any], data: str) -> None:
    """Write the mean IoU into `scores` of the bundle's manifest, atomically, in place of an older one on `data`."""
    from rt_seg.bundle import MANIFEST
    from rt_seg_training.exporting import write_manifest

    manifest = yaml.safe_load((bundle_folder / MANIFEST).read_text(encoding="utf-8"))
    kept = [score for score in manifest.get("scores", []) if score["data"] != data]
    manifest["scores"] = [
        *kept,
        {
            "metric": "mean_iou",
            "value": round(float(scores.mean_iou), 4),
            "data": data,
            "frames": int(scores.frames),
            "engine": protocol["engine"],
            "command": protocol["command"],
        },
    ]
    write_manifest(bundle_folder, manifest)


def main(arguments: list[str] | None = None) -> int:
    """Command line of evaluate; returns the exit code: 0, or 2 when bundle, data set or options are not usable."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

    from rt_seg.bundle import BundleError
    from rt_seg_training.datasets.errors import DatasetError

    try:
        if options.save_predictions and options.output is None:
            raise EvaluationError("--save-predictions needs --output DIR to write them to")
        predictions = options.output / "predictions" if options.save_predictions else None
        scores, protocol = evaluate_bundle(
            options.bundle,
            options.dataset,
            options.split,
            options.data_dir,
            predictions,
            options.threads,
            options.precision,
        )
        print(scores.table())
        print(protocol_line(protocol))
        protocol["command"] = (
            f"rosrun rt_seg evaluate --bundle models/{protocol['bundle']} --dataset {shlex.quote(options.dataset)} "
            f"--split {shlex.quote(options.split)}"
        )
        if options.record is not None:
            record_score(options.bundle, scores, protocol, options.record)
        if options.output is not None:
            write_scores(options.output / "scores.yaml", scores, protocol)
            title = f"{protocol['bundle']} on {protocol['dataset']} {protocol['split']}"
            write_confusion_figure(options.output / "confusion.png", scores, title)
            print(f"written: {options.output / 'scores.yaml'}, {options.output / 'confusion.png'}")
    except (BundleError, DatasetError, EvaluationError, OSError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2
    return 0
