"""Labels survive the way to another program and back, pixel by pixel, and files of those programs are read."""

import base64
import json
import zipfile

import cv2
import numpy as np
import pytest

from rt_seg_training.commands.exchange_labels import main_export, main_import
from rt_seg_training.datasets.custom.custom_source import read_custom
from rt_seg_training.datasets.labelled_frame import encode, write_labels
from rt_seg_training.datasets.linting import check_source
from rt_seg_training.label_exchange.annotations import Annotated, Region, labels_of, outlines, paint
from rt_seg_training.label_exchange.exchange import FORMATS
from rt_seg_training.label_exchange.run_lengths import mask_from_runs, runs_from_mask, runs_from_text
from rt_seg_training.label_exchange.shapes import Outline

LABELS = labels_of(["part", "hole", "clutter"])


def _mask(seed):
    """60x80 with nested, touching and single-pixel regions of all classes and ignored pixels."""
    random = np.random.default_rng(seed)
    mask = np.zeros((60, 80), np.uint8)
    for number in (1, 2, 3, 0, 255, 1, 2, 0):
        x, y, width, height = (int(value) for value in random.integers((0, 0, 3, 3), (70, 50, 40, 30)))
        cv2.ellipse(mask, (x, y), (width, height), float(random.uniform(0, 180)), 0, 360, number, -1)
    specks = random.random(mask.shape) < 0.02
    mask[specks] = random.integers(0, 4, specks.sum())
    return mask


@pytest.fixture
def parts(tmp_path):
    folder = tmp_path / "parts"
    (folder / "rgb").mkdir(parents=True)
    (folder / "gt").mkdir()
    for number in range(3):
        (folder / "rgb" / f"{number}.png").write_bytes(encode(".png", np.full((60, 80, 3), 50 + number, np.uint8)))
        (folder / "gt" / f"{number}.png").write_bytes(encode(".png", _mask(number)))
    write_labels(folder, LABELS)
    return folder


@pytest.mark.parametrize("form", FORMATS)
def test_labels_come_back_pixel_by_pixel(parts, tmp_path, form):
    out, back = tmp_path / "out", tmp_path / "back"
    assert main_export([form, str(parts), "--output", str(out)]) == 0
    labels = ["--labels", str(parts / "labels.yaml")]
    assert main_import([form, str(out), "--images", str(parts / "rgb"), "--output", str(back), *labels]) == 0
    source = read_custom(back)
    check_source(source)
    assert source.labels == LABELS
    for number in range(3):
        found = cv2.imread(str(back / "gt" / f"{number}.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(found, _mask(number))
        assert (back / "rgb" / f"{number}.png").read_bytes() == (parts / "rgb" / f"{number}.png").read_bytes()


@pytest.mark.parametrize("seed", range(10))
def test_outlines_painted_in_any_order_give_the_mask(seed):
    mask = _mask(seed)
    if seed > 6:  # the hardest: no pixel like its neighbour
        mask = np.random.default_rng(seed).integers(0, 4, (30, 40)).astype(np.uint8)
    regions = tuple(Region(name, (Outline((polygon,)),)) for name, polygon in outlines(mask, LABELS))
    for order in (regions, regions[::-1]):
        np.testing.assert_array_equal(paint(Annotated("x", mask.shape, order), LABELS), mask)


@pytest.mark.parametrize("form", FORMATS)
def test_labels_come_back_through_a_zip_file(parts, tmp_path, form):
    archive, back = tmp_path / "out.zip", tmp_path / "back"
    assert main_export([form, str(parts), "--output", str(archive)]) == 0
    labels = ["--labels", str(parts / "labels.yaml")]
    assert main_import([form, str(archive), "--images", str(parts / "rgb"), "--output", str(back), *labels]) == 0
    np.testing.assert_array_equal(cv2.imread(str(back / "gt" / "1.png"), cv2.IMREAD_UNCHANGED), _mask(1))


def test_the_zip_of_colour_masks_is_what_cvat_reads_and_the_one_that_it_writes_is_read(parts, tmp_path):
    archive = tmp_path / "for_cvat.zip"
    main_export(["voc", str(parts), "--output", str(archive)])
    with zipfile.ZipFile(archive) as members:
        assert members.read("ImageSets/Segmentation/default.txt").split() == [b"0", b"1", b"2"]
        assert b"part:128,0,0::" in members.read("labelmap.txt") and "SegmentationClass/0.png" in members.namelist()
    # CVAT: the background has a colour in labelmap.txt, but is black; masks lie in the folders of the images.
    with zipfile.ZipFile(tmp_path / "from_cvat.zip", "w") as members:
        members.writestr("labelmap.txt", "# label:color_rgb:parts:actions\nbackground:0,128,0::\npart:10,20,30::\n")
        mask = np.zeros((60, 80, 3), np.uint8)
        mask[10:20, 10:20] = (10, 20, 30)
        members.writestr("SegmentationClass/some/folder/0.png", encode(".png", mask))
    path, back = str(tmp_path / "from_cvat.zip"), tmp_path / "back"
    assert main_import(["voc", path, "--images", str(parts / "rgb"), "--output", str(back)]) == 0
    found = cv2.imread(str(back / "gt" / "0.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(found, (mask[..., 0] == 10).astype(np.uint8))


def test_polygons_of_coco_have_corners_and_an_area_each(parts, tmp_path):
    main_export(["coco-polygons", str(parts), "--output", str(tmp_path / "out")])
    data = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert {"part", "hole", "clutter", "__ignore__"} == {entry["name"] for entry in data["categories"]}
    assert all(entry["id"] > 0 for entry in data["categories"])
    for annotation in data["annotations"]:
        (polygon,) = annotation["segmentation"]
        assert len(polygon) >= 6 and len(polygon) % 2 == 0 and annotation["area"] > 0


def test_compressed_run_lengths_of_coco():
    # The texts are those of pycocotools.
    assert runs_from_text("52203") == [5, 2, 2, 2, 5]
    runs = [3, 200, 40, 1000, 7]
    assert runs_from_text("3X6X1Pi0oN") == runs
    assert runs_from_mask(mask_from_runs(runs, 25, 50)) == runs
    assert runs_from_mask(np.ones((2, 3), bool)) == [0, 6]


def _picture(tmp_path, shape=(20, 30, 3)):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(encode(".jpg", np.zeros(shape, np.uint8)))
    return ["--images", str(tmp_path / "photos"), "--output", str(tmp_path / "set")]


def _imported(tmp_path):
    return cv2.imread(str(tmp_path / "set" / "gt" / "a.png"), cv2.IMREAD_UNCHANGED)


def test_polygons_of_coco_are_filled_and_the_smaller_lies_on_top(tmp_path):
    square = [5, 5, 14, 5, 14, 14, 5, 14]
    data = {
        "images": [{"id": 7, "file_name": "deep/a.jpg", "height": 20, "width": 30}],
        "categories": [{"id": 3, "name": "hole"}, {"id": 9, "name": "part"}],
        "annotations": [
            {"image_id": 7, "category_id": 3, "area": 4, "segmentation": [[8, 8, 9, 8, 9, 9, 8, 9]]},
            {"image_id": 7, "category_id": 9, "area": 100, "segmentation": [square]},
        ],
    }
    (tmp_path / "coco.json").write_text(json.dumps(data))
    assert main_import(["coco", str(tmp_path / "coco.json"), *_picture(tmp_path)]) == 0
    names = read_custom(tmp_path / "set").labels.names
    mask = _imported(tmp_path)
    assert (mask == names.index("part")).sum() == 80 and (mask == names.index("hole")).sum() == 1


def test_masks_boxes_and_order_of_cvat(tmp_path):
    (tmp_path / "a.xml").write_text(
        '<annotations><image id="0" name="a.jpg" width="30" height="20">'
        '<mask label="hole" rle="1, 2, 1" left="6" top="7" width="2" height="2" z_order="2"/>'
        '<box label="part" xtl="5" ytl="5" xbr="14" ybr="14" z_order="1"/></image></annotations>'
    )
    assert main_import(["cvat", str(tmp_path / "a.xml"), *_picture(tmp_path)]) == 0
    mask = _imported(tmp_path)
    names = read_custom(tmp_path / "set").labels.names
    assert mask[7, 7] == mask[8, 6] == names.index("hole")
    assert mask[7, 6] == mask[8, 7] == names.index("part")
    assert (mask > 0).sum() == 81


def test_an_ellipse_of_cvat_is_filled_and_a_line_is_refused(tmp_path, capsys):
    text = (
        '<annotations><image id="0" name="a.jpg" width="30" height="20">'
        '<ellipse label="hole" cx="15" cy="10" rx="8" ry="4"/>{}</image></annotations>'
    )
    (tmp_path / "a.xml").write_text(text.format(""))
    command = ["cvat", str(tmp_path / "a.xml"), *_picture(tmp_path)]
    assert main_import(command) == 0
    assert (_imported(tmp_path) == 1).sum() == pytest.approx(np.pi * 8 * 4, rel=0.05)
    (tmp_path / "a.xml").write_text(text.format('<polyline label="edge" points="1,1;5,5"/>'))
    assert main_import(command) == 2
    text = capsys.readouterr().err
    assert "a.xml: a.jpg has a polyline (1): a polyline of 'edge', which covers no area" in text


def test_circles_and_masks_of_labelme(tmp_path):
    (tmp_path / "labels").mkdir()
    part = np.zeros((4, 6), np.uint8)
    part[1:3, 2:5] = 1
    shapes = [
        {"label": "disc", "shape_type": "circle", "points": [[20, 10], [20, 15]]},
        {
            "label": "blob", "shape_type": "mask", "points": [[3, 5], [8, 8]],
            "mask": base64.b64encode(encode(".png", part)).decode("ascii"),
        },
    ]  # fmt: skip
    data = {"shapes": shapes, "imagePath": "a.jpg", "imageHeight": 20, "imageWidth": 30}
    (tmp_path / "labels" / "a.json").write_text(json.dumps(data))
    assert main_import(["labelme", str(tmp_path / "labels"), *_picture(tmp_path)]) == 0
    mask = _imported(tmp_path)
    assert (mask == 1).sum() == pytest.approx(np.pi * 5**2, rel=0.1)
    assert np.argwhere(mask == 2).tolist() == [[6, 5], [6, 6], [6, 7], [7, 5], [7, 6], [7, 7]]


@pytest.mark.parametrize(
    "form, name",
    [("coco", "x.json"), ("cvat", "x.xml"), ("labelme", "x.json"), ("voc", "x.zip"), ("coco", "x.zip")],
)
def test_a_file_of_another_kind_is_named(tmp_path, capsys, form, name):
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / name).write_text("[1, 2")
    path = folder if form == "labelme" else folder / name
    assert main_import([form, str(path), *_picture(tmp_path)]) == 2
    assert name in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("form", FORMATS)
def test_a_source_that_is_not_there_is_named(tmp_path, capsys, form):
    arguments = [form, str(tmp_path / "none"), "--images", str(tmp_path), "--output", str(tmp_path / "out")]
    assert main_import(arguments) != 0
    assert f"{tmp_path / 'none'}: no such file or folder" in capsys.readouterr().err


def test_a_picture_of_another_size_or_a_name_outside_the_labels_is_an_error(parts, tmp_path, capsys):
    out = tmp_path / "out"
    main_export(["labelme", str(parts), "--output", str(out)])
    (tmp_path / "few.yaml").write_text("classes:\n- {id: 0, name: background, color: [0, 0, 0]}\n")
    command = ["labelme", str(out), "--images", str(parts / "rgb"), "--output", str(tmp_path / "back")]
    assert main_import([*command, "--labels", str(tmp_path / "few.yaml")]) == 2
    assert "is not in the labels file" in capsys.readouterr().err
    (parts / "rgb" / "0.png").write_bytes(encode(".png", np.zeros((10, 10, 3), np.uint8)))
    assert main_import(command) == 2
    assert "0.png: is 10x10, but was labelled at 80x60" in capsys.readouterr().err
