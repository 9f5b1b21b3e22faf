"""One frame of a custom data set with its labels and, where there is one, its depth; and how it is written."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml

from rt_seg.atomic_file import write_atomically
from rt_seg.labels import LabelSet
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.images import read_image, read_mask
from rt_seg_training.datasets.pairing import Pair
from rt_seg_training.datasets.source import Source, check_pair

JPEG_QUALITY = 95


@dataclass(frozen=True)
class LabelledFrame:
    """`color` (H, W, 3) uint8 RGB, `mask` (H, W) uint8 class ids, `depth` (H, W) uint16 mm (0 = unknown) or None."""

    color: np.ndarray
    mask: np.ndarray
    depth: np.ndarray | None = None


def read_depth(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W) uint16 millimetres of a depth image. Raises DatasetError if it is of another kind, or not of `shape`."""
    depth = read_mask(path)
    if depth.dtype.itemsize < 2:
        raise DatasetError(f"{path}: has 8 bits a pixel; depth is a grey PNG of 16 bits, in millimetres (0 = unknown)")
    if depth.min(initial=0) < 0 or depth.max(initial=0) > 65535:
        raise DatasetError(f"{path}: holds {depth.max()}; depth is in millimetres, 0..65535")
    if depth.shape != tuple(shape[:2]):
        raise DatasetError(
            f"{path}: is {depth.shape[1]}x{depth.shape[0]}, but its image is {shape[1]}x{shape[0]} (width x height). "
            "Depth must be aligned to colour."
        )
    return depth.astype(np.uint16)


def read_frame(source: Source, pair: Pair) -> LabelledFrame:
    """The frame of a pair; its depth is `depth/<name>.png` beside `rgb/`, if it is there. Raises DatasetError."""
    check_pair(pair, source)
    color = read_image(pair.image)
    path = pair.image.parent.parent / "depth" / f"{pair.name}.png"
    depth = read_depth(path, color.shape) if path.is_file() else None
    return LabelledFrame(color, source.read_label(pair).astype(np.uint8), depth)


def encode(suffix: str, image: np.ndarray) -> bytes:
    """The bytes of an image file: RGB (H, W, 3) uint8, or grey (H, W) uint8 or uint16; `suffix` is .png or .jpg."""
    pixels = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix == ".jpg" else []
    return cv2.imencode(suffix, pixels, options)[1].tobytes()


def write_frame(folder: Path, name: str, frame: LabelledFrame) -> None:
    """Write depth/, gt/ and, last, rgb/ of a frame: with its colour image the frame is complete. Raises OSError."""
    if frame.depth is not None:
        write_atomically(folder / "depth" / f"{name}.png", encode(".png", frame.depth))
    write_atomically(folder / "gt" / f"{name}.png", encode(".png", frame.mask))
    write_atomically(folder / "rgb" / f"{name}.jpg", encode(".jpg", frame.color))


def write_labels(folder: Path, labels: LabelSet) -> None:
    """Write labels.yaml of a data set. Raises OSError."""
    write_yaml(folder / "labels.yaml", labels.to_dict())


def write_yaml(path: Path, data: object) -> None:
    """Write a YAML file in the order of its keys. Raises OSError."""
    write_atomically(path, yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=120).encode("utf-8"))
