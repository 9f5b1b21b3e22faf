"""Regions of labelled images: what somebody might want to have with a few clicks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

SMALLEST, LARGEST = 0.002, 0.6
"""Shares of the image: nobody labels less by clicks, and more is the background."""
CONTEXT = 1.2
"""Least side of a crop, of the region's side."""


@dataclass(frozen=True)
class Region:
    """A connected region of one class: `mask` (H, W) bool; `ignored` (H, W) bool, pixels of which nothing is known."""

    mask: np.ndarray
    ignored: np.ndarray
    class_id: int


def regions_of(label: np.ndarray, ignore_id: int) -> list[Region]:
    """The connected regions of the classes in `label`, (H, W) uint8, that are neither too small nor too large."""
    ignored = label == ignore_id
    found = []
    for class_id in np.unique(label):
        if class_id == ignore_id:
            continue
        of_class = (label == class_id).astype(np.uint8)
        count, numbers, statistics, _ = cv2.connectedComponentsWithStats(of_class, connectivity=4)
        for number in range(1, count):
            if SMALLEST * label.size <= statistics[number, cv2.CC_STAT_AREA] <= LARGEST * label.size:
                found.append(Region(numbers == number, ignored, int(class_id)))
    return found


@dataclass(frozen=True)
class Crop:
    """A region cut out for the network: image (h, w, 3) uint8 RGB, truth and ignored (h, w) bool."""

    image: np.ndarray
    truth: np.ndarray
    ignored: np.ndarray


def cut_out(
    image: np.ndarray, region: Region, size: tuple[int, int], random: np.random.Generator, tries: int = 10
) -> Crop | None:
    """A crop of random place, scale and reflection that shows the region, resized to `size` (height, width).

    From the whole image, where the first click is looked at, to the region's close surroundings, where later ones are.
    None where too little of the region is in view.
    """
    height, width = region.mask.shape
    x, y, box_width, box_height = cv2.boundingRect(region.mask.astype(np.uint8))
    # Side of the largest crop, of the aspect of the network, as heights.
    largest = min(height, width * size[0] / size[1])
    least = min(max(CONTEXT * box_height, CONTEXT * box_width * size[0] / size[1], 0.08 * largest), largest)
    for _ in range(tries):
        crop_height = least if random.random() < 0.4 else float(np.exp(random.uniform(np.log(least), np.log(largest))))
        crop_height = min(crop_height * random.uniform(1.0, 1.3), largest)
        crop_width = crop_height * size[1] / size[0]
        rows, columns = max(round(crop_height), 8), max(round(crop_width), 8)
        rows, columns = min(rows, height), min(columns, width)
        # Where the region's box is in view; anywhere if it is larger than the crop.
        low_y, high_y = sorted((y + box_height - rows, y))
        low_x, high_x = sorted((x + box_width - columns, x))
        top = int(np.clip(random.integers(low_y, high_y + 1), 0, height - rows))
        left = int(np.clip(random.integers(low_x, high_x + 1), 0, width - columns))
        part = slice(top, top + rows), slice(left, left + columns)
        if region.mask[part].sum() < 0.5 * min(region.mask.sum(), 0.5 * rows * columns):
            continue
        shrinking = cv2.INTER_AREA if rows > size[0] else cv2.INTER_LINEAR
        to_size = size[::-1]
        crop = Crop(
            cv2.resize(np.ascontiguousarray(image[part]), to_size, interpolation=shrinking),
            cv2.resize(region.mask[part].astype(np.uint8), to_size, interpolation=cv2.INTER_NEAREST) > 0,
            cv2.resize(region.ignored[part].astype(np.uint8), to_size, interpolation=cv2.INTER_NEAREST) > 0,
        )
        if not crop.truth.any():
            continue
        if random.random() < 0.5:
            crop = Crop(*(np.ascontiguousarray(array[:, ::-1]) for array in (crop.image, crop.truth, crop.ignored)))
        return crop
    return None
