"""Who judges the labels of a data set: a model that is there, or networks trained on parts of the set itself.

A network that has seen a frame with its wrong label may have learnt it. So out of fold each frame is judged by a
network that learned from other frames alone.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rt_seg.progress import progress
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.label_errors import Doubt, LabelErrors
from rt_seg_training.datasets.pairing import Pair
from rt_seg_training.datasets.source import Source, read_pair
from rt_seg_training.datasets.splitting import group_of

if TYPE_CHECKING:
    from rt_seg.segmenter import Segmenter
    from rt_seg_training.configuration import TrainingConfiguration

Judge = Callable[[np.ndarray, "np.ndarray | None"], np.ndarray]
"""Probabilities float32 (H, W, classes) of an image, uint8 (H, W, 3) RGB, and its depth or None."""

OUT_OF_FOLD = "out-of-fold"
"""Word for a judge beside names of models."""
WIDTH, CROP, BATCH = 480, (256, 320), 6
"""Pixels of the input's width and of the crops, height and width; images per step: learnt within minutes on a CPU."""
SCORED = 30
"""Frames of each fold on which the network is scored once, to tell how far its judgement can be trusted."""


def model_judge(name: str, source: Source) -> tuple[str, Judge] | None:
    """A model that judges the labels: in words, and as a function. With the name auto a known one that has all the
    classes of the set, None without any. Raises BundleError and DatasetError."""
    from rt_seg.bundle import BundleError, load_bundle
    from rt_seg.model_home import known_bundles
    from rt_seg.segmenter import load_segmenter

    wanted = source.labels.names
    if name == "auto":
        for folder in known_bundles().values():
            with contextlib.suppress(BundleError):
                bundle = load_bundle(folder)
                if set(wanted) <= set(bundle.labels.names):
                    break
        else:
            return None
    else:
        bundle = load_bundle(name)
        missing = [label for label in wanted if label not in bundle.labels.names]
        if missing:
            raise DatasetError(
                f"--judge {name}: has no classes {', '.join(missing)}; it has "
                f"{', '.join(bundle.labels.names)}. Name a model with this data set's classes, e.g. trained on it"
            )
    classes = [bundle.labels.names.index(label) for label in wanted]
    return f"{bundle.name} {bundle.version}", _probabilities(load_segmenter(bundle), classes)


def _probabilities(segmenter: Segmenter, classes: Sequence[int]) -> Judge:
    def judge(image: np.ndarray, depth: np.ndarray | None) -> np.ndarray:
        probabilities = segmenter.segment(image, depth=depth, classes=classes).probabilities
        assert probabilities is not None  # they were asked for
        return probabilities

    return judge


def find_doubts(source: Source, judge: Judge, count: int) -> list[Doubt]:
    """The `count` frames of all splits whose labels are the likeliest to be wrong, the worst first; a progress bar."""
    errors = LabelErrors(len(source.labels), source.labels.ignore_id)
    _add(errors, source, all_pairs(source), judge)
    return errors.ranked(count)


def all_pairs(source: Source) -> list[Pair]:
    """The pairs of all splits."""
    return [pair for members in source.splits.values() for pair in members]


def _add(errors: LabelErrors, source: Source, pairs: Sequence[Pair], judge: Judge) -> None:
    for pair in progress(pairs, desc="judging", unit="pair", leave=False):
        with contextlib.suppress(DatasetError):
            image, mask, depth = read_pair(pair, source)
            errors.add(pair, mask, judge(image, depth))


@dataclass(frozen=True)
class Folds:
    """How the judges out of fold are made: parts of the set, optimizer steps of each training, and what it starts
    from: imagenet (the encoder), or a model bundle or run folder, which must not have learned from these frames."""

    count: int = 2
    steps: int = 300
    initial_weights: str = "imagenet"
    seed: int = 0


def parts(pairs: Sequence[Pair], count: int) -> list[list[Pair]]:
    """The pairs in `count` parts of about one size; neighbours of one recording, which look alike, stay together.

    Raises DatasetError where there are not that many groups of neighbours.
    """
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(group_of(pair.name), []).append(pair)
    if len(groups) < count:
        raise DatasetError(
            f"--folds {count}: the {len(pairs)} frames form {len(groups)} groups of neighbouring frames, which "
            "must not be split; record more, or name a model with --judge"
        )
    found: list[list[Pair]] = [[] for _ in range(count)]
    # The largest first, each to the smallest part: nothing balances better so simply.
    for key in sorted(groups, key=lambda key: (-len(groups[key]), _scattered(key))):
        min(found, key=len).extend(groups[key])
    return found


def _scattered(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def find_doubts_out_of_fold(
    source: Source, folds: Folds, count: int, tell: Callable[[str], None] = print
) -> tuple[str, list[Doubt]]:
    """Who judged, in words, and the `count` frames whose labels are the likeliest to be wrong.

    Trains `folds.count` networks, each on all parts of the set but one, which it then judges. `tell` takes lines on
    how far that is; the training shows its own progress. Raises DatasetError, ConfigurationError, OSError, and
    KeyboardInterrupt.
    """
    pairs = all_pairs(source)
    members = parts(pairs, folds.count)
    configuration = _configuration(source, folds)
    errors = LabelErrors(len(source.labels), source.labels.ignore_id)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rt_seg_folds_") as folder:
        for number, held_out in enumerate(members):
            others = [pair for part in members if part is not held_out for pair in part]
            sizes = f"trained on {len(others)} frames, checks {len(held_out)} held-out frames"
            tell(f"fold {number + 1} of {folds.count}: {sizes}")
            segmenter, score = _trained(source, others, held_out, configuration, Path(folder) / f"fold{number}")
            _add(errors, source, held_out, _probabilities(segmenter, range(len(source.labels))))
            segmenter.close()
            left = (time.monotonic() - started) / (number + 1) * (folds.count - number - 1)
            more = f"; about {left / 60:.0f} minutes left" if left else ""
            tell(f"fold {number + 1}: mean IoU with the labels {score:.3f}{more}")
    return f"{folds.count} networks, each trained for {folds.steps} steps on the other folds", errors.ranked(count)


def _multiple(value: float) -> int:
    return max(32 * round(value / 32), 64)


def _configuration(source: Source, folds: Folds) -> TrainingConfiguration:
    from rt_seg_training.configuration import TrainingConfiguration

    pairs = all_pairs(source)
    height, width = source.read_label(pairs[0]).shape
    with_depth = all(pair.depth is not None for pair in pairs)
    size = (_multiple(min(WIDTH, width) * height / width), _multiple(min(WIDTH, width)))
    # Cross entropy: losses that turn to what is hard, such as ohem, would learn the wrong labels first of all.
    return TrainingConfiguration(
        dataset=source.path.name, train_split="train", validation_split="validation", height=size[0], width=size[1],
        crop_height=min(CROP[0], size[0]), crop_width=min(CROP[1], size[1]), steps=folds.steps, batch_size=BATCH,
        net="lite0_pyramid_rgbd" if with_depth else "lite0_pyramid", initial_weights=folds.initial_weights,
        scale_min=0.6, scale_max=1.5, sunlight=0.1, glints=0.0, gamma=0.1, learning_rate=0.002, weight_decay=0.02,
        warmup_steps=min(50, folds.steps // 4), ema=0.98 if folds.steps >= 200 else 0.9, auxiliary_weight=0.0,
        loss="cross_entropy", validate_every=folds.steps, seed=folds.seed,
    )  # fmt: skip


def _trained(
    source: Source, learned: Sequence[Pair], held_out: Sequence[Pair], configuration: TrainingConfiguration, run: Path
) -> tuple[Segmenter, float]:
    """A segmenter that learned from some pairs, and its mean IoU on some of the others."""
    import dataclasses

    import keras

    from rt_seg.segmenter import Segmenter
    from rt_seg_training.datasets.contact_sheet import evenly_spaced
    from rt_seg_training.datasets.unbuilt import UnbuiltDataSet
    from rt_seg_training.runs.network_engine import NetworkEngine
    from rt_seg_training.runs.run_folder import RunFolder
    from rt_seg_training.runs.training_run import TrainingError, TrainingRun

    keras.backend.clear_session()
    scored = [held_out[number] for number in evenly_spaced(len(held_out), SCORED)]
    splits: dict[str, Any] = {"train": learned, "validation": scored}
    configuration = dataclasses.replace(configuration, run=str(run))
    try:
        result = TrainingRun(configuration, UnbuiltDataSet(source, splits)).train()
    except TrainingError as error:
        raise DatasetError(f"training on a part of {source.path} failed: {error}") from error
    network, _, _ = RunFolder(run).load()
    engine = NetworkEngine.of_model(network, configuration.net)
    return Segmenter(engine.spec, engine), result["validation_mean_iou"]
