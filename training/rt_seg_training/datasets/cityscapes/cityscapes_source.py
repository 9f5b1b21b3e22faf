"""Read Cityscapes from its official folders or zip files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.packaged_labels import packaged_labels
from rt_seg_training.datasets.pairing import Pair
from rt_seg_training.datasets.source import Source
from rt_seg_training.datasets.source_files import open_root, open_zip

LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""The `labelIds` of the evaluated classes, in order of their train ids (labels.py of cityscapesScripts)."""

IMAGES = "leftImg8bit"
IMAGE_ENDING = f"_{IMAGES}.png"
SPLITS = {"train": ("train", "gtFine"), "validation": ("val", "gtFine"), "train_extra": ("train_extra", "gtCoarse")}
"""Our split names, their folders, and the labels taken; the labels of `test` are not public."""


def train_id_table() -> np.ndarray:
    """(256,) uint8: label id to train id; 255 for every class that is not evaluated."""
    table = np.full(256, 255, np.uint8)
    table[list(LABEL_IDS)] = np.arange(len(LABEL_IDS))
    return table


def _files(folder: Any, ending: str) -> dict[str, Any]:
    """Files of the city folders below `folder` by name without `ending`."""
    found = {}
    for city in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not city.is_dir():
            continue
        for path in sorted(city.iterdir(), key=lambda entry: entry.name):
            if path.name.endswith(ending):
                found[path.name[: -len(ending)]] = path
    return found


def _pairs(images: Any, labels: Any, kind: str) -> tuple[Pair, ...]:
    ending = f"_{kind}_labelIds.png"
    image_files, label_files = _files(images, IMAGE_ENDING), _files(labels, ending)
    for name, path in image_files.items():
        if name not in label_files:
            raise DatasetError(f"{path}: has no {name}{ending} in {labels}. Unpack the complete zip file of {kind}.")
    for name, path in label_files.items():
        if name not in image_files:
            raise DatasetError(
                f"{path}: has no {name}{IMAGE_ENDING} in {images}. Unpack the complete zip file of {IMAGES}."
            )
    return tuple(Pair(name, path, label_files[name]) for name, path in image_files.items())


def _roots(path: Path) -> list[Any]:
    """Where leftImg8bit/, gtFine/ and gtCoarse/ may lie: the folder, and the official zip files in it."""
    archives = sorted(path.glob("*.zip")) if path.is_dir() else []
    roots: list[Any] = [path] if archives else [open_root(path, (IMAGES, "gtFine"))]
    for archive in archives:
        if archive.name.startswith((IMAGES, "gtFine", "gtCoarse")):
            roots.append(open_zip(archive))
    return roots


def read_cityscapes(path: str | Path) -> Source:
    """The source in `path`: a folder with leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip, unpacked or not.

    That is leftImg8bit/ and gtFine/, each with train/ and val/ of cities; a zip file that holds both does, too. With
    leftImg8bit/train_extra/ and gtCoarse/train_extra/ (leftImg8bit_trainextra.zip, gtCoarse.zip) there is a split
    train_extra. A split whose folders are missing is left out. Raises DatasetError, naming an image without its label
    file or the other way round, and if there is nothing at all.
    """
    path = Path(path).expanduser()
    roots = _roots(path)
    splits = {}
    for split, (folder, kind) in SPLITS.items():
        images = next((root / IMAGES / folder for root in roots if (root / IMAGES / folder).is_dir()), None)
        labels = next((root / kind / folder for root in roots if (root / kind / folder).is_dir()), None)
        if images is not None and labels is not None:
            pairs = _pairs(images, labels, kind)
            if pairs:
                splits[split] = pairs
    if not splits:
        raise DatasetError(
            f"{path}: there is no {IMAGES}/ with city/NAME{IMAGE_ENDING} and gtFine/ with "
            "city/NAME_gtFine_labelIds.png in train/ or val/. Put leftImg8bit_trainvaltest.zip and "
            "gtFine_trainvaltest.zip (cityscapes-dataset.com) into one folder, unpacked or as zip files."
        )
    return Source(path.resolve(), packaged_labels("cityscapes"), splits, train_id_table())
