"""An endless stream of random crops of the images in folders, which need no labels."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, Sequence

import cv2
import numpy as np

from rt_seg.labelled_folder import IMAGE_SUFFIXES
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.images import read_image

ENLARGED = (1.0, 2.0)
"""Shorter side of the scaled image, in sides of the crop: a crop shows a quarter of a square image or more."""
GAIN, TINT, OFFSET = (0.7, 1.3), (0.9, 1.1), (-20.0, 20.0)
"""Random lighting: factor of all channels, factor of each channel, and offset; of values 0..255."""


def find_images(folders: Sequence[Path]) -> list[Path]:
    """The image files in and below the folders, sorted. Raises DatasetError for a folder without any."""
    found = []
    for folder in folders:
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
        if not files:
            raise DatasetError(f"{folder}: holds no image ({', '.join(IMAGE_SUFFIXES)}); name a folder of images")
        found += files
    return found


def random_crop(image: np.ndarray, side: int, random: np.random.Generator) -> np.ndarray:
    """A random square (side, side, 3) of `image` (H, W, 3), both uint8; scale, light and mirroring are random too."""
    height, width = image.shape[:2]
    scale = max(side * random.uniform(*ENLARGED), side) / min(height, width)
    size = max(round(width * scale), side), max(round(height * scale), side)
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    top, left = random.integers(size[1] - side + 1), random.integers(size[0] - side + 1)
    crop = image[top : top + side, left : left + side]
    if random.random() < 0.5:
        crop = crop[:, ::-1]
    varied = crop * (random.uniform(*GAIN) * random.uniform(*TINT, 3)) + random.uniform(*OFFSET)
    return np.clip(varied, 0, 255).astype(np.uint8)


def crops(files: Sequence[Path], side: int, seed: int) -> Iterator[np.ndarray]:
    """Crops (side, side, 3) uint8 of all files in a new order each time round. Raises DatasetError."""
    random = np.random.default_rng(seed)
    while True:
        for index in random.permutation(len(files)):
            yield random_crop(read_image(files[index]), side, random)
