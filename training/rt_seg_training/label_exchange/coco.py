"""COCO: one JSON file for all images; regions as polygons, or as run lengths down the columns, plain or as text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.labels import LabelSet
from rt_seg_training.label_exchange.annotations import (
    IGNORE,
    Annotated,
    ExchangeError,
    LabelFile,
    Reading,
    Region,
    outlines,
    written_classes,
)
from rt_seg_training.label_exchange.file_values import (
    class_name,
    coordinates,
    identity,
    image_size,
    mapping,
    member,
    read_json,
    sequence,
    shown,
    text,
)
from rt_seg_training.label_exchange.image_names import split_of
from rt_seg_training.label_exchange.outlines import fill
from rt_seg_training.label_exchange.run_lengths import checked_runs, runs_from_mask, runs_from_text
from rt_seg_training.label_exchange.shapes import Outline, Runs, Shape

FILE = "annotations.json"
PROGRAM = "COCO"


def _files(path: Path) -> list[Path]:
    """The file itself, that of a folder, or those of Roboflow's train/, valid/ and test/."""
    if not path.is_dir():
        return [path]
    # Roboflow: train/_annotations.coco.json; CVAT: annotations/instances_default.json
    roboflow = sorted(path.rglob("_annotations.coco.json"))
    if roboflow:
        return roboflow
    found = sorted(path.glob("*.json")) or sorted(path.glob("annotations/*.json"))
    if len(found) != 1:
        named = f" ({', '.join(file.name for file in found[:4])})" if found else ""
        raise ExchangeError(
            f"{path}: must hold one .json file of COCO, and has {len(found)}{named}; name the file, or several"
        )
    return found


def read(path: Path, reading: Reading) -> LabelFile:
    """The frames of a COCO file, or of those in a folder; larger regions lie below. Raises ExchangeError."""
    files = _files(path)
    parts = [_read_file(file, reading) for file in files]
    frames = [frame for part in parts for frame in part.frames]
    return LabelFile(frames, list(dict.fromkeys(name for part in parts for name in part.names)))


def _categories(data: dict[str, Any], file: Path, reading: Reading) -> dict[int | str, str]:
    """Id → name, by id where all are numbers, so that two files of one export list them alike."""
    names: dict[int | str, str] = {}
    ids: dict[str, int | str] = {}
    for position, entry in enumerate(sequence(member(data, "categories", str(file)), f"{file}: 'categories'")):
        place = f"{file}: categories[{position}]"
        entry = mapping(entry, place)
        number = identity(member(entry, "id", place), f"{place}: 'id'")
        name = class_name(entry.get("name"), f"{place} (id {number}): 'name'", reading.remarks)
        if names.setdefault(number, name) != name:
            raise ExchangeError(f"{place}: the id {number} is that of {names[number]!r} and of {name!r}")
        if ids.setdefault(name, number) != number:
            reading.remarks.add("categories share a name and are merged", f"{place}: {name!r}")
    if all(isinstance(number, int) for number in names):
        return dict(sorted(names.items()))
    return names


def _has_roboflow_group(categories: list[dict[str, Any]]) -> bool:
    """Whether category 0 is the one that Roboflow puts above all others, and which has no regions."""
    first = next((entry for entry in categories if entry.get("id") == 0), {})
    others = [entry for entry in categories if entry is not first]
    return (
        first.get("supercategory") == "none"
        and len(others) > 0
        and all(other.get("supercategory") == first.get("name") for other in others)
    )


def _read_file(file: Path, reading: Reading) -> LabelFile:
    data = mapping(read_json(file, PROGRAM), f"{file}: is not a COCO file: the top level")
    for key in ("images", "annotations", "categories"):
        if key not in data:
            raise ExchangeError(f"{file}: is not a COCO file: it has no {key!r}")
    names = _categories(data, file, reading)
    images: dict[int | str, tuple[dict[str, Any], str]] = {}
    for position, entry in enumerate(sequence(data["images"], f"{file}: 'images'")):
        place = f"{file}: images[{position}]"
        entry = mapping(entry, place)
        number = identity(member(entry, "id", place), f"{place}: 'id'")
        file_name = text(member(entry, "file_name", place), f"{place} (id {number}): 'file_name'")
        if number in images:
            other = images[number][0]["file_name"]
            raise ExchangeError(
                f"{place}: {file_name!r} has the id {number}, the same as {other!r}; "
                "annotations of that id would be ambiguous"
            )
        images[number] = (entry, place)
    found: dict[int | str, list[tuple[dict[str, Any], str]]] = {number: [] for number in images}
    used: set[int | str] = set()
    seen: set[int | str] = set()
    for position, entry in enumerate(sequence(data["annotations"], f"{file}: 'annotations'")):
        place = f"{file}: annotations[{position}]"
        entry = mapping(entry, place)
        if entry.get("id") is not None:
            number = identity(entry["id"], f"{place}: 'id'")
            place = f"{place} (id {number})"
            if number in seen:
                reading.remarks.add("annotations share an id; each is painted", place)
            seen.add(number)
        if "segments_info" in entry:
            raise ExchangeError(f"{place}: has 'segments_info': panoptic COCO is not read, only instances and stuff")
        category = identity(member(entry, "category_id", place), f"{place}: 'category_id'")
        if category not in names:
            raise ExchangeError(f"{place}: the category_id {category} is not in the categories")
        image = identity(member(entry, "image_id", place), f"{place}: 'image_id'")
        if image not in images:
            raise ExchangeError(f"{place}: the image_id {image} is not in the images")
        used.add(category)
        found[image].append((entry, place))
    if 0 not in used and _has_roboflow_group(data["categories"]):
        reading.remarks.add("categories are supercategories, not classes", f"{file}: {names.pop(0)!r}")
    frames = []
    for number, (entry, place) in images.items():
        size = image_size(entry.get("height"), entry.get("width"), place)
        regions = []
        for annotation, where in found[number]:
            name = names[identity(annotation["category_id"], where)]
            region = _region(annotation, name, size, where, reading)
            if region is not None:
                regions.append(region)
        if not found[number]:
            reading.remarks.add("images have no annotation: all background", entry["file_name"])
        size = size or _size_of_runs(regions)
        split = split_of(file.parent.name)
        # Beside its images in Roboflow's folders, where both train/ and valid/ may have a 1.jpg.
        prefix = f"{file.parent.name}/" if split else ""
        file_name = f"{prefix}{entry['file_name']}"
        frames.append(Annotated(file_name, size, tuple(regions), by_area=True, split=split, place=place))
    return LabelFile(frames, list(dict.fromkeys(names.values())))


def _size_of_runs(regions: list[Region]) -> tuple[int, int] | None:
    """(height, width) of the image that run lengths are of; None without any. Raises ExchangeError for two sizes."""
    found: tuple[int, int] | None = None
    for region in regions:
        for shape in region.shapes:
            if isinstance(shape, Runs):
                if found is not None and found != (shape.height, shape.width):
                    raise ExchangeError(
                        f"{region.place}: segmentation: size is {[shape.height, shape.width]}, but in another "
                        f"annotation of the image {list(found)} (height, width)"
                    )
                found = shape.height, shape.width
    return found


def _region(
    annotation: dict[str, Any], name: str, size: tuple[int, int] | None, place: str, reading: Reading
) -> Region | None:
    """The region of an annotation; None where it is left out. Raises ExchangeError."""
    place = f"{place} {name!r}"
    shapes = _shapes(annotation.get("segmentation"), size, f"{place}: segmentation", reading)
    if shapes is None:
        return None
    if not shapes:
        if reading.boxes and annotation.get("bbox") is not None:
            box = _box(annotation["bbox"], f"{place}: bbox")
            if box is None:
                reading.left_out(place, f"its bbox is {shown(annotation['bbox'])}")
                return None
            shapes = [box]
            reading.remarks.add("regions without outline: their box is painted", place)
        else:
            advice = "--boxes paints the box of such regions, " if annotation.get("bbox") is not None else ""
            reading.left_out(place, f"the segmentation is {shown(annotation.get('segmentation'))}", advice)
            return None
    if annotation.get("iscrowd") == 1:
        reading.remarks.add("regions are crowds (iscrowd), painted as their class", place)
    return Region(name, tuple(shapes), place)


def _box(values: Any, place: str) -> Outline | None:
    """The outline of a box; None for one without an area. Raises ExchangeError."""
    found = coordinates(sequence(values, place), place)
    if len(found) != 4:
        raise ExchangeError(f"{place}: is {shown(values)}; expected [left, top, width, height]")
    left, top, width, height = found
    if width < 0 or height < 0:
        raise ExchangeError(f"{place}: is {shown(values)}; width and height must not be below 0")
    if width == 0 or height == 0:
        return None
    right, bottom = left + width, top + height
    return Outline((np.array([(left, top), (right, top), (right, bottom), (left, bottom)]),))


def _is_corner(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and not any(isinstance(part, (list, dict)) for part in value)


def _refuse_corners(part: Any, place: str) -> None:
    """Raise ExchangeError for an outline [[x, y], [x, y], …], whose corners would be taken for empty parts."""
    if isinstance(part, list) and len(part) > 2 and all(map(_is_corner, part)):
        raise ExchangeError(f"{place}: is a list of [x, y], {shown(part)}; expected [x1, y1, x2, y2, …]")


def _shapes(segmentation: Any, size: tuple[int, int] | None, place: str, reading: Reading) -> list[Shape] | None:
    """The shapes of a segmentation; none where it is empty, None where all were left out. Raises ExchangeError."""
    if segmentation is None or segmentation == {}:
        return []
    if isinstance(segmentation, dict):
        return [_runs(segmentation, size, place)]
    _refuse_corners(segmentation, place)
    parts = sequence(segmentation, place)
    if parts and not isinstance(parts[0], (list, dict)):
        parts = [parts]  # one polygon without the list around it
    shapes: list[Shape] = []
    small = []
    for position, part in enumerate(parts):
        where = f"{place}[{position}]"
        _refuse_corners(part, where)
        if isinstance(part, dict):
            shapes.append(_runs(part, size, where))
            continue
        flat = coordinates(sequence(part, where), where)
        if not len(flat):
            if len(parts) > 1:
                reading.remarks.add("outline parts are empty", where)
            continue
        if len(flat) % 2:
            raise ExchangeError(f"{where}: has {len(flat)} numbers; an outline is x, y of at least three corners")
        if len(flat) < 6:
            small.append((where, f"an outline of {len(flat) // 2} corners"))
            continue
        shapes.append(Outline((flat.reshape(-1, 2),)))
    if small and not shapes:
        reading.left_out(*small[0])
        return None
    for where, what in small:
        if not reading.skip:
            reading.left_out(where, what)
        reading.remarks.add("outline parts without an area are skipped", f"{where}: {what}")
    return shapes


def _runs(segmentation: dict[str, Any], size: tuple[int, int] | None, place: str) -> Runs:
    sides = sequence(member(segmentation, "size", place), f"{place}: 'size'")
    found = image_size(sides[0], sides[1], f"{place}: 'size'") if len(sides) == 2 else None
    if found is None:
        raise ExchangeError(f"{place}: size is {shown(sides)}; expected [height, width]")
    if size is not None and found != size:
        raise ExchangeError(f"{place}: size is {shown(sides)}, but the image is {list(size)} (height, width)")
    counts = member(segmentation, "counts", place)
    try:
        runs = runs_from_text(counts) if isinstance(counts, str) else sequence(counts, f"{place}: 'counts'")
        return Runs(checked_runs(runs, *found), *found)
    except ExchangeError:
        raise
    except ValueError as error:
        raise ExchangeError(f"{place}: {error}") from error


def _written_box(mask: np.ndarray) -> list[int]:
    rows, columns = np.nonzero(mask)
    return [int(side) for side in (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)]


def _run_lengths(mask: np.ndarray, labels: LabelSet) -> Iterator[dict]:
    """One region of run lengths for each class of a mask."""
    for number, name in written_classes(mask, labels):
        part = mask == number
        segmentation = {"size": list(mask.shape), "counts": runs_from_mask(part)}
        yield {"name": name, "area": int(part.sum()), "bbox": _written_box(part), "segmentation": segmentation}


def _polygons(mask: np.ndarray, labels: LabelSet) -> Iterator[dict]:
    """One region for each piece of a class, its holes cut out by seams."""
    for name, polygon in outlines(mask, labels):
        patch = fill([polygon], *mask.shape)
        left, top, width, height = _written_box(patch.mask)
        yield {
            "name": name, "area": int(patch.mask.sum()), "segmentation": [polygon.ravel().tolist()],
            "bbox": [left + patch.left, top + patch.top, width, height],
        }  # fmt: skip


def write(folder: Path, frames: list[tuple[str, np.ndarray]], labels: LabelSet, polygons: bool = False) -> None:
    """Write annotations.json of each (file name, mask): a region of run lengths for each class, or `polygons`.

    Raises OSError.
    """
    # Ids count from 1 elsewhere: class 0, which has regions only where it is no background, comes last.
    numbers = {label.name: label.id for label in labels.labels if label.id} | {IGNORE: labels.ignore_id}
    images, annotations = [], []
    for image_id, (file_name, mask) in enumerate(frames, start=1):
        images.append({"id": image_id, "file_name": file_name, "height": mask.shape[0], "width": mask.shape[1]})
        for region in _polygons(mask, labels) if polygons else _run_lengths(mask, labels):
            category = numbers.setdefault(region.pop("name"), max(numbers.values()) + 1)
            place = {"id": len(annotations) + 1, "image_id": image_id, "category_id": category, "iscrowd": 0}
            annotations.append(place | region)
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    data = {"images": images, "annotations": annotations, "categories": categories}
    write_atomically(folder / FILE, json.dumps(data).encode("utf-8"))
