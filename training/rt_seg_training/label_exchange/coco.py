"""COCO: one JSON file for all pictures; regions as polygons, or as run lengths down the columns, plain or as text."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.labels import LabelSet
from rt_seg_training.label_exchange.annotations import IGNORE, Annotated, ExchangeError, Region, outlines
from rt_seg_training.label_exchange.outlines import filled

FILE = "annotations.json"


def runs_from_text(text: str) -> list[int]:
    """Run lengths of COCO's compressed text (maskApi.c, rleFrString).

    Five bits a character, the sixth says that another follows; from the fourth run on it is the difference to the run
    before the last.
    """
    runs: list[int] = []
    position = 0
    while position < len(text):
        value, shift, more = 0, 0, True
        while more:
            bits = ord(text[position]) - 48
            value |= (bits & 0x1F) << (5 * shift)
            more = bool(bits & 0x20)
            position += 1
            shift += 1
            if not more and bits & 0x10:
                value |= -1 << (5 * shift)
        runs.append(value + runs[-2] if len(runs) > 2 else value)
    return runs


def mask_from_runs(runs: list[int], height: int, width: int) -> np.ndarray:
    """(H, W) bool of run lengths down the columns, the first one of zeros. Raises ValueError if they do not fit."""
    if sum(runs) != height * width:
        raise ValueError(f"run lengths for {sum(runs)} pixels, but the picture has {height * width}")
    values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return values.reshape(width, height).T


def runs_from_mask(mask: np.ndarray) -> list[int]:
    """Run lengths of a (H, W) bool mask down the columns, the first one of zeros."""
    flat = mask.T.ravel()
    borders = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], borders, [flat.size]])).tolist()
    return [0, *runs] if flat[0] else runs


def _region(name: str, segmentation: Any, height: int, width: int) -> Region:
    if isinstance(segmentation, dict):
        counts = segmentation["counts"]
        runs = runs_from_text(counts) if isinstance(counts, str) else counts
        return Region(name, mask=mask_from_runs(runs, height, width))
    return Region(name, tuple(np.array(part, np.float64).reshape(-1, 2) for part in segmentation))


def read(path: Path) -> list[Annotated]:
    """The frames of a COCO file, or of the one in a folder; larger regions lie below. Raises ExchangeError."""
    file = path
    if path.is_dir():
        # CVAT: annotations/instances_default.json
        found_files = sorted(path.glob("*.json")) or sorted(path.glob("annotations/*.json"))
        if len(found_files) != 1:
            raise ExchangeError(f"{path}: must hold one .json file of COCO, and has {len(found_files)}; name the file")
        file = found_files[0]
    try:
        data = json.loads(file.read_bytes())
        names = {category["id"]: category["name"] for category in data["categories"]}
        found: dict[int, list[dict]] = {image["id"]: [] for image in data["images"]}
        for annotation in data["annotations"]:
            found[annotation["image_id"]].append(annotation)
        frames = []
        for image in data["images"]:
            height, width = int(image["height"]), int(image["width"])
            ordered = sorted(found[image["id"]], key=lambda annotation: -annotation.get("area", 0))
            regions = tuple(
                _region(names[annotation["category_id"]], annotation["segmentation"], height, width)
                for annotation in ordered
            )
            frames.append(Annotated(image["file_name"].rsplit("/", 1)[-1], height, width, regions))
        return frames
    except (OSError, KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise ExchangeError(f"{file}: is not a COCO file ({type(error).__name__}: {error})") from error


def _box(mask: np.ndarray) -> list[int]:
    rows, columns = np.nonzero(mask)
    return [int(side) for side in (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)]


def _run_lengths(mask: np.ndarray, labels: LabelSet) -> Iterator[dict]:
    """One region of run lengths for each class of a mask."""
    names = {label.id: label.name for label in labels.labels} | {labels.ignore_id: IGNORE}
    for number in (int(number) for number in np.unique(mask) if number):
        part = mask == number
        segmentation = {"size": list(mask.shape), "counts": runs_from_mask(part)}
        yield {"name": names[number], "area": int(part.sum()), "bbox": _box(part), "segmentation": segmentation}


def _polygons(mask: np.ndarray, labels: LabelSet) -> Iterator[dict]:
    """The outlines of a mask."""
    for region in outlines(mask, labels):
        (outline,) = region.polygons
        covered = filled([outline], *mask.shape)
        segmentation = [outline.ravel().tolist()]
        yield {"name": region.name, "area": int(covered.sum()), "bbox": _box(covered), "segmentation": segmentation}


def write(folder: Path, frames: list[tuple[str, np.ndarray]], labels: LabelSet, polygons: bool = False) -> None:
    """Write annotations.json of each (file name, mask): run lengths, which any mask has, or `polygons`.

    COCO has no polygons with holes: what shows through one is a polygon of its own, over it, of the background where
    that shows. Raises OSError.
    """
    numbers = {label.name: label.id for label in labels.labels if label.id} | {IGNORE: labels.ignore_id}
    images, annotations = [], []
    for image_id, (file_name, mask) in enumerate(frames, start=1):
        images.append({"id": image_id, "file_name": file_name, "height": mask.shape[0], "width": mask.shape[1]})
        for region in _polygons(mask, labels) if polygons else _run_lengths(mask, labels):
            # Ids count from 1 elsewhere: the background, which only holes need, comes last.
            category = numbers.setdefault(region.pop("name"), max(numbers.values()) + 1)
            place = {"id": len(annotations) + 1, "image_id": image_id, "category_id": category, "iscrowd": 0}
            annotations.append(place | region)
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    data = {"images": images, "annotations": annotations, "categories": categories}
    write_atomically(folder / FILE, json.dumps(data).encode("utf-8"))
