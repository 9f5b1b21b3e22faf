"""labelme: one JSON file per picture, with polygons in the order in which they lie over each other."""
from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from rt_seg.atomic_file import write_atomically
from rt_seg.labels import LabelSet
from rt_seg_training.label_exchange.annotations import Annotated, ExchangeError, Region, outlines

SHAPES = ("polygon", "rectangle", "circle", "mask")


def _region(shape: dict, path: Path, height: int, width: int) -> Region:
    kind = shape.get("shape_type", "polygon")
    if kind not in SHAPES:
        raise ExchangeError(f"{path}: a shape of type {kind!r}; accepted are {', '.join(SHAPES)}")
    points = np.array(shape["points"], np.float64).reshape(-1, 2)
    if kind == "rectangle":
        (left, top), (right, bottom) = points
        points = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    if kind == "circle":
        center, rim = points
        angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
        points = center + np.hypot(*(rim - center)) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if kind == "mask":
        # A PNG of the box between the two points, the last row and column included.
        part = np.asarray(Image.open(io.BytesIO(base64.b64decode(shape["mask"]))))
        left, top = (int(value) for value in points.min(axis=0))
        mask = np.zeros((height, width), bool)
        mask[top : top + part.shape[0], left : left + part.shape[1]] = part > 0
        return Region(shape["label"], mask=mask)
    return Region(shape["label"], (points,))


def read(path: Path) -> list[Annotated]:
    """The frames of a folder of labelme JSON files. Raises ExchangeError."""
    files = sorted(path.glob("*.json")) if path.is_dir() else []
    if not files:
        raise ExchangeError(f"{path}: must be a folder with a .json file of labelme for each picture")
    frames = []
    for file in files:
        try:
            data = json.loads(file.read_bytes())
            height, width = int(data["imageHeight"]), int(data["imageWidth"])
            regions = tuple(_region(shape, file, height, width) for shape in data["shapes"])
            name = data["imagePath"].replace("\\", "/").rsplit("/", 1)[-1]
            frames.append(Annotated(name, height, width, regions))
        except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, ExchangeError):
                raise
            raise ExchangeError(f"{file}: is not a file of labelme ({type(error).__name__}: {error})") from error
    return frames


def write(folder: Path, frames: list[tuple[str, np.ndarray]], labels: LabelSet) -> None:
    """Write a JSON file for each (file name, mask). Raises OSError."""
    for file_name, mask in frames:
        shapes = [
            {
                "label": region.name, "points": region.polygons[0].tolist(), "group_id": None,
                "shape_type": "polygon", "flags": {},
            }
            for region in outlines(mask, labels)
        ]  # fmt: skip
        data = {
            "version": "5.0.0", "flags": {}, "shapes": shapes, "imagePath": file_name, "imageData": None,
            "imageHeight": mask.shape[0], "imageWidth": mask.shape[1],
        }  # fmt: skip
        write_atomically(folder / f"{Path(file_name).stem}.json", json.dumps(data).encode("utf-8"))
