"""How many planted label errors `lint_dataset` lists first: a data set with errors in 20 of its frames.

    python benchmarks/label_errors.py camvid ~/CamVid --seeds 0 1 2
    python benchmarks/label_errors.py camvid ~/CamVid --seeds 0 1 2 3 4 5 --judge camvid

By default the judges are trained out of fold, on the labels with errors; an existing model (`--judge`) may have been
trained on these frames with correct labels, which makes its result too good.

Baseline: the same number of frames drawn at random. Kinds of errors, drawn at random: an object gets the class of
another, is painted over with its surroundings, a rectangle of another class, a shifted mask.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / name) for name in ("src", "training")]

from rt_seg_training.datasets.label_errors import LabelErrors  # noqa: E402
from rt_seg_training.datasets.layouts import LAYOUTS, read_layout  # noqa: E402
from rt_seg_training.datasets.source import Source, read_pair  # noqa: E402
from rt_seg_training.learning.label_judges import (  # noqa: E402
    OUT_OF_FOLD,
    Folds,
    Judge,
    all_pairs,
    find_doubts_out_of_fold,
    model_judge,
)

KINDS = ("another class", "painted over", "rectangle", "slipped")
OBJECT_SHARE = (0.0025, 0.12)
"""Of the image: the sizes of objects that get an error."""


def _objects(label: np.ndarray, classes: int) -> list[tuple[int, np.ndarray]]:
    low, high = (share * label.size for share in OBJECT_SHARE)
    found = []
    for class_id in range(classes):
        count, numbers, statistics, _ = cv2.connectedComponentsWithStats((label == class_id).astype(np.uint8))
        for number in range(1, count):
            if low <= statistics[number, cv2.CC_STAT_AREA] <= high:
                found.append((class_id, numbers == number))
    return found


def plant(label: np.ndarray, classes: int, ignore_id: int, random: np.random.Generator) -> tuple[np.ndarray, str]:
    """A copy of a label with an error, and its kind; one without objects of the right size gets a rectangle."""
    label, kind = label.copy(), str(random.choice(KINDS))
    objects = _objects(label, classes)
    height, width = label.shape
    if kind in ("another class", "painted over") and objects:
        class_id, region = objects[random.integers(len(objects))]
        others = [other for other in range(classes) if other != class_id]
        new = int(random.choice(others))
        if kind == "painted over":
            ring = cv2.dilate(region.astype(np.uint8), np.ones((13, 13), np.uint8)).astype(bool) & ~region
            around = label[ring & (label != ignore_id) & (label != class_id)]
            new = int(np.bincount(around).argmax()) if around.size else new
        label[region] = new
    elif kind == "slipped":
        by = random.integers(height // 24, height // 9, 2)
        label = np.roll(label, by.tolist(), axis=(0, 1))
    else:
        kind = "rectangle"
        size = random.integers(height // 14, height // 4, 2)
        top, left = random.integers(0, height - size[0]), random.integers(0, width - size[1])
        part = label[top : top + size[0], left : left + size[1]]
        usual = np.bincount(part.ravel(), minlength=256)[:classes].argmax()
        part[part != ignore_id] = random.choice([other for other in range(classes) if other != usual])
    return label, kind


class Draw:
    """The errors of a random seed: which frames get one, and, once they are planted, of which kind."""

    def __init__(self, seed: int, frames: int, errors: int) -> None:
        self.seed, self._random = seed, np.random.default_rng(seed)
        self.chosen = set(self._random.choice(frames, errors, replace=False).tolist())
        self.planted: dict[int, str] = {}

    def label(self, number: int, label: np.ndarray, classes: int, ignore_id: int) -> np.ndarray:
        """The label of a frame, with an error if it is among the chosen. Frames must come in order."""
        if number in self.chosen:
            label, self.planted[number] = plant(label, classes, ignore_id, self._random)
        return label


def _count(first: set[int], planted: dict[int, str], options: argparse.Namespace, seed: int) -> int:
    missed = sorted(kind for number, kind in planted.items() if number not in first)
    found = len(planted) - len(missed)
    text = f"seed {seed}: {found} of {len(planted)} in the first {options.first}"
    print(f"{text}; missed: {', '.join(missed) or 'none'}", flush=True)
    return found


def _by_a_model(source: Source, judge: Judge, options: argparse.Namespace) -> Iterator[int]:
    """Errors found for each seed; the frames are judged once for all."""
    pairs = all_pairs(source)
    classes, ignore_id = len(source.labels), source.labels.ignore_id
    draws = [Draw(seed, len(pairs), options.errors) for seed in options.seeds]
    rankings = [LabelErrors(classes, ignore_id) for _ in draws]
    for number, pair in enumerate(pairs):
        image, label, depth = read_pair(pair, source)
        probabilities = judge(image, depth)
        for draw, errors in zip(draws, rankings):
            errors.add(number, draw.label(number, label, classes, ignore_id), probabilities)
    for draw, errors in zip(draws, rankings):
        first = {doubt.frame for doubt in errors.ranked(options.first)}
        yield _count(first, draw.planted, options, draw.seed)


def _out_of_fold(source: Source, options: argparse.Namespace) -> Iterator[int]:
    """Errors found for each seed by networks that learned from the set with its planted errors."""
    pairs = all_pairs(source)
    classes, ignore_id = len(source.labels), source.labels.ignore_id
    for seed in options.seeds:
        draw = Draw(seed, len(pairs), options.errors)
        with tempfile.TemporaryDirectory() as folder:
            changed = []
            for number, pair in enumerate(pairs):
                if number in draw.chosen:
                    label = draw.label(number, source.read_label(pair), classes, ignore_id)
                    file = Path(folder) / f"{number}.png"
                    cv2.imwrite(str(file), label)
                    pair = dataclasses.replace(pair, mask=file)
                changed.append(pair)
            planted = dataclasses.replace(source, splits={"all": tuple(changed)})
            folds = Folds(options.folds, options.steps, seed=seed)
            _, doubts = find_doubts_out_of_fold(planted, folds, options.first)
        numbers = {pair.name: number for number, pair in enumerate(pairs)}
        yield _count({numbers[doubt.frame.name] for doubt in doubts}, draw.planted, options, seed)


def main() -> int:
    """Print, for each seed, how many of the planted errors are among the first listed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("layout", choices=LAYOUTS)
    parser.add_argument("source", type=Path)
    parser.add_argument("--splits", nargs="+", default=["train_other_drives", "train_val_drive"])
    parser.add_argument("--judge", default=OUT_OF_FOLD, help=f"{OUT_OF_FOLD} (the default), a bundle, or auto")
    parser.add_argument("--folds", type=int, default=Folds.count)
    parser.add_argument("--steps", type=int, default=Folds.steps)
    parser.add_argument("--errors", type=int, default=20)
    parser.add_argument("--first", type=int, default=30)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    options = parser.parse_args()
    source = read_layout(options.layout, options.source)
    source = dataclasses.replace(source, splits={split: source.splits[split] for split in options.splits})
    frames = len(all_pairs(source))
    if options.judge == OUT_OF_FOLD:
        name = f"{options.folds} folds of {options.steps} steps"
        counts = list(_out_of_fold(source, options))
    else:
        found = model_judge(options.judge, source)
        if found is None:
            print("no known model has these classes", file=sys.stderr)
            return 1
        name = found[0]
        counts = list(_by_a_model(source, found[1], options))
    chance = options.errors * options.first / frames
    print(f"mean {np.mean(counts):.1f}, by chance {chance:.1f} ({frames} frames, judge {name})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
