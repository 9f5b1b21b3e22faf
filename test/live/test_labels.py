"""Label sets: one form, one fingerprint, and errors that name what is wrong."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from rt_seg.labels import LabelError, labels_from_dict, load_labels

SHIPPED = sorted((Path(__file__).parents[2] / "config" / "labels").glob("*.yaml"))
CLASSES = [{"id": 0, "name": "background", "color": [0, 0, 0]}, {"id": 1, "name": "peg", "color": [1, 2, 3]}]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_label_files_load_and_survive_a_round_trip(path):
    labels = load_labels(path)
    assert labels_from_dict(yaml.safe_load(yaml.safe_dump(labels.to_dict())), "again") == labels


def test_fingerprint_changes_with_every_part_of_the_label_set():
    base = labels_from_dict({"classes": CLASSES}, "base").fingerprint
    changes = [
        {"classes": CLASSES, "ignore_id": 9},
        {"classes": [CLASSES[0], {**CLASSES[1], "name": "pin"}]},
        {"classes": [CLASSES[0], {**CLASSES[1], "color": [1, 2, 4]}]},
        {"classes": CLASSES[:1]},
    ]
    prints = {labels_from_dict(change, "change").fingerprint for change in changes} | {base}
    assert len(prints) == len(changes) + 1
    assert labels_from_dict({"classes": list(CLASSES), "ignore_id": 255}, "same").fingerprint == base


def test_color_table_holds_the_class_colours_and_black_elsewhere():
    table = labels_from_dict({"classes": CLASSES}, "base").color_table
    assert table.shape == (256, 3)
    assert table[1].tolist() == [1, 2, 3]
    assert not table[2:].any()


def test_a_mask_with_an_unknown_id_is_refused_by_name_and_value():
    labels = labels_from_dict({"classes": CLASSES}, "base")
    labels.check_mask(np.array([[0, 1, 255]], np.uint8), "good.png")
    with pytest.raises(LabelError, match=r"bad\.png: label value 7 is outside the class list.*background, peg"):
        labels.check_mask(np.array([[0, 7]], np.uint8), "bad.png")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "expected a mapping"),
        ({"classes": []}, "at least one entry"),
        ({"classes": CLASSES, "colour": 1}, "unknown key 'colour'"),
        ({"classes": [{"id": 0, "name": "x"}]}, r"classes\[0\]: missing key 'color': red, green, blue"),
        ({"classes": CLASSES[1:]}, "ids must be consecutive from 0"),
        ({"classes": [{**CLASSES[0], "color": [0, 0, 256]}]}, r"classes\[0\]: color: 256 must be from 0 to 255"),
        ({"classes": [CLASSES[0], {**CLASSES[1], "name": "background"}]}, "must differ"),
        ({"classes": CLASSES, "ignore_id": 1}, "ignore_id 1 must be an integer 2..255"),
    ],
)
def test_malformed_label_sets_are_refused(data, message):
    with pytest.raises(LabelError, match=message):
        labels_from_dict(data, "labels.yaml")


def test_a_missing_labels_file_is_named(tmp_path):
    with pytest.raises(LabelError, match="absent.yaml: cannot be read"):
        load_labels(tmp_path / "absent.yaml")
