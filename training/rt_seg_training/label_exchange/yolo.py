"""YOLO: a text file for each image with a polygon per line, as shares of width and height; classes in data.yaml."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from rt_seg.atomic_file import write_atomically
from rt_seg.labels import LabelSet
from rt_seg_training.label_exchange.annotations import (
    Annotated,
    ExchangeError,
    LabelFile,
    Reading,
    Region,
    is_background,
    outlines,
)
from rt_seg_training.label_exchange.class_files import class_number, read_class_file
from rt_seg_training.label_exchange.file_values import parsed, read_text
from rt_seg_training.label_exchange.image_names import files_below, split_of
from rt_seg_training.label_exchange.shapes import Outline
from rt_seg_training.label_exchange.split_lists import lists_of_data_yaml

NO_LABELS = ("classes.txt", "train.txt", "val.txt", "valid.txt", "test.txt", "readme.txt", "requirements.txt")
"""Text files in such folders that are lists of images, of classes, or for people."""
FAR = 2.0
"""Shares of the image farther out than this are no shares, but pixels."""


def _label_files(path: Path) -> list[Path]:
    """The text files of every folder labels/, or, without one, of the folder itself."""
    files = [file for file in files_below(path, (".txt",)) if file.name.lower() not in NO_LABELS]
    files = [file for file in files if not file.name.lower().startswith("readme.")]
    inside = [file for file in files if "labels" in (path.name, *file.relative_to(path).parts[:-1])]
    return inside or files


def _region(line: str, names: dict[int, str], place: str, reading: Reading) -> Region | None:
    """The region of a line; None where it is left out. Raises ExchangeError."""
    first, *rest = line.split()
    number = class_number(first, place)
    if number not in names:
        raise ExchangeError(f"{place}: class {number}, but the classes are {', '.join(map(str, list(names)[:20]))}")
    place = f"{place} {names[number]!r}"
    values = np.array([parsed(value, place) for value in rest])
    far = values[np.abs(values - 0.5) > FAR]
    if len(far):
        raise ExchangeError(f"{place}: has {far[0]:g}; coordinates are relative to width and height, 0..1")
    if len(values) == 4:
        if not reading.boxes:
            reading.left_out(place, "has a box but no outline (YOLO detection)", "--boxes paints such boxes, ")
            return None
        reading.remarks.add("regions without outline: their box is painted", place)
        (x, y), (width, height) = values[:2], values[2:] / 2
        if min(width, height) <= 0:
            raise ExchangeError(f"{place}: width and height of its box must be above 0")
        box = [(x - width, y - height), (x + width, y - height), (x + width, y + height), (x - width, y + height)]
        return Region(names[number], (Outline((np.array(box),), relative=True),), place)
    if len(values) < 6 or len(values) % 2:
        raise ExchangeError(
            f"{place}: has {len(values)} numbers after the class; expected x y of at least three corners "
            "(with a confidence at the end they are predictions, not labels)"
        )
    return Region(names[number], (Outline((values.reshape(-1, 2),), relative=True),), place)


def read(path: Path, reading: Reading) -> LabelFile:
    """The frames of a folder with labels/ and data.yaml, or of data.yaml in it. Raises ExchangeError.

    Both layouts are read: images/train beside labels/train, and Roboflow's train/images beside train/labels.
    """
    root, given = (path, None) if path.is_dir() else (path.parent, path)
    if given is not None and given.suffix.lower() not in (".yaml", ".yml"):
        raise ExchangeError(f"{path}: must be a folder with labels/ and data.yaml, or that data.yaml")
    files = _label_files(root)
    if not files:
        raise ExchangeError(f"{path}: has no text files with labels; expected labels/*.txt")
    file, names, data = read_class_file(root, given, reading)
    if isinstance(data.get("kpt_shape"), list):
        raise ExchangeError(f"{file}: has 'kpt_shape': labels of key points (YOLO pose) have no outlines")
    if isinstance(data.get("masks_dir"), str):
        raise ExchangeError(f"{file}: has 'masks_dir': these are masks; import_labels masks reads them")
    lists = lists_of_data_yaml(data, file, reading.remarks)
    frames = []
    for file in files:
        regions = []
        for number, line in enumerate(read_text(file).splitlines(), start=1):
            if line.strip():
                region = _region(line, names, f"{file}: line {number}", reading)
                if region is not None:
                    regions.append(region)
        if not regions:
            reading.remarks.add("images have no region: all background", str(file))
        folders = list(file.relative_to(root).parts[:-1])
        if "labels" in folders:
            place = len(folders) - 1 - folders[::-1].index("labels")
            folders[place] = "images"
        name = "/".join([*folders, file.name[: -len(file.suffix)]])
        split = next((found for found in map(split_of, folders) if found), None) or lists.split_of(name)
        # Where polygons overlap, Ultralytics too puts smaller ones over larger ones.
        frames.append(
            Annotated(name, None, tuple(regions), by_area=True, any_suffix=True, split=split, place=str(file))
        )
    return LabelFile(frames, list(dict.fromkeys(names.values())))


def write(folder: Path, frames: list[tuple[str, np.ndarray]], labels: LabelSet) -> None:
    """Write labels/ and data.yaml of (file name, mask); the images belong into images/ beside. Raises OSError."""
    regions = {file_name: outlines(mask, labels) for file_name, mask in frames}
    # Background is what no polygon covers; ignored pixels are a class, for YOLO has nothing else for them.
    used = {name for found in regions.values() for name, _ in found}
    names = [name for name in labels.names if not is_background(name)] + sorted(used - set(labels.names))
    for file_name, mask in frames:
        size = np.array([mask.shape[1], mask.shape[0]])
        lines = [
            " ".join([str(names.index(name)), *(f"{share:.9g}" for share in (polygon / size).ravel())])
            for name, polygon in regions[file_name]
        ]
        text = "".join(line + "\n" for line in lines)
        write_atomically(folder / "labels" / f"{Path(file_name).stem}.txt", text.encode("utf-8"))
    data = {"path": ".", "train": "images", "val": "images", "names": dict(enumerate(names))}
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    write_atomically(folder / "data.yaml", text.encode("utf-8"))
