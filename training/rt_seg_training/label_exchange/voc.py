"""VOC colour masks with a labelmap.txt: also what CVAT calls "Segmentation mask"."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.labelled_folder import IMAGE_SUFFIXES, MASK_SUFFIXES
from rt_seg.labels import LabelSet
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.images import read_color_mask
from rt_seg_training.label_exchange.annotations import (
    BACKGROUND_NAMES,
    IGNORE,
    Annotated,
    ExchangeError,
    LabelFile,
    Reading,
    Region,
    is_background,
)
from rt_seg_training.label_exchange.file_values import class_name, read_text, shown
from rt_seg_training.label_exchange.image_names import files_below
from rt_seg_training.label_exchange.shapes import ColorIn
from rt_seg_training.label_exchange.split_lists import lists_of_image_sets

LABELMAP = "labelmap.txt"
MASKS = "SegmentationClass"
LIST = "ImageSets/Segmentation/default.txt"
IGNORE_COLOR = (224, 224, 192)
"""VOC's colour of pixels that are not scored."""
BLACK = (0, 0, 0)

Color = tuple[int, int, int]


def _colors(file: Path, reading: Reading) -> dict[Color, str]:
    names: dict[Color, str] = {}
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        place = f"{file}: line {number}"
        name, _, rest = line.partition(":")
        try:
            red, green, blue = (int(part) for part in rest.split(":")[0].split(","))
        except ValueError as error:
            raise ExchangeError(f"{place}: {shown(line)}: expected name:red,green,blue::") from error
        color = (red, green, blue)
        if not all(0 <= part <= 255 for part in color):
            raise ExchangeError(f"{place}: {shown(line)}: red, green and blue are 0..255")
        name = class_name(name, place, reading.remarks)
        names_before = dict(names)
        if names.setdefault(color, name) != name:
            raise ExchangeError(
                f"{place}: {name!r} has the colour {red},{green},{blue} of {names[color]!r}: its pixels are "
                "ambiguous. Give each class its own colour in the program that wrote the masks"
            )
        if color not in names_before and name in names_before.values():
            reading.remarks.add("classes have several colours, which are merged", f"{place}: {name!r}")
        if color == BLACK and not is_background(name):
            raise ExchangeError(f"{place}: {name!r} is black, the colour of unlabelled pixels; choose another colour")
    # What nobody labelled is black, even where labelmap.txt gives the background another colour, as CVAT's may.
    return {IGNORE_COLOR: IGNORE, BLACK: BACKGROUND_NAMES[0]} | names


def read(path: Path, reading: Reading) -> LabelFile:
    """The frames of a folder with labelmap.txt and SegmentationClass/. Raises ExchangeError."""
    if not (path / LABELMAP).is_file() or not (path / MASKS).is_dir():
        raise ExchangeError(f"{path}: must hold {LABELMAP} and a folder {MASKS}/")
    colors = _colors(path / LABELMAP, reading)
    lists = lists_of_image_sets((path / LIST).parent)
    frames = []
    # CVAT keeps the folders of the images.
    for file in files_below(path / MASKS, IMAGE_SUFFIXES):
        if file.suffix.lower() not in MASK_SUFFIXES:
            raise ExchangeError(f"{file}: masks must be lossless; accepted are {', '.join(MASK_SUFFIXES)}")
        try:
            pixels = read_color_mask(file)
        except DatasetError as error:
            raise ExchangeError(str(error)) from error
        regions = []
        codes = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
        for code in np.unique(codes).tolist():
            color = (code >> 16, code >> 8 & 255, code & 255)
            if color not in colors:
                raise ExchangeError(f"{file}: the colour {list(color)} is not in {LABELMAP}")
            if not is_background(colors[color]):
                place = f"{file}: {colors[color]!r}"
                regions.append(Region(colors[color], (ColorIn(file, color),), place))
        if not regions:
            reading.remarks.add("images have no region: all background", str(file))
        name = file.relative_to(path / MASKS).with_suffix("").as_posix()
        size = (pixels.shape[0], pixels.shape[1])
        frames.append(
            Annotated(name, size, tuple(regions), any_suffix=True, split=lists.split_of(name), place=str(file))
        )
    return LabelFile(frames, [name for name in dict.fromkeys(colors.values()) if name != IGNORE])


def write(folder: Path, frames: list[tuple[str, np.ndarray]], labels: LabelSet) -> None:
    """Write labelmap.txt, SegmentationClass/ of (file name, mask), and the list of the names, which CVAT wants.

    Raises ExchangeError for two equal colours and for names that labelmap.txt cannot hold, OSError.
    """
    from rt_seg_training.datasets.labelled_frame import encode

    colors = [label.color for label in labels.labels] + [IGNORE_COLOR]
    if len(set(colors)) < len(colors):
        raise ExchangeError(f"the colours of the classes must differ, and from {IGNORE_COLOR}, which is for ignored")
    for label in labels.labels:
        if ":" in label.name or label.name.startswith("#") or len(label.name.splitlines()) != 1:
            raise ExchangeError(f"the class {label.name!r}: {LABELMAP} has no names with a colon, # or line break")
        if label.color == BLACK and not is_background(label.name):
            raise ExchangeError(f"the class {label.name!r} is black, which is background there; change its colour")
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
