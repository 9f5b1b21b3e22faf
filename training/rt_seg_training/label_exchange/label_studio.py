"""Label Studio's JSON export: polygons, boxes and ellipses in percent of the image, and brush masks as run lengths."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from rt_seg_training.label_exchange.annotations import (
    Annotated,
    ExchangeError,
    LabelFile,
    Reading,
    Region,
)
from rt_seg_training.label_exchange.file_values import (
    class_name,
    corners,
    image_size,
    mapping,
    member,
    number,
    read_json,
    sequence,
    shown,
    text,
)
from rt_seg_training.label_exchange.shapes import Bitmap, Ellipse, Outline, Shape, turned

PROGRAM = "Label Studio"
NAMES = {
    "polygonlabels": "polygon", "brushlabels": "brush", "rectanglelabels": "rectangle", "ellipselabels": "ellipse",
    "labels": None, "keypointlabels": "keypoint", "vectorlabels": "vector", "bitmasklabels": "bitmask",
}  # fmt: skip
"""Type of a result → the shape that it names."""
WITHOUT_AREA = ("keypoint", "vector", "vectorlabels", "keypointlabels")
NO_REGIONS = ("choices", "textarea", "rating", "taxonomy", "number", "datetime", "pairwise", "ranker", "relation")
UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the name of an uploaded file."""


def mask_from_brush(values: list[int], height: int, width: int) -> np.ndarray:
    """(height, width) bool of a brush mask: RGBA values of an image, packed to bits (thi.ng's rle-pack).

    32 bits: the count of values; 5: their length in bits, less 1; four times 4: lengths in bits of counts, less 1.
    Then, until all values are there: a bit that says whether one value is repeated, two bits that choose the length of
    the count, the count less 1, and the value or as many values. A pixel is painted where it is more than half opaque.
    Raises ValueError for what is not of this form, or of another size.
    """
    if not all(type(value) is int and 0 <= value <= 255 for value in values):
        raise ValueError("the run lengths are bytes, 0..255")
    bits = np.unpackbits(np.array(values, np.uint8))
    place = 0

    def take(count: int) -> int:
        nonlocal place
        if place + count > len(bits):
            raise ValueError("the run lengths are truncated")
        found = int("".join(map(str, bits[place : place + count].tolist())), 2)
        place += count
        return found

    total, word = take(32), take(5) + 1
    if total != height * width * 4:
        raise ValueError(f"run lengths for {total / 4:g} pixels, but {width}x{height} are {height * width}")
    if word > 8:
        raise ValueError(f"values of {word} bits; expected 8")
    counts = [take(4) + 1 for _ in range(4)]
    powers = 1 << np.arange(word - 1, -1, -1)
    found = np.empty(total, np.uint8)
    done = 0
    while done < total:
        repeated = take(1)
        count = take(counts[take(2)]) + 1
        if done + count > total:
            raise ValueError("the run lengths are longer than their image")
        if repeated:
            found[done : done + count] = take(word)
        else:
            if place + count * word > len(bits):
                raise ValueError("the run lengths are truncated")
            found[done : done + count] = bits[place : place + count * word].reshape(count, word) @ powers
            place += count * word
        done += count
    opacity = found.reshape(height, width, 4)[..., 3]
    # Masks that programs put in may be 0 and 1.
    return opacity > (127 if opacity.max(initial=0) > 1 else 0)


def _shape(value: dict[str, Any], kind: str, size: tuple[int, int], place: str) -> Shape | str:
    """The pixels of a result, or why it has none. Raises ExchangeError."""
    height, width = size
    percent = np.array([width, height]) / 100
    if kind == "brush":
        if value.get("format", "rle") != "rle":
            raise ExchangeError(f"{place}: a brush in the format {shown(value['format'])}; accepted is rle")
        try:
            mask = mask_from_brush(sequence(member(value, "rle", place), f"{place}: 'rle'"), height, width)
        except ExchangeError:
            raise
        except ValueError as error:
            raise ExchangeError(f"{place}: rle: {error}") from error
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return "an empty brush mask"
        part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()
        return Bitmap(int(rows[0]), int(columns[0]), part)
    if kind == "polygon":
        points = corners(member(value, "points", place), f"{place}: points") * percent
        return Outline((points,)) if len(points) > 2 else f"a polygon of {len(points)} points"
    x, y = (number(member(value, key, place), f"{place}: {key!r}") for key in ("x", "y"))
    degrees = number(value.get("rotation") or 0, f"{place}: 'rotation'")
    if kind == "rectangle":
        sides = [number(member(value, key, place), f"{place}: {key!r}") for key in ("width", "height")]
        corner = np.array([x, y]) * percent
        right, below = np.array([sides[0], 0]) * percent, np.array([0, sides[1]]) * percent
        box = np.array([corner, corner + right, corner + right + below, corner + below])
        return Outline((turned(box, corner, degrees),))  # around its first corner
    radii = [number(member(value, key, place), f"{place}: {key!r}") for key in ("radiusX", "radiusY")]
    if min(radii) < 0:
        raise ExchangeError(f"{place}: radii {radii[0]:g} and {radii[1]:g}; they must not be negative")
    center = np.array([x, y]) * percent
    return Ellipse(tuple(center.tolist()), tuple((np.array(radii) * percent).tolist()), degrees)


def _labels(result: dict[str, Any], results: list[dict[str, Any]]) -> list[Any] | None:
    """What a result, or another one of the same id, is called; None: this one is no region of its own."""
    value = result["value"]
    own = next((value[key] for key in NAMES if isinstance(value.get(key), list)), None)
    if result.get("type") == "labels" and any(
        other is not result and other.get("id") == result.get("id") and other.get("type") in NAMES.values()
        for other in results
    ):
        return None  # the names of a shape that is a result by itself
    if own is None and result.get("id") is not None:
        twins = [other["value"] for other in results if other.get("id") == result["id"] and other is not result]
        own = next((twin[key] for twin in twins for key in NAMES if isinstance(twin.get(key), list)), None)
    return own or []


def _kind(result: dict[str, Any]) -> str | None:
    """The shape of a result: that of its type or, where that only names it, of what its value holds."""
    kind = result.get("type")
    if not isinstance(kind, str):
        return None
    kind = NAMES.get(kind, kind)
    if kind is None:
        value = result["value"]
        hints = (("points", "polygon"), ("rle", "brush"), ("radiusX", "ellipse"), ("width", "rectangle"))
        return next((shape for key, shape in hints if key in value), None)
    return kind


def _regions(results: list[Any], place: str, reading: Reading) -> tuple[tuple[Region, ...], tuple[int, int] | None]:
    """The regions of an annotation, and the size of its image where a result tells. Raises ExchangeError."""
    entries = []
    for position, result in enumerate(results):
        result = mapping(result, f"{place}: result[{position}]")
        if result.get("type") in NO_REGIONS:
            reading.remarks.add(
                "results are not regions: skipped", f"{place}: result[{position}]: {shown(result.get('type'))}"
            )
            continue
        mapping(member(result, "value", f"{place}: result[{position}]"), f"{place}: result[{position}]: 'value'")
        entries.append((position, result))
    of_images = {(shown(result.get("to_name")), shown(result.get("item_index"))) for _, result in entries}
    if len(of_images) > 1:
        raise ExchangeError(
            f"{place}: its results are of several images (to_name, item_index: "
            f"{'; '.join(', '.join(image) for image in sorted(of_images))}); export a task for each image"
        )
    regions: list[Region] = []
    sizes: set[tuple[int, int]] = set()
    for position, result in entries:
        where = f"{place}: result[{position}]"
        names = _labels(result, [entry for _, entry in entries])
        if names is None:
            continue
        if len(names) != 1:
            raise ExchangeError(f"{where}: is called {shown(names)}; expected the name of one class")
        name = class_name(names[0], f"{where}: its label", reading.remarks)
        where = f"{where} {name!r}"
        if result.get("image_rotation") not in (None, 0):
            raise ExchangeError(f"{where}: its image is rotated (image_rotation {shown(result['image_rotation'])})")
        kind = _kind(result)
        if kind in WITHOUT_AREA:
            reading.left_out(where, f"a {kind}")
            continue
        if kind == "polygon" and result["value"].get("closed") is False:
            reading.remarks.add("polygons are not closed: painted as if they were", where)
        if kind not in ("polygon", "brush", "rectangle", "ellipse"):
            raise ExchangeError(
                f"{where}: a result of type {shown(result.get('type'))}; accepted are polygonlabels, brushlabels, "
                "rectanglelabels and ellipselabels"
            )
        size = image_size(result.get("original_height"), result.get("original_width"), where)
        if size is None:
            raise ExchangeError(f"{where}: has no original_width and original_height")
        sizes.add(size)
        if len(sizes) > 1:
            raise ExchangeError(f"{where}: its image is {size[1]}x{size[0]}, but another result gives a different size")
        found = _shape(result["value"], kind, size, where)
        if isinstance(found, str):
            reading.left_out(where, found)
            continue
        regions.append(Region(name, (found,), where))
    return tuple(regions), next(iter(sizes), None)


def _is_image(value: Any) -> bool:
    return isinstance(value, str) and bool(re.search(r"\.(png|jpe?g|bmp|tiff?|webp)($|[?#])", value, re.IGNORECASE))


def _image_names(task: dict[str, Any], place: str, reading: Reading) -> list[str]:
    """The names that the image of a task may have: with folders, without what an upload puts before it.

    Raises ExchangeError for a task of several images.
    """
    data = mapping(member(task, "data", place), f"{place}: 'data'")
    values = [value for value in data.values() if isinstance(value, str)]
    images = [value for value in values if _is_image(value)]
    lists = [key for key, value in data.items() if isinstance(value, list) and any(map(_is_image, value))]
    value = data.get("image") if isinstance(data.get("image"), str) else None
    if lists or value is None and len(images) > 1:
        raise ExchangeError(
            f"{place}: its 'data' names several images ({shown(data[lists[0]] if lists else images)}); accepted is a "
            "task for each image, or its name under the key 'image'"
        )
    if value is not None and set(images) - {value}:
        reading.remarks.add("tasks name several images: the one called 'image' is used", f"{place}: {shown(value)}")
    value = value or next(iter(images or values), None)
    if value is None:
        raise ExchangeError(f"{place}: its 'data' names no image")
    text(value, f"{place}: 'data'")
    # /data/local-files/?d=folder/a.png, https://host/a.png?token=1, s3://bucket/a.png
    path = value.partition("?d=")[2] or value.partition("?")[0]
    path = unquote(path.partition("://")[2] or path)
    text(path, f"{place}: 'data'")
    folders, _, last = path.rpartition("/")
    names = [path]
    if UPLOADED.match(last):
        names.append(f"{folders}/{UPLOADED.sub('', last)}")
    return names


def read(path: Path, reading: Reading) -> LabelFile:
    """The frames of Label Studio's JSON export, or of the one .json file in a folder. Raises ExchangeError."""
    file = path
    if path.is_dir():
        found = sorted(path.glob("*.json"))
        if len(found) != 1:
            raise ExchangeError(f"{path}: must hold one .json file of {PROGRAM}, and has {len(found)}; name the file")
        file = found[0]
    frames = []
    tasks = sequence(read_json(file, PROGRAM), f"{file}: is not a file of {PROGRAM}: the top level")
    for position, task in enumerate(tasks):
        place = f"{file}: task {position}"
        task = mapping(task, place)
        if "data" not in task or "annotations" not in task:
            raise ExchangeError(
                f"{place}: has no {'data' if 'data' not in task else 'annotations'!r}: export as JSON, not as JSON-MIN"
            )
        names = _image_names(task, place, reading)
        annotations = []
        for number_, annotation in enumerate(sequence(task["annotations"], f"{place}: 'annotations'")):
            annotation = mapping(annotation, f"{place}: annotations[{number_}]")
            if annotation.get("was_cancelled") is True:
                reading.remarks.add("cancelled annotations are skipped", place)
                continue
            annotations.append((f"{place}: annotations[{number_}]", annotation))
        if len(annotations) > 1:
            best = [entry for entry in annotations if entry[1].get("ground_truth") is True]
            if len(best) != 1:
                raise ExchangeError(
                    f"{place} ({names[0]}): has {len(annotations)} annotations; mark one of them as ground truth in "
                    "Label Studio, or delete the others"
                )
            reading.remarks.add("images have several annotations: the ground truth is used", place)
            annotations = best
        if not annotations:
            reading.remarks.add("images without annotation are skipped", f"{place} ({names[0]})")
            continue
        where, annotation = annotations[0]
        results = sequence(member(annotation, "result", where), f"{where}: 'result'")
        regions, size = _regions(results, where, reading)
        if not regions:
            reading.remarks.add("images have no region: all background", f"{place} ({names[0]})")
        place = f"{place} ({names[0]})"
        frames.append(Annotated(names[0], size, regions, other_names=tuple(names[1:]), place=place))
    return LabelFile(frames, [])
