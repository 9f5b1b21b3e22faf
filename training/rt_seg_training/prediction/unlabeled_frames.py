"""Images without labels, of a folder or a bag, for a training whose teacher labels them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from rt_seg.labelled_folder import IMAGE_SUFFIXES, LabelledFolder
from rt_seg.natural_order import natural_key
from rt_seg.recordings.any_bag import kind_of_bag
from rt_seg_training.datasets.contact_sheet import evenly_spaced
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.images import read_depth, read_image
from rt_seg_training.input_pipeline.unlabeled import Frame
from rt_seg_training.prediction.bag_prediction import BagError, bag_frames, count_images

MAX_FRAMES = 1000
"""Kept of a source, evenly over it: all are held in memory, 1.5 MB each at 480x640 with depth."""


class UnlabeledError(ValueError):
    """The source cannot be read, or holds no images."""


def unlabeled_frames(source: Path, with_depth: bool = True, tell: Callable[[str], None] = print) -> list[Frame]:
    """The images of a folder (also `rgb/` or `color/` with `depth/`, as capture writes them) or a bag.

    `tell` hears in words how many were left out. Raises UnlabeledError, naming what cannot be read.
    """
    try:
        if kind_of_bag(source) is not None:
            there = count_images(source)
            frames, decoded = _of_bag(source, there, with_depth)
        else:
            files = _files(source)
            there = decoded = len(files)
            chosen = [files[number] for number in evenly_spaced(there, MAX_FRAMES)]
            frames = [_of_file(path, source, with_depth) for path in chosen]
    except (DatasetError, BagError, OSError) as error:
        raise UnlabeledError(str(error)) from error
    if not frames:
        raise UnlabeledError(f"{source}: holds no images; accepted are {', '.join(IMAGE_SUFFIXES)} and bags")
    if len(frames) < there:
        tell(
            f"{source}: {len(frames)} of {there} images are used (limit {MAX_FRAMES}: {decoded - len(frames)} left "
            f"out; images that cannot be decoded are skipped: {there - decoded})"
        )
    return frames


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        raise UnlabeledError(f"{source}: is neither a folder nor a bag")
    colors = LabelledFolder(source).recorded_color or source
    found = colors.rglob("*") if colors == source else colors.iterdir()
    return sorted((path for path in found if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()), key=natural_key)


def _of_file(path: Path, source: Path, with_depth: bool) -> Frame:
    image = read_image(path)
    depth = LabelledFolder(source).depth(path.stem)
    return image, read_depth(depth, image.shape) if with_depth and depth.is_file() else None


def _of_bag(source: Path, there: int, with_depth: bool) -> tuple[list[Frame], int]:
    """The frames, and how many images of the bag could be decoded."""
    chosen = set(evenly_spaced(there, MAX_FRAMES))
    frames: list[Frame] = []
    decoded = 0
    for number, (image, depth) in enumerate(bag_frames(source, with_depth)):
        decoded += 1
        if number in chosen:
            millimetres = None if depth is None else np.rint(np.nan_to_num(1000 * depth)).clip(0, 65535)
            frames.append((image, None if millimetres is None else millimetres.astype(np.uint16)))
    return frames, decoded
