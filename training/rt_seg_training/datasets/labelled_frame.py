"""One frame of a custom data set with its labels and, where there is one, its depth; and how it is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml

from rt_seg.atomic_file import write_atomically
from rt_seg.labelled_folder import LabelledFolder
from rt_seg.labels import LabelSet
from rt_seg_training.datasets.pairing import Pair
from rt_seg_training.datasets.source import Source, read_pair

JPEG_QUALITY = 95


@dataclass(frozen=True)
class LabelledFrame:
    """`color` (H, W, 3) uint8 RGB, `mask` (H, W) uint8 class ids, `depth` (H, W) uint16 mm (0 = unknown) or None."""

    color: np.ndarray
    mask: np.ndarray
    depth: np.ndarray | None = None


def read_frame(source: Source, pair: Pair) -> LabelledFrame:
    """The frame of a pair. Raises DatasetError."""
    return LabelledFrame(*read_pair(pair, source))


def encode(suffix: str, image: np.ndarray) -> bytes:
    """The bytes of an image file: RGB (H, W, 3) uint8, or grey (H, W) uint8 or uint16; `suffix` is .png or .jpg."""
    pixels = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix == ".jpg" else []
    return cv2.imencode(suffix, pixels, options)[1].tobytes()


def write_frame(folder: Path, name: str, frame: LabelledFrame) -> None:
    """Write depth/, gt/ and, last, rgb/ of a frame: with its colour image the frame is complete. Raises OSError."""
    files = LabelledFolder(folder)
    if frame.depth is not None:
        write_atomically(files.depth(name), encode(".png", frame.depth))
    write_atomically(files.mask(name), encode(".png", frame.mask))
    write_atomically(files.image(name, ".jpg"), encode(".jpg", frame.color))


def write_labels(folder: Path, labels: LabelSet) -> None:
    """Write labels.yaml of a data set. Raises OSError."""
    write_yaml(LabelledFolder(folder).labels, labels.to_dict())


def write_yaml(path: Path, data: object) -> None:
    """Write a YAML file in the order of its keys. Raises OSError."""
    write_atomically(path, yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=120).encode("utf-8"))
