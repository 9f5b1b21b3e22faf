"""Which classes a mask shows."""

import numpy as np

from rt_seg.labels import Label, LabelSet
from rt_seg.products.class_filter import ClassFilter, split_known

LABELS = LabelSet(tuple(Label(i, name, (i, i, i)) for i, name in enumerate(("background", "peg", "hole", "mug"))))
MASK = np.array([[0, 1, 2, 3, 255]], np.uint8)


def filtered(**settings):
    return ClassFilter(LABELS, **settings).apply(MASK)[0].tolist()


def test_nothing_is_filtered_unless_asked_for_and_the_mask_is_not_copied():
    assert ClassFilter(LABELS).apply(MASK) is MASK


def test_classes_that_are_not_named_become_unlabelled():
    assert filtered(classes="peg, mug") == [255, 1, 255, 3, 255]


def test_remapped_classes_count_as_the_others():
    assert filtered(remap="hole=peg, mug = background") == [0, 1, 1, 0, 255]


def test_classes_are_kept_after_remapping():
    assert filtered(classes="peg", remap="hole=peg") == [255, 1, 1, 255, 255]


def test_unknown_names_are_noted_and_have_no_effect():
    class_filter = ClassFilter(LABELS, "peg,cup", "plate=peg")
    assert class_filter.unknown == ["plate", "cup"]
    assert class_filter.apply(MASK)[0].tolist() == [255, 1, 255, 255, 255]


def test_what_is_no_pair_of_names_is_noted_as_such():
    class_filter = ClassFilter(LABELS, remap="hole, =peg, mug=, a=b=c, hole=peg")
    assert (class_filter.malformed, class_filter.unknown) == (["hole", "=peg", "mug=", "a=b=c"], [])
    assert class_filter.apply(MASK)[0].tolist() == [0, 1, 1, 3, 255]


def test_entries_with_a_name_that_is_not_known_are_told_from_the_others():
    assert split_known("peg, cup,", LABELS.names) == (["peg"], ["cup"])
    assert split_known("hole = peg, cup=peg, mug=cup", LABELS.names) == (["hole = peg"], ["cup=peg", "mug=cup"])
