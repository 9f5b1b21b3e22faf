"""VOC colour masks of all kinds: painted rightly, or refused with the file, the object and the value."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import yaml
from imported_labels import box
from PIL import Image

from rt_seg.labels import load_labels

MAP = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nx:10,20,30::\ny:40,50,60::\n"


def mask(*colors):
    """(48, 64, 3) uint8: black, with a box of each colour."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    for number, color in enumerate(colors):
        pixels[10:20, 10 + 10 * number : 18 + 10 * number] = color
    return pixels


@pytest.fixture
def voc(tmp_path, imported):
    """Imports labelmap.txt and masks: name → (H, W, 3) pixels."""

    def call(labelmap=MAP, masks=None, names=("a.jpg",), *more, mode="RGB", **options):
        folder = tmp_path / "voc"
        for name, pixels in (masks or {"a.png": mask((10, 20, 30))}).items():
            file = folder / "SegmentationClass" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(pixels)
            (image.quantize(256) if mode == "P" else image.convert(mode)).save(file)
        (folder / "labelmap.txt").write_bytes(labelmap if isinstance(labelmap, bytes) else labelmap.encode())
        return imported("voc", folder, names, *more, **options)

    return call


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_byte_order_marks_and_line_ends(voc, encoding, ending):
    found = voc(MAP.replace("x:", "ü:").replace("\n", ending).encode(encoding))
    np.testing.assert_array_equal(found.pixels("ü"), box(10, 10, 18, 20))
    assert load_labels(found.output / "labels.yaml").names == ["background", "ü", "y"]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colours_are_read_of_any_png(voc, mode):
    found = voc(masks={"a.png": mask((10, 20, 30), (40, 50, 60))}, mode=mode)
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 18, 20))
    np.testing.assert_array_equal(found.pixels("y"), box(20, 10, 28, 20))


@pytest.mark.parametrize(
    "line, words",
    [
        ("z:10,20,30::", ("'z'", "10,20,30", "'x'")), ("z:0,0,0::", ("'z'", "0,0,0")), ("z:1,2::", ("line 5",)),
        ("z", ("line 5",)), ("z:1,2,256::", ("0..255",)), ("z:-1,2,3::", ("0..255",)), (":1,2,3::", ("line 5",)),
        ("z:a,b,c::", ("line 5",)), ("background:10,20,30::", ("'background'", "'x'")),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_is_refused(voc, line, words):
    voc(MAP + line).refused("labelmap.txt", *words)


def test_no_class_may_be_black_for_that_is_what_nobody_labelled(voc):
    voc("x:0,0,0::\ny:40,50,60::\n").refused("labelmap.txt: line 1", "'x'", "black")


def test_one_name_may_have_two_colours_and_one_line_stand_twice(voc):
    found = voc(MAP + "x:1,2,3::\nx:10,20,30::\n", {"a.png": mask((10, 20, 30), (1, 2, 3))})
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 18, 20) | box(20, 10, 28, 20))


def test_unknown_colours_lossy_masks_and_class_ids_are_refused(voc):
    voc(masks={"a.png": mask((9, 9, 9))}).refused("a.png", "[9, 9, 9]", "labelmap.txt")
    voc(masks={"a.png": mask((10, 20, 30)), "b.jpg": mask((10, 20, 30))}).refused("b.jpg", "lossless")


def test_black_is_background_and_void_is_ignored(voc):
    found = voc(MAP.replace("0,0,0", "1,1,1"), {"a.png": mask((224, 224, 192), (10, 20, 30))})
    np.testing.assert_array_equal(found.mask() == 255, box(10, 10, 18, 20))
    np.testing.assert_array_equal(found.pixels("x"), box(20, 10, 28, 20))


def test_folders_are_kept_and_equal_stems_are_told_apart_by_them(voc):
    masks = {"one/a.png": mask((10, 20, 30)), "two/a.png": mask((40, 50, 60)), "two/b.PNG": mask((40, 50, 60))}
    found = voc(masks=masks, names=["one/a.jpg", "two/a.jpg", "two/b.jpg"])
    np.testing.assert_array_equal(found.pixels("x", "one_a"), box(10, 10, 18, 20))
    np.testing.assert_array_equal(found.pixels("y", "two_a"), box(10, 10, 18, 20))
    np.testing.assert_array_equal(found.pixels("y", "b"), box(10, 10, 18, 20))


def test_a_mask_that_fits_two_images_is_refused(voc):
    voc(names=["a.jpg", "a.png"]).refused("a may be any of", "a.jpg", "a.png")


def test_a_mask_of_another_size_is_refused(voc):
    voc(masks={"a.png": mask((10, 20, 30))[:40]}).refused("a.jpg", "64x48", "64x40")


def test_a_class_of_two_colours_is_said(voc):
    found = voc(MAP + "x:7,7,7::\n", {"a.png": mask((10, 20, 30), (7, 7, 7))})
    assert found.pixels("x").sum() == 160
    assert found.count("classes have several colours, which are merged") == 1


def test_the_splits_of_image_sets_are_taken_over(tmp_path, voc):
    lists = tmp_path / "voc" / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    for name, stem in (("train", "a"), ("val", "b"), ("trainval", "a\nb")):
        (lists / f"{name}.txt").write_text(stem + "\n")
    found = voc(masks={"a.png": mask((10, 20, 30)), "b.png": mask((10, 20, 30))}, names=("a.jpg", "b.jpg"))
    assert yaml.safe_load((found.output / "splits.yaml").read_text()) == {"train": ["a"], "validation": ["b"]}


def test_colours_of_sixteen_bits_are_refused(tmp_path, voc):
    voc()
    wide = mask((10, 20, 30)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "voc" / "SegmentationClass" / "a.png"), wide)
    imported = voc(masks={"b.png": mask((10, 20, 30))}, names=("a.jpg", "b.jpg"), output="other")
    imported.refused("a.png", "3 channels of 16 bits")
