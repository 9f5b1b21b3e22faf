"""VOC colour masks with a labelmap.txt: also what CVAT calls "Segmentation mask"."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.labels import LabelSet
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.images import read_image
from rt_seg_training.label_exchange.annotations import BACKGROUND_NAMES, IGNORE, Annotated, ExchangeError, Region

LABELMAP = "labelmap.txt"
MASKS = "SegmentationClass"
LIST = "ImageSets/Segmentation/default.txt"
IGNORE_COLOR = (224, 224, 192)
"""VOC's colour of pixels that are not scored."""


def _colors(file: Path) -> dict[tuple[int, ...], str]:
    # What nobody labelled is black, even where labelmap.txt gives the background another colour, as CVAT's may.
    names: dict[tuple[int, ...], str] = {IGNORE_COLOR: IGNORE, (0, 0, 0): BACKGROUND_NAMES[0]}
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        try:
            red, green, blue = (int(part) for part in rest.split(":")[0].split(","))
        except ValueError as error:
            raise ExchangeError(f"{file}: {line!r}: expected name:red,green,blue::") from error
        names[(red, green, blue)] = name
    return names


def read(path: Path) -> list[Annotated]:
    """The frames of a folder with labelmap.txt and SegmentationClass/. Raises ExchangeError."""
    if not (path / LABELMAP).is_file() or not (path / MASKS).is_dir():
        raise ExchangeError(f"{path}: must hold {LABELMAP} and a folder {MASKS}/")
    names = _colors(path / LABELMAP)
    frames = []
    # CVAT keeps the folders of the pictures.
    for file in sorted((path / MASKS).rglob("*.png")):
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
        frames.append(Annotated(file.name, picture.shape[0], picture.shape[1], tuple(regions)))
    return frames


def write(folder: Path, frames: list[tuple[str, np.ndarray]], labels: LabelSet) -> None:
    """Write labelmap.txt, SegmentationClass/ of (file name, mask), and the list of the names, which CVAT wants.

    Raises ExchangeError for two equal colours, OSError.
    """
    from rt_seg_training.datasets.labelled_frame import encode

    colors = [label.color for label in labels.labels] + [IGNORE_COLOR]
    if len(set(colors)) < len(colors):
        raise ExchangeError(f"the colours of the classes must differ, and from {IGNORE_COLOR}, which is for ignored")
    table = labels.color_table
    table[labels.ignore_id] = IGNORE_COLOR
    lines = ["# label:color_rgb:parts:actions"]
    lines += [f"{label.name}:{','.join(map(str, label.color))}::" for label in labels.labels]
    if any((mask == labels.ignore_id).any() for _, mask in frames):
        lines.append(f"{IGNORE}:{','.join(map(str, IGNORE_COLOR))}::")
    write_atomically(folder / LABELMAP, ("\n".join(lines) + "\n").encode("utf-8"))
    for file_name, mask in frames:
        write_atomically(folder / MASKS / f"{Path(file_name).stem}.png", encode(".png", table[mask]))
    stems = [Path(file_name).stem + "\n" for file_name, _ in frames]
    write_atomically(folder / LIST, "".join(stems).encode("utf-8"))
