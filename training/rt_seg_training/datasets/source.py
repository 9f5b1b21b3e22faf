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
from rt_seg_training.datasets.images import read_image, read_mask
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

    @property
    def has_depth(self) -> bool:
        """Whether any pair has depth; those that do not then count as having no reading anywhere."""
        return any(pair.depth is not None for pairs in self.splits.values() for pair in pairs)

    def read_depth(self, pair: Pair) -> np.ndarray:
        """(H, W) uint16 millimetres of a pair, 0 = no reading. Raises DatasetError for a file that is not depth."""
        if pair.depth is None:
            return np.zeros(read_image(pair.image).shape[:2], np.uint16)
        depth = read_mask(pair.depth)
        if depth.dtype.itemsize < 2 and self.depth_unit == 1.0:
            raise DatasetError(
                f"{pair.depth}: has 8 bits a pixel; depth is a grey PNG of 16 bits, in millimetres (0 = no reading)"
            )
        if depth.min(initial=0) < 0 or self.depth_unit * depth.max(initial=0) > 65535:
            raise DatasetError(f"{pair.depth}: holds {depth.max()}; depth is in millimetres, 0..65535")
        return np.rint(self.depth_unit * depth).astype(np.uint16)

    def read_label(self, pair: Pair) -> np.ndarray:
        """(H, W) integer class ids of a pair. Raises DatasetError for an unreadable file or a value above 255."""
        mask = read_mask(pair.mask)
        if self.class_of_value is None:
            return mask
        if mask.max(initial=0) > 255 or mask.min(initial=0) < 0:
            raise DatasetError(f"{pair.mask}: holds the value {mask.max()}; label values of this data set are 0..255")
        return self.class_of_value[mask]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over labels, splits and each file's name, size and date (CRC in a zip).

        It changes when the source does, without reading the pictures.
        """
        files = {
            split: [
                (pair.name, *(_signature(path) for path in (pair.image, pair.mask, pair.depth) if path is not None))
                for pair in pairs
            ]
            for split, pairs in self.splits.items()
        }
        text = json.dumps([self.labels.to_dict(), files], sort_keys=True)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _signature(path: Any) -> tuple[str, int, int]:
    if isinstance(path, zipfile.Path):
        member = path.root.getinfo(path.at)
        return (path.name, member.file_size, member.CRC)
    if hasattr(path, "signature"):
        return path.signature
    status = path.stat()
    return (path.name, status.st_size, status.st_mtime_ns)


def open_root(path: str | Path, required: tuple[str, ...]) -> Any:
    """The folder (pathlib.Path or zipfile.Path) that holds the folders `required`: `path` or its only sub-folder.

    Raises DatasetError if `path` is missing, empty, not a folder or zip file, or lacks a required folder.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        root: Any = path
    elif path.is_file():
        try:
            root = zipfile.Path(zipfile.ZipFile(path))
        except (zipfile.BadZipFile, OSError) as error:
            raise DatasetError(f"{path}: is not a zip file ({error}); expected a folder or a zip file") from error
    else:
        raise DatasetError(f"{path}: no such folder or zip file")
    wanted = " and ".join(f"{name}/" for name in required)
    entries = [entry for entry in root.iterdir() if not entry.name.startswith((".", "__MACOSX"))]
    if not entries:
        raise DatasetError(f"{path}: is empty; expected {wanted} in it")
    if len(entries) == 1 and entries[0].is_dir() and entries[0].name not in required:
        root = entries[0]  # zipping a folder puts its name on top
    for name in required:
        if not (root / name).is_dir():
            found = ", ".join(sorted(entry.name for entry in root.iterdir())[:8]) or "nothing"
            raise DatasetError(f"{path}: has no folder {name}/; expected {wanted}, found {found}")
    return root


def check_pair(pair: Pair, source: Source) -> np.ndarray:
    """(256,) int64 pixels per label value of a pair, after decoding its files.

    Raises DatasetError if a file cannot be read, the sizes differ, or a label value is outside the class list.
    """
    image = read_image(pair.image)
    if pair.depth is not None and (shape := source.read_depth(pair).shape) != image.shape[:2]:
        raise DatasetError(
            f"{pair.depth}: is {shape[1]}x{shape[0]}, but its image is {image.shape[1]}x{image.shape[0]} "
            "(width x height). Depth must be aligned to colour."
        )
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
    return np.bincount(mask.ravel(), minlength=256).astype(np.int64)


def check_source(source: Source) -> dict[str, np.ndarray]:
    """Decode and check every pair, with a progress bar; {split: (256,) int64 pixels per label value}.

    Raises DatasetError at the first pair that is not usable.
    """
    from tqdm import tqdm

    pixels = {split: np.zeros(256, np.int64) for split in source.splits}
    total = sum(len(pairs) for pairs in source.splits.values())
    with tqdm(total=total, desc="checking", unit="pair", leave=False, disable=None) as progress:
        for split, pairs in source.splits.items():
            for pair in pairs:
                pixels[split] += check_pair(pair, source)
                progress.update()
    return pixels
