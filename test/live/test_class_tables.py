"""Class tables of other packages, read as those packages read them."""

import csv
from pathlib import Path

import numpy as np
import pytest
import yaml

from rt_seg.class_tables import (
    ClassTableError,
    elevation_mapping_settings,
    hydra_tables,
    kimera_table,
)
from rt_seg.labels import labels_from_dict, load_labels
from rt_seg.products.overlay import Palette

FILES = sorted((Path(__file__).parents[2] / "config" / "labels").glob("*.yaml"))


def some_labels(*colors, names=None):
    names = names or [f"class {number}" for number in range(len(colors))]
    return labels_from_dict(
        {"classes": [{"id": i, "name": n, "color": c} for i, (n, c) in enumerate(zip(names, colors))]}, "test"
    )


def rows_of(table):
    """As Kimera-Semantics reads it: six fields a row, split at commas, numbers of a byte; white is 0 in the end."""
    ids, names = {}, {}
    for number, line in enumerate(table.splitlines()):
        fields = line.split(",")
        assert len(fields) == 6, line
        if number:  # it reads the words of the header as zeros, and a class overwrites that
            color = tuple(int(value) for value in fields[1:4])
            assert color not in ids, f"two rows of {color}"
            assert fields[4] == "255"
            ids[color], names[color] = int(fields[5]), fields[0]
    return ids, names


def every_id(labels):
    return np.array([[*range(len(labels)), 255]], np.uint8)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_coloured_masks_decode_to_the_classes_they_were_made_of_and_unlabelled_pixels_too(path):
    labels = load_labels(path)
    mask = np.random.default_rng(0).choice(every_id(labels)[0], (48, 64))
    colors = Palette(labels).colorize(mask)
    ids, names = rows_of(kimera_table(labels))
    decoded_names = [names[tuple(color)] for color in colors.reshape(-1, 3).tolist()]
    assert decoded_names == [[*labels.names, "unlabelled"][min(i, len(labels))] for i in mask.ravel()]
    decoded = np.array([ids[tuple(color)] for color in colors.reshape(-1, 3).tolist()]).reshape(mask.shape)
    assert np.array_equal(decoded, np.where(mask == 255, 0, mask))
    ids, _ = rows_of(hydra_tables(labels)["colors.csv"])
    decoded = np.array([ids[tuple(color)] for color in colors.reshape(-1, 3).tolist()]).reshape(mask.shape)
    assert np.array_equal(decoded, mask)


def test_the_header_is_the_one_that_is_read():
    assert kimera_table(some_labels([0, 0, 0])).splitlines()[0] == "name,red,green,blue,alpha,id"


def test_two_classes_of_one_colour_are_refused_by_name():
    with pytest.raises(ClassTableError, match="'cup' and 'mug' have the same colour"):
        kimera_table(some_labels([0, 0, 0], [9, 9, 9], [9, 9, 9], names=["table", "cup", "mug"]))


def test_a_white_class_is_refused_where_white_means_unknown():
    labels = some_labels([0, 0, 0], [255, 255, 255], names=["floor", "wall"])
    with pytest.raises(ClassTableError, match="'wall' is white"):
        kimera_table(labels)
    assert "wall,255,255,255,255,1" in hydra_tables(labels)["colors.csv"]


def test_a_name_with_a_comma_is_refused():
    with pytest.raises(ClassTableError, match="comma"):
        kimera_table(some_labels([0, 0, 0], names=["cup, mug"]))


def test_the_label_space_counts_the_classes_and_says_which_move():
    labels = some_labels([0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0], names=["background", "floor", "chair", "person"])
    space = yaml.safe_load(hydra_tables(labels, objects=["chair"], dynamic=["person"])["label_space.yaml"])
    assert space["total_semantic_labels"] == 4
    assert (space["dynamic_labels"], space["object_labels"], space["surface_places_labels"]) == ([3], [2], [1])
    assert space["invalid_labels"] == [255]
    assert [entry["name"] for entry in space["label_names"]] == labels.names
    with pytest.raises(ClassTableError, match="'cat' is not a class"):
        hydra_tables(labels, dynamic=["cat"])


def test_elevation_mapping_gets_one_layer_a_class_out_of_the_probabilities():
    labels = some_labels([0, 0, 0], [1, 0, 0], names=["floor", "grass"])
    source = yaml.safe_load(elevation_mapping_settings(labels, "/front"))["subscribers"]["rt_seg"]
    assert source["topic_name"] == "/front/probabilities"
    assert source["channel_info_topic_name"] == "/front/channel_info"
    assert source["channels"] == ["floor", "grass"] and len(source["fusion"]) == 2


def test_tables_are_read_back_by_a_reader_of_csv():
    rows = list(csv.DictReader(kimera_table(some_labels([1, 2, 3], names=["traffic light"])).splitlines()))
    assert rows[0] == {"name": "traffic light", "red": "1", "green": "2", "blue": "3", "alpha": "255", "id": "0"}
