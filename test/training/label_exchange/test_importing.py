"""Which image labels mean, what it is called in the data set, and that nothing is written unless all can be."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from imported_labels import box
from PIL import Image

from rt_seg.labels import load_labels
from rt_seg_training.commands.exchange_labels import main_import
from rt_seg_training.datasets.custom.custom_source import read_custom
from rt_seg_training.label_exchange import archives
from rt_seg_training.label_exchange.exchange import FORMATS, READ_ONLY
from rt_seg_training.label_exchange.image_names import parts_of


def coco(tmp_path, *names, file="c.json", left=10, categories=("x",), category=1):
    """A COCO file with a box of an image each, 10 pixels farther right for each image."""
    annotations = []
    for number in range(len(names)):
        start = left + 10 * number
        square = [start, 10, start + 10, 10, start + 10, 20, start, 20]
        annotations.append({"image_id": number, "category_id": category, "segmentation": [square]})
    content = {
        "images": [{"id": number, "file_name": name, "height": 48, "width": 64} for number, name in enumerate(names)],
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for number, name in enumerate(categories, start=1)],
    }
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    "path, parts",
    [("a.png", ("a.png",)), ("x/a.png", ("x", "a.png")), ("x\\y\\a.png", ("x", "y", "a.png")),
     ("..\\a.png", ("a.png",)), ("C:\\d\\a.png", ("d", "a.png")), ("/d/./a.png", ("d", "a.png")),
     ("\\\\host\\d\\a.png", ("host", "d", "a.png"))],
)  # fmt: skip
def test_paths_of_any_system(path, parts):
    assert parts_of(path) == parts


def test_images_in_folders_are_told_apart_by_them(tmp_path, imported):
    names = ["one/a.png", "two/a.png", "two/deep/a.png", "b.png"]
    found = imported("coco", coco(tmp_path, *names), names)
    for number, name in enumerate(["one_a", "two_a", "two_deep_a", "b"]):
        np.testing.assert_array_equal(found.pixels("x", name), box(10 + 10 * number, 10, 20 + 10 * number, 20))
    read_custom(found.output)


def test_folders_above_do_not_matter(tmp_path, imported):
    file = coco(tmp_path, "/home/me/set/one/a.png", "D:\\set\\two\\a.png")
    found = imported("coco", file, ["one/a.png", "two/a.png"])
    np.testing.assert_array_equal(found.pixels("x", "two_a"), box(20, 10, 30, 20))


def test_an_image_that_may_be_any_of_several_is_refused(tmp_path, imported):
    found = imported("coco", coco(tmp_path, "a.png"), ["one/a.png", "two/a.png"])
    found.refused("c.json", "a.png", "one/a.png, two/a.png")
    imported("coco", coco(tmp_path, "a.jpg"), ["c/a.png", "c/a.bmp"]).refused("c.json", "a.jpg")


def test_one_image_under_two_names_is_refused(tmp_path, imported):
    imported("coco", coco(tmp_path, "one/a.png", "two/a.png"), ["a.png"]).refused("a.png", "twice", "two/a.png")
    imported("coco", coco(tmp_path, "a.png", "a.png"), ["a.png"]).refused("a.png", "twice")


def test_another_suffix_will_do_and_is_said(tmp_path, imported):
    found = imported("coco", coco(tmp_path, "a.tif"), ["a.png"])
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20))
    assert found.count("images have a different suffix than in their labels") == 1


def test_another_folder_will_do_and_is_said(tmp_path, imported):
    found = imported("coco", coco(tmp_path, "one/a.png"), ["two/a.png"])
    assert found.status == 0 and found.count("images are in different folders than in their labels") == 1


def test_names_that_collide_in_the_data_set_are_refused(tmp_path, imported):
    imported("coco", coco(tmp_path, "a.png", "a_rgb.png"), ["a.png", "a_rgb.png"]).refused("a_rgb", "ambiguous")


def test_a_second_import_adds_to_a_set_and_never_replaces_another_image(tmp_path, imported):
    first = imported("coco", coco(tmp_path, "a.png", categories=("x", "y")), ["a.png"])
    second = imported("coco", coco(tmp_path, "b.png", categories=("x", "y"), category=2), ["b.png"])
    np.testing.assert_array_equal(first.pixels("x"), box(10, 10, 20, 20))
    np.testing.assert_array_equal(second.pixels("y", "b"), box(10, 10, 20, 20))
    again = imported("coco", coco(tmp_path, "a.png", left=30, categories=("x", "y")), ["a.png"])
    np.testing.assert_array_equal(again.pixels("x"), box(30, 10, 40, 20))
    assert again.count("existing masks are replaced") == 1
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.full((48, 64, 3), 9, np.uint8))
    path = str(coco(tmp_path, "a.png"))
    assert main_import(["coco", path, "--images", str(tmp_path / "images"), "--output", str(again.output)]) == 2
    np.testing.assert_array_equal(again.pixels("x"), box(30, 10, 40, 20))


def test_a_class_that_the_set_does_not_have_is_refused(tmp_path, imported):
    imported("coco", coco(tmp_path, "a.png"), ["a.png"])
    found = imported("coco", coco(tmp_path, "b.png", categories=("z",)), ["b.png"])
    assert found.status == 2 and "'z' is not in the labels file" in found.text
    assert [file.name for file in (found.output / "gt").iterdir()] == ["a.png"]


def test_the_classes_of_a_set_never_change_under_its_masks(tmp_path, imported):
    imported("coco", coco(tmp_path, "a.png", categories=("x", "y")), ["a.png"])
    labels = tmp_path / "set" / "labels.yaml"
    before = labels.read_text() + "# a remark\n"
    labels.write_text(before)
    (tmp_path / "other.yaml").write_text(before.replace("name: x", "name: z"))
    file = coco(tmp_path, "b.png", categories=("x", "y"))
    found = imported("coco", file, ["b.png"], "--labels", str(tmp_path / "other.yaml"))
    assert found.status == 2 and "other.yaml: has the classes background, z, y" in found.text
    assert imported("coco", file, ["b.png"], "--labels", str(labels)).status == 0
    assert labels.read_text() == before
    labels.unlink()
    assert "no labels.yaml" in imported("coco", file, ["b.png"]).text


def test_several_files_share_one_list_of_classes(tmp_path, imported):
    files = [
        coco(tmp_path, "a.png", file="train/_annotations.coco.json", categories=("x", "y"), category=2),
        coco(tmp_path, "a.png", file="valid/_annotations.coco.json", categories=("z", "x"), category=1),
    ]
    for paths in (files, tmp_path):
        found = imported("coco", paths, ["train/a.png", "valid/a.png"], output=f"set of {type(paths).__name__}")
        assert load_labels(found.output / "labels.yaml").names == ["background", "x", "y", "z"]
        np.testing.assert_array_equal(found.pixels("y", "train_a"), box(10, 10, 20, 20))
        np.testing.assert_array_equal(found.pixels("z", "valid_a"), box(10, 10, 20, 20))
        assert sorted(read_custom(found.output).splits) == ["train", "validation"]


def test_where_class_0_is_no_background_pixels_without_a_region_are_ignored_and_that_is_said(tmp_path, imported):
    (tmp_path / "l.yaml").write_text(
        "classes:\n- {id: 0, name: sky, color: [1, 1, 1]}\n- {id: 1, name: x, color: [2, 2, 2]}\n"
    )
    found = imported("coco", coco(tmp_path, "a.png"), ["a.png"], "--labels", str(tmp_path / "l.yaml"))
    np.testing.assert_array_equal(found.mask() == 255, ~box(10, 10, 20, 20))
    assert "'sky', is not background" in found.text


def test_a_damaged_image_is_refused_before_anything_is_written(tmp_path, imported):
    path = coco(tmp_path, "a.png", "b.png")
    (tmp_path / "images").mkdir()
    whole = cv2.imencode(".png", np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8))[1].tobytes()
    (tmp_path / "images" / "b.png").write_bytes(whole[: len(whole) // 2])
    imported("coco", path, ["a.png"]).refused("b.png", "cannot be read")


def test_images_are_looked_for_beside_the_labels_by_default(tmp_path, capsys):
    path = coco(tmp_path / "set", "a.png")
    cv2.imwrite(str(tmp_path / "set" / "a.png"), np.zeros((48, 64, 3), np.uint8))
    assert main_import(["coco", str(path), "--output", str(tmp_path / "set" / "out")]) == 0
    # A second time, too: what was written there is not taken for another image of that name.
    assert main_import(["coco", str(path), "--output", str(tmp_path / "set" / "out")]) == 0


@pytest.mark.parametrize("top", ["", "one/", "one/two/"])
def test_zip_files_with_folders_on_top_and_what_the_finder_adds(tmp_path, imported, top):
    path = coco(tmp_path, "a.png")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.write(path, f"{top}annotations/instances_default.json")
        archive.writestr(f"__MACOSX/{top}annotations/._instances_default.json", b"\x00\x05\x16")
        archive.writestr(f"{top}.DS_Store", b"\x00")
    np.testing.assert_array_equal(imported("coco", tmp_path / "c.zip").pixels("x"), box(10, 10, 20, 20))


def test_images_may_be_in_a_zip_file(tmp_path, capsys):
    path = coco(tmp_path, "one/a.png")
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.writestr("top/one/a.png", cv2.imencode(".png", np.zeros((48, 64, 3), np.uint8))[1].tobytes())
        archive.writestr("__MACOSX/top/one/._a.png", b"x")
    arguments = ["--images", str(tmp_path / "images.zip"), "--output", str(tmp_path / "out")]
    assert main_import(["coco", str(path), *arguments]) == 0, capsys.readouterr().err
    assert [file.name for file in (tmp_path / "out" / "rgb").iterdir()] == ["a.png"]


def test_a_photograph_that_is_turned_by_its_tag_is_named(tmp_path, imported):
    (tmp_path / "images").mkdir()
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (64, 48)).save(tmp_path / "images" / "a.jpg", exif=exif)
    imported("coco", coco(tmp_path, "a.jpg"), []).refused("a.jpg: is 48x64, but was labelled at 64x48", "EXIF")


def damaged(kind, content):
    """A zip file of c.json that is broken in some way."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("c.json", content)
    data = bytearray(buffer.getvalue())
    if kind == "cut":
        return bytes(data[: len(data) // 2])
    if kind == "empty":
        return b""
    if kind == "text":
        return b"PK but no zip file"
    if kind == "password":
        data[6] |= 1
        data[data.rindex(b"PK\x01\x02") + 8] |= 1
    if kind == "method":
        data[8:10] = data[data.rindex(b"PK\x01\x02") + 10 : data.rindex(b"PK\x01\x02") + 12] = b"\x63\x00"
    if kind == "deflate":
        data[60:90] = bytes(30)
    return bytes(data)


@pytest.mark.parametrize("kind", ["cut", "empty", "text", "password", "method", "deflate"])
def test_damaged_zip_files_are_refused(tmp_path, imported, kind):
    path = coco(tmp_path, *[f"{number}.png" for number in range(40)])
    (tmp_path / "c.zip").write_bytes(damaged(kind, path.read_text()))
    imported("coco", tmp_path / "c.zip").refused("c.zip", "zip file")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path, imported, monkeypatch):
    monkeypatch.setattr(archives, "SMALL", 1 << 20)
    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("c.json", bytes(5 << 20))
    imported("coco", tmp_path / "c.zip").refused("c.zip", "unpacks to 5 MB")


def test_messages_name_the_zip_file_and_what_is_in_it(tmp_path, imported):
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("top/c.json", "{}")
    found = imported("coco", tmp_path / "c.zip")
    found.refused("c.zip/c.json")
    assert "/rt_seg_" not in found.text


def test_a_format_that_does_not_fit_is_answered_with_the_one_that_does(tmp_path, imported):
    path = coco(tmp_path, "a.png")
    imported("labelstudio", path).refused("c.json", "It looks like COCO: import_labels coco reads it")
    np.testing.assert_array_equal(imported("auto", path).pixels("x"), box(10, 10, 20, 20))


@pytest.mark.parametrize(
    "name, content, word",
    [
        ("a.json", {"_via_img_metadata": {}}, "VGG Image Annotator"),
        ("a.json", [{"image_id": 1, "category_id": 2}], "COCO results"),
        ("a.json", {"items": [], "categories": {}}, "Datumaro"), ("a.json", {"asset": 1, "regions": []}, "VoTT"),
        ("a.json", [{"image": "a.png", "annotations": []}], "CreateML"), ("a.json", [{"Label": {}}], "Labelbox"),
        ("a.json", [{"image": "a.png", "polygonlabels": []}], "JSON-MIN"),
        ("a.json", {"imgHeight": 4, "objects": []}, "Cityscapes"),
        ("a.xml", "<annotation><object/></annotation>", "VOC boxes"), ("_darknet.labels", "x", "not recognised"),
        ("a.ndjson", "{}", "lines of JSON"), ("a.tfrecord", "x", "TFRecord"),
        ("data.yaml", "names: [a]\nkpt_shape: [17, 3]", "key points"), ("a.csv", "x", "a table"),
    ],
)  # fmt: skip
def test_formats_that_are_not_read_are_named(tmp_path, imported, name, content, word):
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    imported("auto", folder).refused(word)
    if word != "not recognised" and name.endswith("json"):
        imported("coco", folder / name).refused(word)


def test_a_data_set_of_this_package_needs_no_import(tmp_path, imported):
    (tmp_path / "own" / "rgb").mkdir(parents=True)
    (tmp_path / "own" / "gt").mkdir()
    imported("auto", tmp_path / "own").refused("needs no import")


def test_file_names_that_are_no_text_are_printed_all_the_same(tmp_path):
    """As a program of its own, for the standard output of tests takes everything."""
    folder = tmp_path / "labels" / os.fsdecode(b"f\xff")
    folder.mkdir(parents=True)
    shape = {"label": 1, "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon"}
    (folder / "a.json").write_text(json.dumps({"shapes": [shape], "imagePath": None}))
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((48, 64, 3), np.uint8))
    tool = Path(__file__).resolve().parents[3] / "training" / "import_labels"
    arguments = ["labelme", str(tmp_path / "labels"), "--images", str(tmp_path), "--output", str(tmp_path / "out")]
    source = [str(tool.parents[1] / "src"), str(tool.parent)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(source), "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run([sys.executable, str(tool), *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "class names are numbers, read as text" in done.stdout


def test_help_names_every_format(capsys):
    with pytest.raises(SystemExit):
        main_import(["--help"])
    text = capsys.readouterr().out
    assert "rosrun rt_seg import_labels" in text and all(f"{name}:" in text for name in (FORMATS | READ_ONLY))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_twice_in_a_zip_file_is_refused(tmp_path, imported):
    path = coco(tmp_path, "a.png")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.write(path, "c.json")
        archive.write(path, "c.json")
    imported("coco", tmp_path / "c.zip").refused("c.zip", "holds c.json twice")


def test_zip_files_with_the_separators_of_windows(tmp_path, imported):
    path = coco(tmp_path, "a.png")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        info = zipfile.ZipInfo("annotations\\c.json")
        info.filename = "annotations\\c.json"
        archive.writestr(info, path.read_text())
    np.testing.assert_array_equal(imported("coco", tmp_path / "c.zip").pixels("x"), box(10, 10, 20, 20))


def test_remarks_name_the_zip_file(tmp_path, imported):
    path = coco(tmp_path, "a.png")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("top/c.json", json.dumps(json.loads(path.read_text()) | {"annotations": [
            {"id": 1, "image_id": 0, "category_id": 1, "iscrowd": 1, "segmentation": [[10, 10, 20, 10, 20, 90, 10, 20]]}
        ]}))  # fmt: skip
    found = imported("coco", tmp_path / "c.zip")
    assert found.status == 0 and "c.zip/c.json" in found.text and "/rt_seg_" not in found.text
