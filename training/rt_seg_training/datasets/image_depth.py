"""The depth image of an image: that of its name in depth/ beside the folder of colour, as custom data sets have it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from rt_seg.labelled_folder import COLOR_FOLDERS, DEPTH, DEPTH_SUFFIXES, GROUND_TRUTH
from rt_seg_training.datasets.images import read_depth
from rt_seg_training.datasets.pairing import DEPTH_NAME, IMAGE_NAME

OTHER_FOLDERS = (DEPTH, GROUND_TRUTH)
"""Beside a folder of colour they hold no images to segment."""


@lru_cache(maxsize=8)
def _depth_files(folder: Path) -> dict[str, Path]:
    """The depth images of a folder by stem, with and without a usual ending (`12_depth`)."""
    files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in DEPTH_SUFFIXES]
    return {key: path for path in files for key in (DEPTH_NAME.sub("", path.stem), path.stem)}


def depth_file(picture: Path) -> Path | None:
    """The depth image of `a/rgb/12.jpg` (or `a/color/`), which is `a/depth/12.png` or `12_depth.png`; None without."""
    folder = picture.parent.parent / DEPTH
    if picture.parent.name not in COLOR_FOLDERS or not folder.is_dir():
        return None
    files = _depth_files(folder)
    return files.get(picture.stem) or files.get(IMAGE_NAME.sub("", picture.stem))


def is_color(path: Path) -> bool:
    """Whether an image is one to segment, and not the depth or the labels of another."""
    if path.parent.name not in OTHER_FOLDERS:
        return True
    return not any((path.parent.parent / name).is_dir() for name in COLOR_FOLDERS)


def read_picture_depth(picture: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """Depth of an image of that shape, uint16 (H, W) millimetres, or None where it has none.

    Raises DatasetError for a depth image that is not one, or not aligned.
    """
    path = depth_file(picture)
    return None if path is None else read_depth(path, shape)
