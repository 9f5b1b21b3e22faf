"""What the status line scores."""

import re

import numpy as np

from rt_seg.labels import Label, LabelSet
from rt_seg.ros.node.status import EXAMPLE, ids_of, topics_of


def labels(*names):
    return LabelSet(tuple(Label(number, name, (number, 0, 0)) for number, name in enumerate(names)))


def test_ground_truth_is_mapped_to_the_model_by_name():
    table = ids_of(labels("background", "peg", "hole"), labels("background", "hole", "peg"))
    assert table[:3].tolist() == [0, 2, 1]
    assert np.all(table[3:] == 255)


def test_other_classes_are_not_scored():
    assert ids_of(labels("background", "peg"), labels("background", "hole")) is None
    assert ids_of(labels("background", "peg"), labels("background", "peg", "hole")) is None


def test_the_example_of_the_help_subscribes_to_the_topics_of_camera_and_node():
    remapped = dict(re.findall(r"(?<=\s)([a-z][\w/]*):=(\S*\w)", EXAMPLE))
    names = {"color/image_raw": "color", "mask": "mask", "overlay": "overlay", "labels": "labels",
             "ground_truth/mask": "ground_truth", "ground_truth/labels": "ground_truth_labels"}  # fmt: skip
    of_camera = topics_of("camera")  # one of several, whose node is in its namespace
    assert remapped.pop("viewer") == "status"
    assert remapped == {name: of_camera[kind].replace("/camera/seg", "/seg") for name, kind in names.items()}
