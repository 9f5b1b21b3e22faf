"""labelme: a JSON file for each image, its shapes painted in their order, later ones over earlier ones.

Coordinates are continuous, as they are clicked. labelme's own class images, which Pillow draws, are fatter by the rim.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.labels import LabelSet
from rt_seg_training.label_exchange.annotations import (
    Annotated,
    ExchangeError,
    LabelFile,
    Reading,
    outlines,
)
from rt_seg_training.label_exchange.drawn_objects import ObjectList
from rt_seg_training.label_exchange.file_values import (
    corners,
    image_size,
    mapping,
    member,
    read_json,
    text,
)
from rt_seg_training.label_exchange.image_names import files_below, parts_of
from rt_seg_training.label_exchange.png_masks import decoded_png, from_base64
from rt_seg_training.label_exchange.shapes import Bitmap, Ellipse, Outline, Shape

PROGRAM = "labelme"
FOUR_CORNERS = ("rotation", "oriented_rectangle", "quadrilateral")
"""Of X-AnyLabeling and newer labelmes."""
WITH_AREA = ("polygon", "rectangle", "circle", "mask", *FOUR_CORNERS)
WITHOUT_AREA = ("line", "linestrip", "point", "points")


def _shape(shape: dict[str, Any], kind: str, place: str) -> Shape | str:
    """The pixels of a shape, or why it has none. Raises ExchangeError."""
    points = corners(member(shape, "points", place), f"{place}: points")
    if kind == "mask":
        if len(points) != 2:
            raise ExchangeError(f"{place}: a mask has {len(points)} points; expected the two corners of its box")
        part = decoded_png(from_base64(shape.get("mask"), f"{place}: 'mask'"), place)
        # The box's last row and column are included; labelme cuts off fractions.
        (left, top), (right, bottom) = (tuple(int(side) for side in points[order]) for order in (0, 1))
        width, height = right - left + 1, bottom - top + 1
        if abs(part.shape[1] - width) > 1 or abs(part.shape[0] - height) > 1:
            raise ExchangeError(
                f"{place}: its mask is {part.shape[1]}x{part.shape[0]}, but its box {width}x{height} (width x height)"
            )
        return Bitmap(top, left, part)
    if not len(points):
        return f"a {kind} without points"
    if kind == "circle":
        if len(points) != 2:
            raise ExchangeError(
                f"{place}: a circle has {len(points)} points; expected the centre and a point on the circle"
            )
        radius = float(np.hypot(*(points[1] - points[0])))
        center = (float(points[0, 0]), float(points[0, 1]))
        return Ellipse(center, (radius, radius)) if radius else "a circle of radius 0"
    if kind == "rectangle" and len(points) not in (2, 4):
        raise ExchangeError(f"{place}: a rectangle has {len(points)} points; expected two corners or four")
    if kind in FOUR_CORNERS and len(points) != 4:
        raise ExchangeError(f"{place}: a {kind} has {len(points)} points; expected four corners")
    if kind == "rectangle":
        low, high = points.min(axis=0), points.max(axis=0)
        straight = ((points == low) | (points == high)).all()
        if len(points) == 2 or straight:
            return Outline((np.array([low, (high[0], low[1]), high, (low[0], high[1])]),))
    if len(points) < 3:
        return f"a {kind} of {len(points)} points"
    return Outline((points,))


OBJECTS = ObjectList(
    "shapes", "label", lambda shape: shape.get("shape_type") or "polygon", _shape, WITH_AREA, WITHOUT_AREA
)


def read(path: Path, reading: Reading) -> LabelFile:
    """The frames of a folder of labelme JSON files, or of one. Raises ExchangeError."""
    files = files_below(path, (".json",)) if path.is_dir() else [path]
    if not files:
        raise ExchangeError(f"{path}: must be a folder with a .json file of labelme for each image")
    return LabelFile([_read_file(file, path, reading) for file in files], [])


def _read_file(file: Path, root: Path, reading: Reading) -> Annotated:
    data = mapping(read_json(file, PROGRAM), f"{file}: is not a file of labelme: the top level")
    size = image_size(data.get("imageHeight"), data.get("imageWidth"), f"{file}: image")
    regions = OBJECTS.regions(data, str(file), PROGRAM, reading)
    folders = file.parent.relative_to(root).parts if root.is_dir() else ()
    named = data.get("imagePath")
    if named is None or named == "":
        reading.remarks.add("files name no image: the image with the file's name is used", str(file))
        name, any_suffix = file.stem, True
    else:
        name, any_suffix = text(named, f"{file}: 'imagePath'"), False
    full_name = "/".join((*folders, *parts_of(name)))
    return Annotated(full_name, size, regions, any_suffix=any_suffix, place=str(file))


def write(folder: Path, frames: list[tuple[str, np.ndarray]], labels: LabelSet) -> None:
    """Write a JSON file for each (file name, mask). Raises OSError."""
    for file_name, mask in frames:
        shapes = [
            {
                "label": name, "points": polygon.tolist(), "group_id": None,
                "shape_type": "polygon", "flags": {},
            }
            for name, polygon in outlines(mask, labels)
        ]  # fmt: skip
        data = {
            "version": "5.0.0", "flags": {}, "shapes": shapes, "imagePath": file_name, "imageData": None,
            "imageHeight": mask.shape[0], "imageWidth": mask.shape[1],
        }  # fmt: skip
        write_atomically(folder / f"{Path(file_name).stem}.json", json.dumps(data).encode("utf-8"))
