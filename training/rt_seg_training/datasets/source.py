"""A source: the labelled images of one data set as they lie on disk, checked as a whole before anything is written."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rt_seg.labels import LabelError, LabelSet
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.images import read_depth, read_image, read_mask
from rt_seg_training.datasets.pairing import Pair


@dataclass(frozen=True)
class Source:
    """Labels and the pairs of each split; `path` is the folder or zip file that they come from.

    `class_of_value`, (256,) uint8, says which class id each value of the label files means; None: the value itself.
    """

    path: Path
    labels: LabelSet
    splits: dict[str, tuple[Pair, ...]]
    class_of_value: np.ndarray | None = None
    depth_unit: float = 1.0
    """Millimetres of one step of the depth images."""
    foreground: int | None = None
    """Value of the label files that means class 1 of two classes, beside 1; 255 of masks of 0 and 255."""
    notes: tuple[str, ...] = ()
    """What there is to say of how it was read; lint_dataset shows it."""

    @property
    def has_depth(self) -> bool:
        """Whether any pair has depth; those that do not then count as having no reading anywhere."""
        return any(pair.depth is not None for pairs in self.splits.values() for pair in pairs)

    def read_label(self, pair: Pair) -> np.ndarray:
        """(H, W) integer class ids of a pair. Raises DatasetError for an unreadable file or a value above 255."""
        mask = read_mask(pair.mask)
        if self.foreground is not None:
            mask = np.where(mask == self.foreground, 1, mask).astype(mask.dtype)
        if self.class_of_value is None:
            return mask
        if mask.max(initial=0) > 255 or mask.min(initial=0) < 0:
            raise DatasetError(f"{pair.mask}: holds the value {mask.max()}; label values of this data set are 0..255")
        return self.class_of_value[mask]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over labels, splits and each file's name, size and date (CRC in a zip).

        It changes when the source does, without reading the images.
        """
        files = {
            split: [
                (pair.name, *(_signature(path) for path in (pair.image, pair.mask, pair.depth) if path is not None))
                for pair in pairs
            ]
            for split, pairs in self.splits.items()
        }
        how = [] if self.foreground is None else [{"foreground": self.foreground}]
        text = json.dumps([self.labels.to_dict(), files, *how], sort_keys=True)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _signature(path: Any) -> tuple[str, int, int]:
    if isinstance(path, zipfile.Path):
        member = path.root.getinfo(path.at)
        return (path.name, member.file_size, member.CRC)
    if hasattr(path, "signature"):
        return path.signature
    status = path.stat()
    return (path.name, status.st_size, status.st_mtime_ns)


def read_pair(pair: Pair, source: Source) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Image (H, W, 3) uint8 RGB, label (H, W) uint8 ids and depth (H, W) uint16 mm or None of a pair, checked.

    Raises DatasetError if a file cannot be read, the sizes differ, or a label value is outside the class list.
    """
    image = read_image(pair.image)
    depth = read_depth(pair.depth, image.shape, source.depth_unit) if pair.depth is not None else None
    mask = source.read_label(pair)
    if image.shape[:2] != mask.shape:
        raise DatasetError(
            f"{pair.mask}: is {mask.shape[1]}x{mask.shape[0]}, but its image {pair.image.name} is "
            f"{image.shape[1]}x{image.shape[0]} (width x height). Label the image at its own size."
        )
    try:
        source.labels.check_mask(mask, str(pair.mask))
    except LabelError as error:
        raise DatasetError(str(error)) from error
    return image, mask.astype(np.uint8), depth
