"""The images of a folder that are to be labelled, and where the mask of each belongs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rt_seg.labelled_folder import IMAGE_SUFFIXES, MASK_SUFFIXES, LabelledFolder
from rt_seg.labels import LabelSet


class LabellingError(ValueError):
    """An image cannot be labelled, or nothing can; the text says why and what to do."""


@dataclass(frozen=True)
class Capture:
    """A captured image, and its depth image where there is one."""

    name: str
    color: Path
    depth: Path | None


def find_captures(folder: Path) -> list[Capture]:
    """Images of `rgb/` or `color/` in `folder`, with `depth/<name>.png`. Raises LabellingError if there are none."""
    files_of = LabelledFolder(folder)
    colors = files_of.recorded_color
    if colors is None:
        raise LabellingError(f"{folder}: has no folder rgb/ or color/ with the images to label")
    files = sorted(
        path
        for path in colors.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if not files:
        raise LabellingError(f"{colors}: holds no images; accepted are {', '.join(IMAGE_SUFFIXES)}")
    captures = []
    for path in files:
        if captures and captures[-1].name == path.stem:
            raise LabellingError(f"{path}: {captures[-1].color.name} has the same name; names must be unique")
        depth = files_of.depth(path.stem)
        captures.append(Capture(path.stem, path, depth if depth.is_file() else None))
    return captures


def names_of_mask(capture: Capture) -> set[str]:
    """The names under which the data set builder finds the mask of an image."""
    from rt_seg_training.datasets.pairing import IMAGE_NAME

    return {capture.name, IMAGE_NAME.sub("", capture.name)} - {""}


def _masks(folder: Path) -> list[tuple[set[str], Path]]:
    """Each mask in `folder`/gt with the names that it goes by."""
    from rt_seg_training.datasets.pairing import MASK_NAME

    masks = LabelledFolder(folder).ground_truth
    if not masks.is_dir():
        return []
    files = [path for path in sorted(masks.iterdir()) if path.suffix.lower() in MASK_SUFFIXES]
    return [({path.stem, MASK_NAME.sub("", path.stem)}, path) for path in files if not path.name.startswith(".")]


def labelled_names(folder: Path) -> set[str]:
    """The names by which the masks in `folder`/gt go."""
    return {name for names, _ in _masks(folder) for name in names}


def mask_file(folder: Path, capture: Capture) -> Path:
    """The mask of an image in `folder`/gt: the one that is there (`12.png`, `12_mask.png` …), or where it belongs."""
    usual = LabelledFolder(folder).mask(capture.name)
    if usual.exists():
        return usual
    wanted = names_of_mask(capture)
    return next((path for names, path in _masks(folder) if names & wanted), usual)


def read_class_ids(path: Path, shape: tuple[int, ...], labels: LabelSet) -> np.ndarray:
    """(H, W) uint8 of a mask file, of whatever colour type the data set builder accepts.

    Raises LabellingError when it cannot be read, its size is not that of `shape`, the image's, or it holds a value
    that is no class of `labels`.
    """
    from rt_seg.labels import LabelError
    from rt_seg_training.datasets.errors import DatasetError
    from rt_seg_training.datasets.images import read_mask

    try:
        mask = read_mask(path)
        labels.check_mask(mask, str(path))
    except (DatasetError, LabelError) as error:
        raise LabellingError(str(error)) from error
    if mask.shape != tuple(shape[:2]):
        raise LabellingError(
            f"{path}: is {mask.shape[1]}x{mask.shape[0]}, but its image is {shape[1]}x{shape[0]} (width x height)"
        )
    return mask.astype(np.uint8)


def copy_into_set(capture: Capture, output: Path) -> None:
    """Copy image and depth of a capture into the set `output`, unless they are there or it is theirs. Raises OSError.

    The image last: with it the frame is complete.
    """
    from rt_seg.atomic_file import write_atomically

    files = LabelledFolder(output)
    color = files.color / capture.color.name
    if color.exists():
        return
    if capture.depth is not None:
        write_atomically(files.depth(capture.name), capture.depth.read_bytes())
    write_atomically(color, capture.color.read_bytes())
