"""Inputs that once gave a wrong result or a traceback: a test for each, named after its folder, asserts the right one.

`pytest test/training/test_public_cases.py -v` prints one line for each. What a case needs beside its small input in
public_cases/ (images, recordings) is generated. The first line of a test says what came out before.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from imported_labels import box, caller
from PIL import Image
from rosbags.rosbag1 import Reader, Writer
from rosbags.typesys import Stores, get_typestore

from rt_seg.labels import load_labels
from rt_seg_training.commands.lint_dataset import main as lint_dataset
from rt_seg_training.commands.predict import main as predict
from rt_seg_training.datasets.custom.custom_source import read_custom
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.linting import check_source

FOLDER = Path(__file__).resolve().parent / "public_cases"


@pytest.fixture
def given(request) -> Path:
    """The folder of the inputs of a case; the case is the test's name."""
    return FOLDER / request.node.name.partition("[")[0].removeprefix("test_")


@pytest.fixture
def imported(tmp_path, capsys):
    """Calls import_labels, see imported_labels.caller."""
    return caller(tmp_path, capsys)


def test_every_folder_of_public_cases_has_its_test():
    names = {path.name for path in FOLDER.iterdir()}
    assert names <= {name.removeprefix("test_") for name in globals()}


# Labels of other programs: COCO


def test_coco_bom(given, imported):
    """Before: not a COCO file."""
    np.testing.assert_array_equal(imported("coco", given / "c.json").pixels("x"), box(10, 10, 20, 20))


def test_coco_300_classes(given, imported):
    """Before: exit 0; classes 255 to 300 were written as ignored pixels."""
    imported("coco", given / "c.json").refused("301 classes", "255", "--labels")


def test_coco_category_number(given, imported):
    """Before: AttributeError."""
    found = imported("coco", given / "c.json")
    np.testing.assert_array_equal(found.pixels("1"), box(10, 10, 20, 20))
    assert found.count("class names are numbers") == 1


def test_coco_duplicate_image_id(given, imported):
    """Before: the one annotation was painted on both images."""
    imported("coco", given / "c.json", ["a.png", "b.png"]).refused("c.json", "'b.png'", "the id 1", "'a.png'")


def test_coco_empty_part(given, imported):
    """Before: cv2.error."""
    imported("coco", given / "c.json").refused("c.json", "annotations[0]", "[[]]", "--boxes")
    found = imported("coco", given / "c.json", ["a.png"], "--boxes")
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20))
    assert found.count("regions without outline: their box is painted") == 1


def test_coco_empty_segmentation(given, imported):
    """Before: exit 0, and an object with a box became background."""
    imported("coco", given / "c.json").refused("c.json", "annotations[0]", "segmentation is []", "--boxes")
    found = imported("coco", given / "c.json", ["a.png"], "--boxes")
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20))
    assert found.count("regions without outline: their box is painted") == 1
    found = imported("coco", given / "c.json", ["a.png"], "--skip", output="skipped")
    assert not found.mask().any() and found.count("regions without an area are skipped") == 1


def test_coco_no_area(given, imported):
    """Before: the small square, listed first, was painted over."""
    found = imported("coco", given / "c.json")
    np.testing.assert_array_equal(found.pixels("y"), box(12, 12, 15, 15))
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20) & ~box(12, 12, 15, 15))
    assert found.count("annotations share an id") == 1


def test_coco_same_stem(given, imported):
    """Before: 2 frames, one mask."""
    found = imported("coco", given / "c.json", ["a.jpg", "a.png"])
    np.testing.assert_array_equal(found.pixels("x", "a_jpg"), box(10, 10, 20, 20))
    np.testing.assert_array_equal(found.pixels("y", "a_png"), box(30, 30, 40, 40))
    assert sorted(path.name for path in (found.output / "rgb").iterdir()) == ["a_jpg.jpg", "a_png.png"]


@pytest.mark.parametrize("way", ["one call", "one set", "two sets"])
def test_coco_train_valid(given, imported, way):
    """Before: two class lists, in which 1 was the cat or the dog; into one set, the second file was refused."""
    images, files = ["0.png", "1.png"], [given / "t.json", given / "v.json"]
    if way == "one call":
        train = valid = imported("coco", files, images)
    else:
        train = imported("coco", files[0], images)
        valid = imported("coco", files[1], images, output="set" if way == "one set" else "valid")
    for found in (train, valid):
        assert load_labels(found.output / "labels.yaml").names == ["background", "cat", "dog"]
    np.testing.assert_array_equal(train.mask("0") == 2, box(10, 10, 20, 20))
    np.testing.assert_array_equal(valid.mask("1") == 1, box(10, 10, 20, 20))


def test_small_discs_half_pixel(given, imported):
    """Before: half a pixel right and down and 14 % too large, IoU 0.850 against exact coverage."""
    found = imported("coco", given / "c.json", size=(640, 480)).mask() > 0
    discs = json.loads((given / "c.json").read_text())["annotations"]
    scale, ratios = 16, []
    for disc in discs:
        (polygon,) = disc["segmentation"]
        corners = np.array(polygon).reshape(-1, 2)
        left, top = np.floor(corners.min(axis=0)).astype(int) - 1
        right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 1
        exact = np.zeros(((bottom - top) * scale, (right - left) * scale), np.uint8)
        # OpenCV's pixels are 1/16 of ours here, so that its rim and its rounding matter little.
        cv2.fillPoly(exact, [np.rint((corners - (left, top)) * scale - 0.5).astype(np.int32)], 1)
        coverage = exact.reshape(bottom - top, scale, right - left, scale).mean(axis=(1, 3))
        here = found[top:bottom, left:right]
        ratios.append((coverage > 0.5)[here].sum() / ((coverage > 0.5) | here).sum())
    assert len(ratios) == 80 and np.mean(ratios) >= 0.98 and min(ratios) > 0.95


# Labels of other programs: CVAT and VOC


def test_cvat_box_rot90(given, imported):
    """Before: the box was not turned."""
    found = imported("cvat", given / "annotations.xml")
    np.testing.assert_array_equal(found.pixels("x"), box(28, 2, 32, 42))


def test_cvat_video_tracks(given, imported):
    """Before: the track beside an <image> was dropped without a word."""
    found = imported("cvat", given / "annotations.xml")
    triangle = np.triu(box(1, 1, 9, 9))  # 1,1 9,1 9,9
    np.testing.assert_array_equal(found.pixels("x"), box(10, 20, 50, 24) | triangle)


def test_voc_duplicate_colour(given, imported):
    """Before: the last of two names with one colour took all of its pixels."""
    imported("voc", given / "v", ["a.jpg"]).refused("labelmap.txt", "'robot'", "250,50,83", "'handle'")


def test_zip_bad_deflate(given, imported):
    """Before: zlib.error."""
    imported("voc", given / "bad.zip", ["a.jpg"]).refused("bad.zip", "zip file")


# Labels of other programs: labelme


def test_labelme_empty_label(given, imported):
    """Before: accepted, but lint refused the labels.yaml that was written."""
    imported("labelme", given / "j").refused("a.json", "shapes[4]", "''")


def test_labelme_empty_points(given, imported):
    """Before: cv2.error."""
    imported("labelme", given / "j").refused("a.json", "shapes[0] 'x'", "a polygon without points", "--skip")
    found = imported("labelme", given / "j", ["a.png"], "--skip")
    assert not found.mask().any() and found.count("regions without an area are skipped") == 1


def test_labelme_int_label(given, imported):
    """Before: AttributeError."""
    np.testing.assert_array_equal(imported("labelme", given / "j").pixels("1"), box(10, 10, 20, 20))


def test_labelme_mask_neg(given, imported):
    """Before: a mask that begins outside the image was "no labelme file"."""
    found = imported("labelme", given / "j")
    assert found.mask().any() and not (found.pixels("x") & ~box(0, 0, 8, 8)).any()
    assert found.count("regions extend beyond their image and are clipped") == 1


def test_labelme_outside_far2(given, imported):
    """Before: a corner at 1e10 gave a wrong area."""
    found = imported("labelme", given / "j")
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 64, 20))
    assert found.count("regions extend beyond their image and are clipped") == 1


def test_labelme_rect4pts(given, imported):
    """Before: too many values to unpack."""
    np.testing.assert_array_equal(imported("labelme", given / "j").pixels("x"), box(10, 10, 20, 20))


# Data sets


def test_palette_order(given, tmp_path):
    """Before: ids were taken as they are and the colours that contradict them passed over without a word."""
    for part in ("rgb", "gt"):
        (tmp_path / part).mkdir()
    for number in range(0, 120, 20):
        cv2.imwrite(str(tmp_path / "rgb" / f"im_{number:04}.png"), np.full((48, 64, 3), number, np.uint8))
        mask = Image.fromarray(1 - box(10, 10, 30, 40).astype(np.uint8))
        mask.putpalette([255, 0, 0, 0, 0, 0])  # red, which is the cup's in labels.yaml, at index 0
        mask.save(tmp_path / "gt" / f"im_{number:04}.png")
    (tmp_path / "labels.yaml").write_bytes((given / "data" / "labels.yaml").read_bytes())
    with pytest.raises(DatasetError, match=r"im_0000.png: its palette shows 0 \(background\) in the colour of cup, 1 "):
        check_source(read_custom(tmp_path))


def test_binary_0_255(tmp_path, capsys):
    """Before: refused with "were the objects labelled?", and not a word of 255."""
    for part in ("rgb", "gt"):
        (tmp_path / part).mkdir()
    for number in range(0, 120, 20):
        cv2.imwrite(str(tmp_path / "rgb" / f"im_{number:04}.png"), np.full((48, 64, 3), number, np.uint8))
        cv2.imwrite(str(tmp_path / "gt" / f"im_{number:04}.png"), 255 * box(10, 10, 30, 40).astype(np.uint8))
    classes = "[{id: 0, name: background, color: [0, 0, 0]}, {id: 1, name: cup, color: [255, 0, 0]}]"
    (tmp_path / "labels.yaml").write_text(f"ignore_id: 255\nclasses: {classes}\n")
    assert lint_dataset(["custom", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert "255, which means ignore" in printed and "If that is cup, set --foreground 255" in printed
    assert lint_dataset(["custom", str(tmp_path), "--foreground", "255", "--judge", "none"]) == 0
    pixels = sum(check_source(read_custom(tmp_path, foreground=255)).pixels.values())
    assert (pixels[1], pixels[255]) == (6 * 20 * 30, 0)


# Recordings and pictures for predict

STORE = get_typestore(Stores.ROS1_NOETIC)
IMAGE = "sensor_msgs/msg/Image"
COLOR, DEPTH = "/camera/color/image_raw", "/camera/aligned_depth_to_color/image_raw"


def write_bag(path: Path, stamps: list[float], bigendian: bool = False) -> Path:
    """A bag of a frame of colour and depth every 1/6 s, of these stamps in seconds."""
    with Writer(path) as writer:
        connections = [writer.add_connection(topic, IMAGE, typestore=STORE) for topic in (COLOR, DEPTH)]
        for number, seconds in enumerate(stamps):
            random = np.random.default_rng(number)
            color = cv2.resize(random.integers(0, 256, (6, 8, 3), np.uint8), (64, 48))
            depth = np.linspace(400, 3000 + 900 * number, 48 * 64).reshape(48, 64).astype(np.uint16)
            time = STORE.types["builtin_interfaces/msg/Time"](int(seconds), round(seconds % 1 * 1e9))
            header = STORE.types["std_msgs/msg/Header"](number, time, "camera")
            depth = depth.byteswap() if bigendian else depth
            for connection, pixels, encoding in zip(connections, (color, depth), ("rgb8", "16UC1")):
                data = pixels.reshape(-1).view(np.uint8)
                message = STORE.types[IMAGE](header, 48, 64, encoding, int(bigendian), len(data) // 48, data)
                recorded = 10**9 + number * 10**9 // 6
                writer.write(connection, recorded, STORE.serialize_ros1(message, IMAGE))
    return path


def masks_of(path: Path) -> list[bytes]:
    """The masks that predict put into a bag."""
    with Reader(path) as reader:
        messages = [(c.topic, STORE.deserialize_ros1(data, c.msgtype)) for c, _, data in reader.messages()
                    if c.topic == "/segmentation/mask"]  # fmt: skip
    return [message.data.tobytes() for _, message in messages]


def test_predict_bigendian_depth(tmp_path):
    """Before: the bytes of each reading were swapped, and nearly all pixels of the mask were others."""
    for name, bigendian in (("little", False), ("big", True)):
        write_bag(tmp_path / f"{name}.bag", [1.0, 1.2], bigendian)
    bags = [str(tmp_path / f"{name}.bag") for name in ("little", "big")]
    assert predict(["indoor", *bags, "--output", str(tmp_path / "out")]) == 0
    little, big = (masks_of(tmp_path / "out" / f"{name}_segmented.bag") for name in ("little", "big"))
    assert little == big and len(little) == 2


def test_zero_stamps(tmp_path, capsys):
    """Before: all images got the first depth, capture kept one image, and neither said so."""
    write_bag(tmp_path / "right.bag", [1.0, 1.0 + 1 / 6])
    write_bag(tmp_path / "zero.bag", [0.0, 0.0])
    bags = [str(tmp_path / f"{name}.bag") for name in ("right", "zero")]
    assert predict(["indoor", *bags, "--output", str(tmp_path / "out")]) == 0
    assert "zero.bag: 2 images have no stamp (0)" in capsys.readouterr().err
    right, zero = (masks_of(tmp_path / "out" / f"{name}_segmented.bag") for name in ("right", "zero"))
    assert right == zero and right[0] != right[1]


def test_bag_unindexed(tmp_path, capsys):
    """Before: "cannot be played: Unindexed bag. Make a recording with make_recording"."""
    data = write_bag(tmp_path / "whole.bag", [1.0, 1.2]).read_bytes()
    (tmp_path / "cut.bag").write_bytes(data[: len(data) // 2])
    assert predict(["tabletop", str(tmp_path / "cut.bag"), "--output", str(tmp_path / "out")]) != 0
    assert f"'rosbag reindex {tmp_path / 'cut.bag'}'" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_predict_truncated_jpeg(tmp_path, capsys, suffix):
    """Before: the mask of a half decoded image, exit 0, not a word."""
    image = cv2.resize(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8), (640, 480))
    data = cv2.imencode(suffix, image)[1].tobytes()
    (tmp_path / f"cut{suffix}").write_bytes(data[: len(data) // 2])
    assert predict(["tabletop", str(tmp_path / f"cut{suffix}"), "--output", str(tmp_path / "out")]) == 1
    assert f"cut{suffix}: cannot be read as an image" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("cut_*"))
