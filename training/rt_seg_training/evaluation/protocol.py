"""The protocol of an evaluation: a model on a split of a data set, what a reader must know of it, and its record."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.bundle import Score, TrainingData, load_bundle, write_bundle
from rt_seg.labels import LabelSet
from rt_seg.settings import plain_values
from rt_seg_training.datasets.loading import DataSet, split_names
from rt_seg_training.evaluation.depth_faults import with_fault
from rt_seg_training.evaluation.evaluated_model import EvaluatedModel
from rt_seg_training.evaluation.evaluation import Evaluation, EvaluationError, evaluate_segmenter


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


def default_split(dataset: DataSet, wanted: str) -> str:
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


def score_warnings(trained_on: TrainingData | None, dataset: DataSet, split: str) -> list[str]:
    """What a reader of the score should know: whether it may be of frames that were trained on."""
    if trained_on is None:
        return ["The training data of this model is not recorded in its manifest; see its model card."]
    if trained_on.dataset.rpartition("/")[2] != dataset.name.rpartition("/")[2]:
        return []
    both = sorted({*split_names(split)} & {*split_names(trained_on.split)})
    if not both:
        return []
    return [
        f"Trained and scored on frames of {dataset.name} {', '.join(both)} (trained on {trained_on.split}, scored "
        f"on {split}): unless these are disjoint slices, the score says nothing about new frames."
    ]


def evaluate_on(
    model: EvaluatedModel, dataset: DataSet, split: str, predictions: Path | None = None
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
    if model.with_depth and not dataset.has_depth:
        raise EvaluationError(
            f"{model.name} takes depth, but data set {dataset.name!r} has none; build it with depth/, or score the "
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
        "input_size": [model.segmenter.spec.width, model.segmenter.spec.height],
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


def training_score(run: Path, dataset: DataSet, split: str, mean_iou: float) -> list[str]:
    """What a run's own score on this split was, and why it is not quite this one; nothing for another split."""
    from rt_seg_training.configuration import ConfigurationError, load_run_configuration
    from rt_seg_training.runs.run_folder import RunFolder

    folder = RunFolder(run)
    try:
        configuration = load_run_configuration(folder.configuration)
        theirs = float(json.loads(folder.result.read_text(encoding="utf-8"))["validation_mean_iou"])
    except (ConfigurationError, OSError, ValueError, KeyError, TypeError):
        return []
    same_set = configuration.dataset.rpartition("/")[2] == dataset.name.rpartition("/")[2]
    if not same_set or configuration.validation_split != split or not np.isfinite(theirs):
        return []
    text = f"train reported {100 * theirs:.2f} % for these weights and this split, evaluate {100 * mean_iou:.2f} %"
    if abs(theirs - mean_iou) < 5e-5:
        return [f"{text}."]
    return [
        f"{text}: train resizes frames and logits with TensorFlow, evaluate with OpenCV like the live node; both count "
        "pixels the same way. Report the score of evaluate."
    ]
