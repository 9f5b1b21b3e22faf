"""The score of `evaluate` is that of the masks of `predict`, counted by somebody else, to the last digit."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from rt_seg.labels import load_labels
from rt_seg_training.commands import evaluate as evaluate_command
from rt_seg_training.commands import predict as predict_command
from rt_seg_training.datasets.building import build_dataset

ROOT = Path(__file__).parents[3]
LABELS = load_labels(ROOT / "config" / "labels" / "tabletop.yaml")


def _scene(number):
    """Smooth colours, which JPEG's decoders round differently, and a label."""
    random = np.random.default_rng(number)
    coarse = random.integers(0, 256, (9, 12, 3), np.uint8)
    image = cv2.resize(coarse, (157, 119), interpolation=cv2.INTER_CUBIC)
    ids = random.integers(0, len(LABELS), (6, 8)).astype(np.uint8)
    label = cv2.resize(ids, (157, 119), interpolation=cv2.INTER_NEAREST)
    label[:7] = 255
    return image, label


def _intersections_and_unions(folder, masks, classes):
    """Counted pixel by pixel as sets, without the code that is tested."""
    hits, unions = [0] * classes, [0] * classes
    for path in sorted((folder / "gt").iterdir()):
        truth = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).ravel().tolist()
        found = cv2.imread(str(masks / f"{path.stem}_mask.png"), cv2.IMREAD_UNCHANGED).ravel().tolist()
        for true, predicted in zip(truth, found, strict=True):
            if true == 255:
                continue
            if true == predicted:
                hits[true] += 1
                unions[true] += 1
            else:
                unions[true] += 1
                unions[predicted] += 1
    return hits, unions


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_evaluate_says_what_another_scorer_says_of_the_masks_of_predict(tmp_path, suffix):
    source = tmp_path / "set"
    for folder in ("rgb", "gt"):
        (source / folder).mkdir(parents=True)
    for number in range(4):
        image, label = _scene(number)
        cv2.imwrite(str(source / "rgb" / f"{number}{suffix}"), image)
        cv2.imwrite(str(source / "gt" / f"{number}.png"), label)
    (source / "labels.yaml").write_text(yaml.safe_dump(LABELS.to_dict()))
    (source / "splits.yaml").write_text(yaml.safe_dump({"train": ["0"], "validation": ["1", "2", "3"]}))
    build_dataset("custom", source, "both", tmp_path / "data")
    bundle = str(ROOT / "models" / "tabletop")
    arguments = ["--bundle", bundle, "--dataset", "both", "--data-dir", str(tmp_path / "data"), "--split"]
    output = ["--output", str(tmp_path / "scores"), "--save-predictions"]
    assert evaluate_command.main([*arguments, "train+validation", *output]) == 0
    assert predict_command.main([bundle, str(source / "rgb"), "--output", str(tmp_path / "masks")]) == 0
    for number in range(4):
        name = tmp_path / "scores" / "predictions" / f"{number}.png"
        np.testing.assert_array_equal(
            cv2.imread(str(name), cv2.IMREAD_UNCHANGED),
            cv2.imread(str(tmp_path / "masks" / f"{number}_mask.png"), cv2.IMREAD_UNCHANGED),
        )
    hits, unions = _intersections_and_unions(source, tmp_path / "masks", len(LABELS))
    expected = [hit / union if union else None for hit, union in zip(hits, unions)]
    scores = json.loads((tmp_path / "scores" / "scores.json").read_text())
    assert [entry["iou"] for entry in scores["classes"]] == [value and round(value, 6) for value in expected]
    present = [value for value in expected if value is not None]
    assert scores["mean_iou"] == round(sum(present) / len(present), 6)
