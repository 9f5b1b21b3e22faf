"""What the status line scores."""

import numpy as np

from rt_seg.labels import Label, LabelSet
from rt_seg.ros.node.status import ids_of


def labels(*names):
    return LabelSet(tuple(Label(number, name, (number, 0, 0)) for number, name in enumerate(names)))


def test_ground_truth_is_mapped_to_the_model_by_name():
    table = ids_of(labels("background", "peg", "hole"), labels("background", "hole", "peg"))
    assert table[:3].tolist() == [0, 2, 1]
    assert np.all(table[3:] == 255)


def test_other_classes_are_not_scored():
    assert ids_of(labels("background", "peg"), labels("background", "hole")) is None
    assert ids_of(labels("background", "peg"), labels("background", "peg", "hole")) is None
