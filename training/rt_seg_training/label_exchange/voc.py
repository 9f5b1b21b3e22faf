"""VOC colour masks with a labelmap.txt: also what CVAT calls "Segmentation mask", as a folder or a zip file."""
from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.labels import LabelSet
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.images import read_image
from rt_seg_training.label_exchange.annotations import BACKGROUND_NAMES, IGNORE, Annotated, ExchangeError, Region

LABELMAP = "labelmap.txt"
MASKS = "SegmentationClass"
IGNORE_COLOR = (224, 224, 192)
"""VOC's colour of pixels that are not scored."""


def _colors(file: Any) -> dict[tuple[int, ...], str]:
    names = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        try:
            red, green, blue = (int(part) for part in rest.split(":")[0].split(","))
        except ValueError as error:
            raise ExchangeError(f"{file}: {line!r}: expected name:red,green,blue::") from error
        names[(red, green, blue)] = name
    return names | ({} if IGNORE_COLOR in names else {IGNORE_COLOR: IGNORE})


def read(path: Path) -> list[Annotated]:
    """The frames of a folder or zip file with labelmap.txt and SegmentationClass/. Raises ExchangeError."""
    try:
        root: Any = path if path.is_dir() else zipfile.Path(zipfile.ZipFile(path))
    except (OSError, zipfile.BadZipFile) as error:
        raise ExchangeError(f"{path}: must be a folder or zip file ({error})") from error
    if not (root / LABELMAP).is_file() or not (root / MASKS).is_dir():
        raise ExchangeError(f"{path}: must hold {LABELMAP} and a folder {MASKS}/")
    names = _colors(root / LABELMAP)
    frames = []
    for file in sorted((root / MASKS).iterdir(), key=lambda entry: entry.name):
        if PurePosixPath(file.name).suffix.lower() != ".png":
            continue
        try:
            picture = read_image(file)
        except DatasetError as error:
            raise ExchangeError(str(error)) from error
        regions = []
        for color in np.unique(picture.reshape(-1, 3), axis=0):
            name = names.get(tuple(int(part) for part in color))
            if name is None:
                raise ExchangeError(f"{file}: the colour {tuple(color.tolist())} is not in {LABELMAP}")
            if name.lower() not in BACKGROUND_NAMES:
                regions.append(Region(name, mask=(picture == color).all(axis=2)))
        frames.append(Annotated(file.name, *picture.shape[:2], tuple(regions)))
    return frames


def write(folder: Path, frames: list[tuple[str, np.ndarray]], labels: LabelSet) -> None:
    """Write labelmap.txt and SegmentationClass/ of (file name, mask). Raises ExchangeError for two equal colours."""
    from rt_seg_training.labelled_frame import encode

    colors = [label.color for label in labels.labels] + [IGNORE_COLOR]
    if len(set(colors)) < len(colors):
        raise ExchangeError(f"the colours of the classes must differ, and from {IGNORE_COLOR}, which is for ignored")
    table = labels.color_table
    table[labels.ignore_id] = IGNORE_COLOR
    lines = ["# label:color_rgb:parts:actions"]
    lines += [f"{label.name}:{','.join(map(str, label.color))}::" for label in labels.labels]
    write_atomically(folder / LABELMAP, ("\n".join(lines) + "\n").encode("utf-8"))
    for file_name, mask in frames:
        write_atomically(folder / MASKS / f"{Path(file_name).stem}.png", encode(".png", table[mask]))
