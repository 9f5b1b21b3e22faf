"""TFDS builder of Cityscapes from its official folders: leftImg8bit and the fine labels, 19 classes."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.label_files import packaged_labels
from rt_seg_training.datasets.pairing import Pair
from rt_seg_training.datasets.source import Source, open_root
from rt_seg_training.datasets.tfds_builder import SourceBuilder

LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""The `labelIds` of the evaluated classes, in order of their train ids (labels.py of cityscapesScripts)."""

IMAGE_ENDING = "_leftImg8bit.png"
LABEL_ENDING = "_gtFine_labelIds.png"
SPLITS = {"train": "train", "validation": "val"}
"""Our split names and those of the folders; the labels of `test` are not public."""


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


def _pairs(images: Any, labels: Any) -> tuple[Pair, ...]:
    image_files, label_files = _files(images, IMAGE_ENDING), _files(labels, LABEL_ENDING)
    for name, path in image_files.items():
        if name not in label_files:
            raise DatasetError(
                f"{path}: has no {name}{LABEL_ENDING} in {labels}. Unpack gtFine_trainvaltest.zip whole."
            )
    for name, path in label_files.items():
        if name not in image_files:
            raise DatasetError(
                f"{path}: has no {name}{IMAGE_ENDING} in {images}. Unpack leftImg8bit_trainvaltest.zip whole."
            )
    return tuple(Pair(name, path, label_files[name]) for name, path in image_files.items())


def read_cityscapes(path: str | Path) -> Source:
    """The source in `path`, a folder or zip file with leftImg8bit/ and gtFine/, each with train/ and val/ of cities.

    A split whose folders are missing is left out. Raises DatasetError, naming an image without its label file or
    the other way round, and if there is nothing at all.
    """
    root = open_root(path, ("leftImg8bit", "gtFine"))
    splits = {}
    for split, folder in SPLITS.items():
        images, labels = root / "leftImg8bit" / folder, root / "gtFine" / folder
        if images.is_dir() and labels.is_dir():
            pairs = _pairs(images, labels)
            if pairs:
                splits[split] = pairs
    if not splits:
        raise DatasetError(
            f"{path}: leftImg8bit/ and gtFine/ hold no city/NAME{IMAGE_ENDING} and city/NAME{LABEL_ENDING} in train/ "
            "or val/. Unpack leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip into one folder."
        )
    return Source(Path(path).expanduser().resolve(), packaged_labels("cityscapes"), splits, train_id_table())


class Builder(SourceBuilder):
    """Cityscapes, fine labels: street scenes of 2048x1024 from German and neighbouring cities, 19 classes, 255 = void.

    Train is the official training set (2975 frames), validation the official validation set (500 frames, three cities
    of their own). mIoU is over one confusion matrix of the whole split, void left out, as the benchmark does. Licence
    of the data: non-commercial use, see cityscapes-dataset.com.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Unpack leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip into this folder."

    def read_source(self, path: Path) -> Source:
        """See read_cityscapes."""
        return read_cityscapes(path)
