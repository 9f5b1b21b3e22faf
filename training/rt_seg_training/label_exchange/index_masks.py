"""Masks of class ids beside a list of the classes: Ultralytics' semantic masks and Roboflow's.

Ultralytics: images/train/a.jpg, masks/train/a.png, and data.yaml with `masks_dir` and `names`. Roboflow ("Semantic
Segmentation Masks"): train/a.jpg, train/a_mask.png, and _classes.csv.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from rt_seg.labelled_folder import MASK_SUFFIXES
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.images import read_mask
from rt_seg_training.label_exchange.annotations import (
    IGNORE,
    Annotated,
    ExchangeError,
    LabelFile,
    Reading,
    Region,
    is_background,
)
from rt_seg_training.label_exchange.class_files import class_number, read_class_file
from rt_seg_training.label_exchange.file_values import class_name, read_text, shown
from rt_seg_training.label_exchange.image_names import files_below, parts_of, split_of
from rt_seg_training.label_exchange.shapes import ValueIn

IGNORED = 255
ROBOFLOW_CLASSES = "_classes.csv"
ROBOFLOW_MASK = "_mask"


def _roboflow_classes(file: Path, reading: Reading) -> dict[int, str]:
    """Pixel value → name, of lines `Pixel Value, Class`."""
    names: dict[int, str] = {}
    try:
        rows = list(csv.reader(read_text(file).splitlines()))
    except csv.Error as error:
        raise ExchangeError(f"{file}: cannot be read as CSV ({error})") from error
    for number, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        place = f"{file}: line {number}"
        if len(row) != 2:
            raise ExchangeError(f"{place}: is {shown(row)}; expected a pixel value and a class")
        value = class_number(row[0].strip(), place)
        name = class_name(row[1].strip(), place, reading.remarks)
        if names.setdefault(value, name) != name:
            raise ExchangeError(f"{place}: the value {value} is {names[value]!r} and {name!r}")
    return names


def read(path: Path, reading: Reading) -> LabelFile:
    """The frames of a folder of either layout. Raises ExchangeError."""
    root = path if path.is_dir() else path.parent
    lists = sorted(root.rglob(ROBOFLOW_CLASSES))
    frames: list[Annotated] = []
    names: list[str] = []
    if lists:
        for file in lists:
            classes = _roboflow_classes(file, reading)
            names += classes.values()
            for mask in files_below(file.parent, MASK_SUFFIXES):
                if mask.stem.endswith(ROBOFLOW_MASK):
                    image = mask.with_name(mask.stem.removesuffix(ROBOFLOW_MASK))
                    frames.append(_frame(mask, image, root, classes, file, reading))
    else:
        file, classes, data = read_class_file(root, None if path.is_dir() else path, reading)
        folder = data.get("masks_dir")
        wanted = parts_of(folder) if isinstance(folder, str) else ()
        if not wanted:
            raise ExchangeError(f"{file}: has no 'masks_dir', the folder of the masks (Ultralytics semantic)")
        names += classes.values()
        for mask in files_below(root, MASK_SUFFIXES):
            parts = mask.relative_to(root).parts
            places = range(len(parts) - len(wanted))
            place = next((place for place in places if parts[place : place + len(wanted)] == wanted), None)
            if place is not None:
                beside = (*parts[:place], *wanted[:-1], "images", *parts[place + len(wanted) : -1])
                image = root.joinpath(*beside, mask.stem)
                frames.append(_frame(mask, image, root, classes, file, reading))
    found = {region.name for frame in frames for region in frame.regions}
    if found == {IGNORE} and len(names) > 1:
        raise ExchangeError(
            f"{path}: the masks hold only background and {IGNORED}, which means ignored: no "
            f"pixel of {', '.join(name for name in names if not is_background(name))}. Write the number of the class "
            f"instead of {IGNORED}"
        )
    if not frames:
        raise ExchangeError(f"{path}: has no masks; expected <image>_mask.png (Roboflow) or masks/ (Ultralytics)")
    return LabelFile(frames, list(dict.fromkeys(names)), every_pixel=True)


def _frame(mask: Path, image: Path, root: Path, classes: dict[int, str], file: Path, reading: Reading) -> Annotated:
    try:
        values = read_mask(mask)
    except DatasetError as error:
        raise ExchangeError(str(error)) from error
    regions = []
    for value in np.unique(values).tolist():
        name = classes.get(value, IGNORE if value == IGNORED else None)
        if name is None:
            known = ", ".join(map(str, list(classes)[:20]))
            raise ExchangeError(f"{mask}: has the value {value}, but the classes of {file.name} are {known}")
        if not is_background(name):
            regions.append(Region(name, (ValueIn(mask, value),), f"{mask}: {name!r}"))
    if not regions:
        reading.remarks.add("images have no region: all background", str(mask))
    parts = image.relative_to(root).parts
    split = next((found for found in map(split_of, parts[:-1]) if found), None)
    name = "/".join(parts)
    size = (values.shape[0], values.shape[1])
    return Annotated(name, size, tuple(regions), any_suffix=True, split=split, place=str(mask))
