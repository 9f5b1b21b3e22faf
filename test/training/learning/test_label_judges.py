"""Networks trained on parts of a set judge the other parts; what they have seen they do not judge."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from rt_seg.labels import Label, LabelSet
from rt_seg_training.datasets.custom.custom_source import read_custom
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.labelled_frame import LabelledFrame, write_frame, write_labels
from rt_seg_training.datasets.unbuilt import UnbuiltDataSet
from rt_seg_training.learning.label_judges import Folds, all_pairs, find_doubts_out_of_fold, parts

LABELS = LabelSet((Label(0, "floor", (0, 0, 0)), Label(1, "red", (255, 0, 0)), Label(2, "blue", (0, 0, 255))))
WRONG = 340
"""The frame whose red disc is labelled as blue."""


@pytest.fixture(scope="module")
def discs(tmp_path_factory):
    """24 frames of a red and a blue disc on grey, each of another group; all labels but one are right."""
    folder = tmp_path_factory.mktemp("discs")
    random = np.random.default_rng(0)
    for number in range(0, 24 * 20, 20):
        image = random.integers(90, 130, (64, 96, 3)).astype(np.uint8)
        mask = np.zeros((64, 96), np.uint8)
        for class_id, color, left in ((1, (220, 40, 40), 6), (2, (40, 40, 220), 50)):
            center = (int(left + random.integers(12, 24)), int(random.integers(18, 46)))
            cv2.circle(image, center, 12, color, cv2.FILLED)
            cv2.circle(mask, center, 12, class_id, cv2.FILLED)
        if number == WRONG:
            mask[mask == 1] = 2
        write_frame(folder, f"{number:04d}", LabelledFrame(image, mask))
    write_labels(folder, LABELS)
    return read_custom(folder)


def test_parts_are_of_one_size_and_keep_neighbours_together(discs):
    found = parts(all_pairs(discs), 3)
    assert [len(part) for part in found] == [8, 8, 8]
    assert sorted(pair.name for part in found for pair in part) == sorted(pair.name for pair in all_pairs(discs))
    neighbours = [pair for pair in all_pairs(discs) if pair.name == "0000"] * 2
    with pytest.raises(DatasetError, match="2 frames form 1 groups of neighbouring frames"):
        parts(neighbours, 2)


def test_an_unbuilt_set_gives_the_pixels_of_its_files(discs):
    pairs = all_pairs(discs)
    data = UnbuiltDataSet(discs, {"a": pairs[:3], "b": pairs[3:5]})
    assert data.count("a+b") == 5 and data.pixels["a"].sum() == 3 * 64 * 96
    examples = list(data.examples("b").as_numpy_iterator())
    assert [example["name"].decode() for example in examples] == [pair.name for pair in pairs[3:5]]
    assert examples[0]["image"].shape == (64, 96, 3) and examples[0]["label"].shape == (64, 96, 1)
    with pytest.raises(DatasetError, match="'c' is not known"):
        data.count("a+c")
    with pytest.raises(DatasetError, match="has no depth"):
        data.examples("a", depth=True)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_wrong_label_is_found_by_networks_that_have_not_seen_it(discs):
    lines = []
    name, doubts = find_doubts_out_of_fold(discs, Folds(steps=25), 5, lines.append)
    assert doubts[0].frame.name == f"{WRONG:04d}"
    assert (doubts[0].label, doubts[0].predicted) == (2, 1)
    assert "2 networks" in name
    assert lines[0] == "fold 1 of 2: trained on 12 frames, checks 12 held-out frames" and "left" in lines[1]
