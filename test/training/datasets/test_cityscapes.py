"""Cityscapes: official folders in, train ids out."""

import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rt_seg_training.datasets.building import build_dataset
from rt_seg_training.datasets.cityscapes.cityscapes_source import read_cityscapes, train_id_table
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.images import read_mask

MINI = Path(os.environ.get("RT_SEG_DATA", "/nonexistent")) / "cityscapes_mini" / "pseudo_cityscapes_dataset"


def _write(root, split, city, name, label, kind_of_label="gtFine"):
    for kind, ending, pixels in (
        ("leftImg8bit", "leftImg8bit", np.zeros((*label.shape, 3), np.uint8)),
        (kind_of_label, f"{kind_of_label}_labelIds", label),
    ):
        folder = root / kind / split / city
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{name}_{ending}.png")


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "cityscapes"
    label = np.arange(36, dtype=np.uint8).reshape(6, 6) % 34
    _write(root, "train", "aachen", "aachen_000000_000019", label)
    _write(root, "train", "bochum", "bochum_000000_000313", label)
    _write(root, "val", "frankfurt", "frankfurt_000000_000294", label)
    return root


def test_the_table_maps_the_evaluated_ids_and_nothing_else():
    table = train_id_table()
    by_hand = {7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11, 25: 12, 26: 13,
               27: 14, 28: 15, 31: 16, 32: 17, 33: 18}  # fmt: skip
    assert {value: int(table[value]) for value in range(256) if table[value] != 255} == by_hand


def test_a_built_set_holds_train_ids_in_the_official_splits(root, tmp_path):
    dataset, written = build_dataset("cityscapes", root, data_dir=tmp_path / "data")
    assert written
    assert dataset.splits == {"train": 2, "validation": 1}
    assert dataset.labels.names[0] == "road" and len(dataset.labels) == 19
    (example,) = dataset.examples("validation").as_numpy_iterator()
    expected = train_id_table()[np.arange(36).reshape(6, 6) % 34]
    np.testing.assert_array_equal(example["label"][..., 0], expected)
    assert dataset.pixels["validation"][255] == (expected == 255).sum()
    assert not build_dataset("cityscapes", root, data_dir=tmp_path / "data")[1], "an unchanged source was built again"


def _zip(root, names, target):
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("license.txt", "x")
        for name in names:
            for path in sorted((root / name).rglob("*.png")):
                archive.write(path, str(path.relative_to(root)))


def test_the_official_zips_read_as_the_folders_do_whether_unpacked_or_not(root, tmp_path):
    plain = read_cityscapes(root)
    zips = tmp_path / "zips"
    zips.mkdir()
    _zip(root, ["gtFine"], zips / "gtFine_trainvaltest.zip")
    shutil.copytree(root / "leftImg8bit", zips / "leftImg8bit")
    mixed = read_cityscapes(zips)
    shutil.rmtree(zips / "leftImg8bit")
    _zip(root, ["leftImg8bit"], zips / "leftImg8bit_trainvaltest.zip")
    zipped = read_cityscapes(zips)
    for source in (mixed, zipped):
        assert {split: [pair.name for pair in pairs] for split, pairs in source.splits.items()} == {
            split: [pair.name for pair in pairs] for split, pairs in plain.splits.items()
        }
        pair, twin = source.splits["train"][1], plain.splits["train"][1]
        np.testing.assert_array_equal(source.read_label(pair), plain.read_label(twin))
    assert build_dataset("cityscapes", zips, data_dir=tmp_path / "data")[0].splits == {"train": 2, "validation": 1}


def test_coarse_labels_of_the_extra_frames_are_a_split_of_their_own(root):
    label = np.full((6, 6), 7, np.uint8)
    _write(root, "train_extra", "augsburg", "augsburg_000000_000000", label, "gtCoarse")
    source = read_cityscapes(root)
    (pair,) = source.splits["train_extra"]
    assert not source.read_label(pair).any() and len(source.splits["train"]) == 2


def test_a_broken_zip_is_named(root):
    (root / "gtFine_trainvaltest.zip").write_bytes(b"PK half of it")
    with pytest.raises(DatasetError, match="gtFine_trainvaltest.zip: is not a complete zip file"):
        read_cityscapes(root)


def test_an_image_without_its_label_file_is_named(root):
    (root / "gtFine" / "train" / "aachen" / "aachen_000000_000019_gtFine_labelIds.png").unlink()
    with pytest.raises(DatasetError, match="has no aachen_000000_000019_gtFine_labelIds.png"):
        read_cityscapes(root)


def test_folders_without_pictures_are_refused_with_what_to_unpack(tmp_path):
    for kind in ("leftImg8bit", "gtFine"):
        (tmp_path / kind / "train").mkdir(parents=True)
    with pytest.raises(DatasetError, match="Put leftImg8bit_trainvaltest.zip and gtFine"):
        read_cityscapes(tmp_path)


@pytest.mark.skipif(not MINI.is_dir(), reason="real data: RT_SEG_DATA/cityscapes_mini is not there")
def test_the_train_ids_of_a_real_frame_are_those_that_cityscapes_made():
    source = read_cityscapes(MINI)
    (pair,) = source.splits["validation"]
    official = read_mask(pair.mask.with_name(pair.mask.name.replace("labelIds", "labelTrainIds")))
    # This frame was shrunk, each of its files by itself, so that they differ by a pixel along some edges.
    assert (source.read_label(pair) == official).mean() > 0.995
