"""Supervisely's JSON: ann/<image>.json beside img/<image>, polygons with holes and bitmaps; classes in meta.json.

Coordinates are continuous, as in its labelling tool ("subpixel"); its Python package rounds them to whole pixels.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from rt_seg_training.label_exchange.annotations import (
    Annotated,
    ExchangeError,
    LabelFile,
    Reading,
)
from rt_seg_training.label_exchange.drawn_objects import ObjectList
from rt_seg_training.label_exchange.file_values import (
    class_name,
    corners,
    image_size,
    mapping,
    member,
    read_json,
    sequence,
    shown,
    whole,
)
from rt_seg_training.label_exchange.image_names import files_below, split_of
from rt_seg_training.label_exchange.png_masks import decoded_png, from_base64
from rt_seg_training.label_exchange.shapes import Bitmap, Outline, Perforated, Shape

PROGRAM = "Supervisely"
META = "meta.json"
WITH_AREA = ("polygon", "bitmap", "rectangle")
WITHOUT_AREA = ("point", "line", "polyline", "graph", "cuboid", "cuboid_2d", "multichannelBitmap")
MAX_BYTES = 64 << 20
"""Of an unpacked bitmap, which is a PNG."""


def _shape(entry: dict[str, Any], kind: str, place: str) -> Shape | str:
    """The pixels of an object, or why it has none. Raises ExchangeError."""
    if kind == "bitmap":
        bitmap = mapping(member(entry, "bitmap", place), f"{place}: 'bitmap'")
        origin = sequence(member(bitmap, "origin", place), f"{place}: 'origin'")
        if len(origin) != 2:
            raise ExchangeError(f"{place}: origin is {shown(origin)}; expected [left, top]")
        left, top = (whole(value, f"{place}: 'origin'") for value in origin)
        unpacking = zlib.decompressobj()
        try:
            png = unpacking.decompress(from_base64(bitmap.get("data"), f"{place}: 'data'"), MAX_BYTES)
        except zlib.error as error:
            raise ExchangeError(f"{place}: its bitmap cannot be unpacked ({error})") from error
        if not unpacking.eof:
            raise ExchangeError(f"{place}: its bitmap is cut off, or unpacks to more than {MAX_BYTES >> 20} MB")
        return Bitmap(top, left, decoded_png(png, place))
    points = mapping(member(entry, "points", place), f"{place}: 'points'")
    exterior = corners(member(points, "exterior", place), f"{place}: exterior")
    if kind == "rectangle":
        if len(exterior) != 2:
            raise ExchangeError(f"{place}: a rectangle has {len(exterior)} points; expected two corners")
        low, high = exterior.min(axis=0), exterior.max(axis=0)
        return Outline((np.array([low, (high[0], low[1]), high, (low[0], high[1])]),))
    if len(exterior) < 3:
        return f"a polygon of {len(exterior)} points"
    holes = [
        corners(hole, f"{place}: interior[{position}]")
        for position, hole in enumerate(sequence(points.get("interior") or [], f"{place}: interior"))
    ]
    cut = tuple(Outline((hole,)) for hole in holes if len(hole) > 2)
    return Perforated(Outline((exterior,)), cut) if cut else Outline((exterior,))


def _kind(entry: dict[str, Any]) -> Any:
    """Files of the first years have no geometryType: what holds data is a bitmap."""
    return entry.get("geometryType") or ("bitmap" if entry.get("bitmap") else "polygon")


OBJECTS = ObjectList("objects", "classTitle", _kind, _shape, WITH_AREA, WITHOUT_AREA)


def _read_file(file: Path, root: Path, reading: Reading) -> Annotated:
    data = mapping(read_json(file, PROGRAM), f"{file}: is not a file of Supervisely: the top level")
    regions = OBJECTS.regions(data, str(file), PROGRAM, reading)
    size = mapping(member(data, "size", str(file)), f"{file}: 'size'")
    height_width = image_size(size.get("height"), size.get("width"), f"{file}: size")
    folders = file.relative_to(root).parts[:-1]
    split = next((found for found in map(split_of, folders) if found), None)
    folders = tuple("img" if folder == "ann" else folder for folder in folders)
    name = "/".join((*folders, file.name[: -len(file.suffix)]))
    # a.jpg.json labels a.jpg; a.json, of the first years, any a.
    any_suffix = not Path(name).suffix
    return Annotated(name, height_width, regions, any_suffix=any_suffix, split=split, place=str(file))


def read(path: Path, reading: Reading) -> LabelFile:
    """The frames of a project (meta.json, data sets with ann/), or of a folder of its files. Raises ExchangeError."""
    if not path.is_dir():
        raise ExchangeError(f"{path}: must be the folder of a project of Supervisely, with {META} and ann/")
    every = files_below(path, (".json",))
    files = [file for file in every if "ann" in (path.name, *file.relative_to(path).parts[:-1])]
    if not files:
        files = [file for file in every if file.name not in (META, "obj_class_to_machine_color.json")]
    if not files:
        raise ExchangeError(f"{path}: has no files of Supervisely; expected ann/*.json")
    names = []
    meta = next((folder / META for folder in (path, *path.parents[:2]) if (folder / META).is_file()), None)
    if meta is not None:
        data = mapping(read_json(meta, PROGRAM), f"{meta}: the top level")
        for position, entry in enumerate(sequence(member(data, "classes", str(meta)), f"{meta}: 'classes'")):
            place = f"{meta}: classes[{position}]"
            names.append(class_name(mapping(entry, place).get("title"), f"{place}: 'title'", reading.remarks))
    return LabelFile([_read_file(file, path, reading) for file in files], list(dict.fromkeys(names)))
