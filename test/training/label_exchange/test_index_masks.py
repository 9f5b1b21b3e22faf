"""Masks of class ids beside their list of classes, as Ultralytics and Roboflow write them."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from imported_labels import box
from PIL import Image

from rt_seg.labels import load_labels
from rt_seg_training.datasets.custom.custom_source import read_custom


@pytest.fixture
def masks(tmp_path, imported):
    """Imports files: path → text, or the pixels of a PNG."""

    def call(files, names=("a.jpg",), *more, **options):
        for name, content in files.items():
            file = tmp_path / "masks_set" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                file.write_text(content)
            else:
                cv2.imwrite(str(file), content)
        return imported("masks", tmp_path / "masks_set", names, *more, **options)

    return call


def ids(value, everywhere=0):
    """(48, 64) uint8 with a box of a value."""
    mask = np.full((48, 64), everywhere, np.uint8)
    mask[10:20, 10:20] = value
    return mask


def test_semantic_masks_of_ultralytics_have_no_background_unless_a_class_is(masks):
    files = {
        "data.yaml": "names: {0: road, 1: car}\nmasks_dir: masks\n",
        "masks/train/a.png": ids(1), "masks/val/a.png": ids(255),
    }  # fmt: skip
    found = masks(files, ["images/train/a.jpg", "images/val/a.jpg"])
    assert load_labels(found.output / "labels.yaml").names == ["road", "car"]
    np.testing.assert_array_equal(found.mask("images_train_a"), ids(1))
    np.testing.assert_array_equal(found.mask("images_val_a"), ids(255))
    assert sorted(read_custom(found.output).splits) == ["train", "validation"]


def test_masks_of_roboflow(masks):
    files = {
        "train/_classes.csv": "Pixel Value, Class\n0, background\n1, cup\n", "train/a_mask.png": ids(1),
        "valid/_classes.csv": "Pixel Value, Class\n0, background\n1, cup\n", "valid/b_mask.png": ids(1),
    }  # fmt: skip
    found = masks(files, ["train/a.jpg", "valid/b.jpg"])
    assert load_labels(found.output / "labels.yaml").names == ["background", "cup"]
    np.testing.assert_array_equal(found.pixels("cup", "b"), box(10, 10, 20, 20))


@pytest.mark.parametrize(
    "classes, value",
    [
        ("Pixel Value, Class\n0, a\n0, b\n", 0), ("Pixel Value, Class\n0, a\n", 3), ("Pixel Value, Class\n0\n", 0),
        ("Pixel Value, Class\nx, a\n", 0), ("Pixel Value, Class\n0,\n", 0), ("", 0), ("Pixel Value, Class\n-1, a\n", 0),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(masks, classes, value):
    masks({"_classes.csv": classes, "a_mask.png": ids(value)}).refused("_classes.csv")


def test_colour_masks_and_missing_keys_are_refused(masks):
    masks({"_classes.csv": "Pixel Value, Class\n0, a\n", "a_mask.png": np.dstack([ids(1), ids(2), ids(3)])}).refused(
        "a_mask.png", "colour"
    )


def test_masks_of_0_and_255_are_not_silently_all_ignored(masks):
    files = {"_classes.csv": "Pixel Value, Class\n0, background\n1, cup\n", "a_mask.png": ids(255)}
    masks(files).refused("255, which means ignored", "no pixel of cup")


def test_a_set_without_masks_dir_is_refused(masks):
    masks({"data.yaml": "names: [a]", "masks/a.png": ids(0)}).refused("data.yaml", "masks_dir")


@pytest.mark.parametrize("folder", ["a/masks", "./a/masks/", "a\\masks"])
def test_the_folder_of_masks_may_lie_in_another(masks, folder):
    files = {"data.yaml": f"names: {{0: x, 1: y}}\nmasks_dir: {folder}\n", "a/masks/train/a.png": ids(1)}
    found = masks(files, ["a/images/train/a.jpg"])
    np.testing.assert_array_equal(found.pixels("y"), box(10, 10, 20, 20))
    assert found.count("images without labels") == 0


DATA = "names: {0: background, 1: x}\nmasks_dir: masks\n"


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_in_several_channels_are_refused(masks, suffix):
    wide = np.repeat(ids(1).astype(np.uint16)[..., None], 3, axis=2)
    masks({"data.yaml": DATA, f"masks/a.{suffix}": wide}).refused(f"a.{suffix}", "3 channels of 16 bits")


@pytest.mark.parametrize("bits", [2, 4])
def test_grey_of_few_bits_means_its_values(tmp_path, masks, bits):
    folder = tmp_path / "masks_set" / "masks"
    folder.mkdir(parents=True)
    folder.joinpath("a.png").write_bytes(grey_png(ids(1), bits))
    np.testing.assert_array_equal(masks({"data.yaml": DATA}).pixels("x"), box(10, 10, 20, 20))


def test_a_file_of_several_pages_is_refused(tmp_path, masks):
    folder = tmp_path / "masks_set" / "masks"
    folder.mkdir(parents=True)
    pages = [Image.fromarray(ids(value)) for value in (1, 0)]
    pages[0].save(folder / "a.tif", save_all=True, append_images=pages[1:])
    masks({"data.yaml": DATA}).refused("a.tif", "2 pages")


def test_masks_without_a_region_are_said(masks):
    assert masks({"data.yaml": DATA, "masks/a.png": ids(0)}).count("images have no region") == 1


def grey_png(values, bits):
    """A grey PNG of 2 or 4 bits, which Pillow does not write."""
    per_byte = 8 // bits
    packed = np.zeros((values.shape[0], values.shape[1] // per_byte), np.uint8)
    for place in range(per_byte):
        packed |= values[:, place::per_byte] << (8 - bits * (place + 1))
    rows = np.hstack([np.zeros((len(packed), 1), np.uint8), packed]).tobytes()
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    parts = [struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
             for kind, body in chunks]  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
