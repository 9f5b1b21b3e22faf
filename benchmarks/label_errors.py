"""How many planted label errors `lint_dataset` lists first: the frames of a data set with errors put into 20 of them.

    python benchmarks/label_errors.py camvid ~/CamVid --judge camvid

Baseline: the same number of frames drawn at random. Kinds of errors, drawn at random: an object gets the class of
another, is painted over by what is around it, a rectangle of another class, a mask that slipped.
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / name) for name in ("src", "training")]

from rt_seg_training.commands.lint_dataset import load_judge  # noqa: E402
from rt_seg_training.datasets.label_errors import LabelErrors  # noqa: E402
from rt_seg_training.datasets.layouts import LAYOUTS, read_layout  # noqa: E402
from rt_seg_training.datasets.source import read_pair  # noqa: E402

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


def main() -> int:
    """Print, for each seed, how many of the planted errors are among the first listed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("layout", choices=LAYOUTS)
    parser.add_argument("source", type=Path)
    parser.add_argument("--splits", nargs="+", default=["train_other_drives", "train_val_drive"])
    parser.add_argument("--judge", default="auto")
    parser.add_argument("--errors", type=int, default=20)
    parser.add_argument("--first", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    source = read_layout(options.layout, options.source)
    pairs = [pair for split in options.splits for pair in source.splits[split]]
    found = load_judge(options.judge, source)
    if found is None:
        print("no known model has these classes", file=sys.stderr)
        return 1
    name, judge = found
    classes, ignore_id = len(source.labels), source.labels.ignore_id
    randoms = [np.random.default_rng(seed) for seed in range(options.seeds)]
    chosen = [set(random.choice(len(pairs), options.errors, replace=False).tolist()) for random in randoms]
    rankings = [LabelErrors(classes, ignore_id) for _ in randoms]
    kinds: list[dict[int, str]] = [{} for _ in randoms]
    for number, pair in enumerate(pairs):
        image, label, depth = read_pair(pair, source)
        probabilities = judge(image, depth)
        for seed, errors in enumerate(rankings):
            mask = label
            if number in chosen[seed]:
                mask, kinds[seed][number] = plant(label, classes, ignore_id, randoms[seed])
            errors.add(number, mask, probabilities)
    counts = []
    for seed, errors in enumerate(rankings):
        first = {doubt.frame for doubt in errors.ranked(options.first)}
        counts.append(len(first & chosen[seed]))
        missed = sorted(kinds[seed][number] for number in chosen[seed] - first)
        text = f"seed {seed}: {counts[-1]} of {options.errors} in the first {options.first}"
        print(f"{text}; missed: {', '.join(missed) or 'none'}")
    chance = options.errors * options.first / len(pairs)
    print(f"mean {np.mean(counts):.1f}, by chance {chance:.1f} ({len(pairs)} frames, judge {name})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
