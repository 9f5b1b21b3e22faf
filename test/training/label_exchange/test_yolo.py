"""YOLO's text files in the layouts of Ultralytics and Roboflow: painted rightly, or refused by file, line and value."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from imported_labels import box

from rt_seg.labels import load_labels
from rt_seg_training.datasets.custom.custom_source import read_custom


def line(number, left, top, right, bottom):
    """A box as a polygon, as shares of 64x48."""
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return " ".join([str(number), *(f"{x / 64:.6f} {y / 48:.6f}" for x, y in corners)])


@pytest.fixture
def yolo(tmp_path, imported):
    """Imports files: path → text; images are made by their names, --images is their folder."""

    def call(files, names=("a.png",), *more, path=".", **options):
        for name, content in files.items():
            file = tmp_path / "set_of_yolo" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return imported("yolo", tmp_path / "set_of_yolo" / path, names, *more, **options)

    return call


NAMES = "names: [x, y]\n"
SQUARE = line(1, 10, 10, 20, 20)


@pytest.mark.parametrize("path", [".", "data.yaml"])
def test_the_layout_of_ultralytics(yolo, path):
    files = {
        "data.yaml": "path: .\ntrain: images/train\nval: images/val\nnames:\n  0: x\n  1: y\n",
        "labels/train/a.txt": SQUARE, "labels/val/a.txt": line(0, 30, 5, 40, 9), "labels/train.txt": "a list",
    }  # fmt: skip
    found = yolo(files, ["images/train/a.jpg", "images/val/a.jpg"], path=path)
    assert load_labels(found.output / "labels.yaml").names == ["background", "x", "y"]
    np.testing.assert_array_equal(found.pixels("y", "images_train_a"), box(10, 10, 20, 20))
    np.testing.assert_array_equal(found.pixels("x", "images_val_a"), box(30, 5, 40, 9))
    assert {split: len(pairs) for split, pairs in read_custom(found.output).splits.items()} == {
        "train": 1, "validation": 1,
    }  # fmt: skip


def test_the_layout_of_roboflow_with_its_readme_files(yolo):
    files = {"data.yaml": NAMES, "README.roboflow.txt": "hello", "README.dataset.txt": "hello"}
    names = []
    for split, left in (("train", 10), ("valid", 20), ("test", 30)):
        files[f"{split}/labels/a_jpg.rf.1.txt"] = line(0, left, 10, left + 5, 20)
        names.append(f"{split}/images/a_jpg.rf.1.jpg")
    found = yolo(files, names)
    np.testing.assert_array_equal(found.pixels("x", "valid_images_a_jpg.rf.1"), box(20, 10, 25, 20))
    splits = read_custom(found.output).splits
    assert sorted(splits) == ["test", "train", "validation"]
    assert [pair.name for pair in splits["validation"]] == ["valid_images_a_jpg.rf.1"]


@pytest.mark.parametrize("name", ["classes.txt", "obj.names"])
def test_a_flat_folder_with_a_list_of_classes(yolo, name):
    found = yolo({name: "x\ny\n", "a.txt": SQUARE})
    np.testing.assert_array_equal(found.pixels("y"), box(10, 10, 20, 20))


def test_a_byte_order_mark_windows_line_ends_and_empty_lines(yolo):
    files = {"data.yaml": ("\ufeff" + NAMES).encode(), "labels/a.txt": ("\ufeff" + SQUARE + "\r\n\r\n").encode()}
    np.testing.assert_array_equal(yolo(files).pixels("y"), box(10, 10, 20, 20))


@pytest.mark.parametrize("names", [["no", "yes"], ["1", "2"], ["null", "~"], ["on", "off"], ["a: b", "# c"]])
def test_names_that_yaml_takes_for_something_else(yolo, names):
    found = yolo({"data.yaml": "names: [no, yes]" if names == ["no", "yes"] else yaml.safe_dump({"names": names}),
                  "labels/a.txt": SQUARE})  # fmt: skip
    assert load_labels(found.output / "labels.yaml").names == ["background", *names]


def test_numbers_of_classes_may_have_gaps(yolo):
    found = yolo({"data.yaml": "names: {7: y, 3: x}", "labels/a.txt": line(7, 10, 10, 20, 20)})
    assert load_labels(found.output / "labels.yaml").names == ["background", "x", "y"]
    np.testing.assert_array_equal(found.pixels("y"), box(10, 10, 20, 20))


def test_an_empty_file_is_background_and_said(yolo):
    found = yolo({"data.yaml": NAMES, "labels/a.txt": ""})
    assert not found.mask().any() and found.count("images have no region: all background") == 1


def test_boxes_are_refused_unless_asked_for(yolo):
    files = {"data.yaml": NAMES, "labels/a.txt": "1 0.25 0.25 0.25 0.25"}
    yolo(files).refused("a.txt: line 1", "box", "--boxes")
    found = yolo(files, ["a.png"], "--boxes")
    np.testing.assert_array_equal(found.pixels("y"), box(8, 6, 24, 18))
    assert found.count("regions without outline: their box is painted") == 1


def test_smaller_polygons_lie_over_larger_ones(yolo):
    files = {"data.yaml": NAMES, "labels/a.txt": line(0, 12, 12, 15, 15) + "\n" + SQUARE}
    np.testing.assert_array_equal(yolo(files).pixels("x"), box(12, 12, 15, 15))


def test_polygons_a_little_outside_are_clipped_and_said(yolo):
    found = yolo({"data.yaml": NAMES, "labels/a.txt": line(1, -10, -10, 20, 20)})
    np.testing.assert_array_equal(found.pixels("y"), box(0, 0, 20, 20))
    assert found.count("regions extend beyond") == 1


@pytest.mark.parametrize(
    "content",
    [
        "2 0 0 1 0 1 1", "-1 0 0 1 0 1 1", "1.5 0 0 1 0 1 1", "x 0 0 1 0 1 1", "1 0 0 1 0 1", "1 0 0 1 0 1 1 0.9",
        "1 10 10 20 10 20 20", "1 0 0 nan 0 1 1", "1 0 0 inf 0 1 1", "1 0 0 a 0 1 1", "1", "1 0.5", "1 0 0 1 0",
        "1 0.5 0.5 0 0.1",
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_is_refused(yolo, content):
    files = {"data.yaml": NAMES, "labels/a.txt": f"{SQUARE}\n{content}"}
    yolo(files, ["a.png"], "--boxes").refused("a.txt: line 2")


@pytest.mark.parametrize(
    "content",
    [
        "", "names:", "names: 5", "names: []", "names: ['']", "names: {x: 1}", "names: {0: [1]}", "[", "a: *b",
        "names: {0: x, 0.0: y}", "names: {-1: x}", "- 1", "names: [x]\nkpt_shape: [17, 3]",
        "names: [x, y]\nmasks_dir: m",
        "{" * 3000, "a: &a [1]\nb: &b [*a,*a]\nnames: [*b, *b]", b"\xff\xfenames", "names: " + "x" * 200_000,
    ],
)  # fmt: skip
def test_a_class_file_that_cannot_be_is_refused(yolo, content):
    yolo({"data.yaml": content, "labels/a.txt": SQUARE}).refused("data.yaml" if content != "names: []" else "a.txt")


def test_folders_without_labels_or_classes_are_refused(yolo):
    yolo({"data.yaml": NAMES}).refused("labels")
    yolo({"other/labels/a.txt": SQUARE}, path="other").pixels("y")  # data.yaml may lie above
    yolo({"far/away/from/labels/a.txt": SQUARE}, path="far/away/from", output="far").refused("data.yaml")


def test_a_count_of_classes_that_is_wrong_is_refused_and_equal_names_are_said(yolo):
    yolo({"data.yaml": "nc: 3\n" + NAMES, "labels/a.txt": SQUARE}).refused("data.yaml", "'nc' is '3'", "2 names")
    found = yolo({"data.yaml": "nc: 2\nnames: [x, x]\n", "labels/a.txt": SQUARE})
    assert found.count("classes share a name and are merged") == 1


def test_the_splits_that_data_yaml_names_are_taken_over(yolo):
    files = {
        "data.yaml": "train: ../images/train2017\nval: images/val2017\n" + NAMES,
        "labels/train2017/a.txt": SQUARE, "labels/val2017/b.txt": SQUARE,
    }  # fmt: skip
    found = yolo(files, ["images/train2017/a.jpg", "images/val2017/b.jpg"])
    assert yaml.safe_load((found.output / "splits.yaml").read_text()) == {"train": ["a"], "validation": ["b"]}


def test_lists_of_images_in_data_yaml_are_splits_too(yolo):
    files = {
        "data.yaml": "train: train.txt\nval: val.txt\n" + NAMES, "train.txt": "./images/a.jpg\n",
        "val.txt": "./images/b.jpg\n", "labels/a.txt": SQUARE, "labels/b.txt": SQUARE,
    }  # fmt: skip
    found = yolo(files, ["images/a.jpg", "images/b.jpg"])
    assert yaml.safe_load((found.output / "splits.yaml").read_text()) == {"train": ["a"], "validation": ["b"]}


def test_one_folder_for_two_splits_tells_none(yolo):
    files = {"data.yaml": "train: images\nval: images\n" + NAMES, "labels/a.txt": SQUARE}
    assert not (yolo(files, ["images/a.jpg"]).output / "splits.yaml").exists()


def test_a_list_of_classes_beside_the_labels_goes_before_one_in_a_folder_above(yolo):
    files = {"data.yaml": "names: [dog, cat]\n", "b/labels/classes.txt": "x\ny\n", "b/labels/a.txt": SQUARE}
    np.testing.assert_array_equal(yolo(files, path="b").pixels("y"), box(10, 10, 20, 20))


def test_classes_from_a_folder_above_are_said(yolo):
    found = yolo({"data.yaml": NAMES, "b/labels/a.txt": SQUARE}, path="b")
    np.testing.assert_array_equal(found.pixels("y"), box(10, 10, 20, 20))
    assert found.count("classes are taken from a file in a folder above the labels") == 1


def test_a_list_of_images_that_is_missing_is_said(yolo):
    found = yolo({"data.yaml": "train: train.txt\n" + NAMES, "labels/a.txt": SQUARE}, ["images/a.jpg"])
    assert found.count("lists of images that data.yaml names are missing") == 1


def test_names_with_points_keep_their_splits(yolo):
    files = {
        "data.yaml": "train: train.txt\nval: val.txt\n" + NAMES, "train.txt": "images/a.001.jpg\n",
        "val.txt": "images/a.002.jpg\n", "labels/a.001.txt": SQUARE, "labels/a.002.txt": SQUARE,
    }  # fmt: skip
    found = yolo(files, ["images/a.001.jpg", "images/a.002.jpg"])
    assert yaml.safe_load((found.output / "splits.yaml").read_text()) == {"train": ["a.001"], "validation": ["a.002"]}
