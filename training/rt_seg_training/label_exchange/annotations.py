"""What all formats have in common: named regions of pictures, painted one over the other."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rt_seg.labels import Label, LabelSet
from rt_seg_training.label_exchange.outlines import fill, trace

IGNORE = "__ignore__"
"""Name of a region of ignored pixels, as in labelme."""
BACKGROUND_NAMES = ("background", "_background_", "__background__")


class ExchangeError(ValueError):
    """A file of labels cannot be read or written; the text names the file and what is accepted."""


@dataclass(frozen=True)
class Region:
    """A named region, as a polygon or as pixels; `polygons` are (N, 2) float64 corners (x, y), `mask` (H, W) bool."""

    name: str
    polygons: tuple[np.ndarray, ...] = ()
    mask: np.ndarray | None = None


@dataclass(frozen=True)
class Annotated:
    """A picture's file name, its size and its regions, later ones over earlier ones."""

    file_name: str
    height: int
    width: int
    regions: tuple[Region, ...]


def names_of(frames: list[Annotated]) -> list[str]:
    """The names of all regions, in order of appearance, background and ignored ones apart."""
    names = dict.fromkeys(region.name for frame in frames for region in frame.regions)
    return [name for name in names if name != IGNORE and name.lower() not in BACKGROUND_NAMES]


def labels_of(names: list[str]) -> LabelSet:
    """Background and the names, in the colours of VOC (the bits of the id, spread over the channels)."""
    labels = [Label(0, "background", (0, 0, 0))]
    for number, name in enumerate(names, start=1):
        color = [0, 0, 0]
        for bit in range(8):
            color[bit % 3] |= (number >> bit & 1) << (7 - bit // 3)
        labels.append(Label(number, name, (color[0], color[1], color[2])))
    return LabelSet(tuple(labels))


def paint(frame: Annotated, labels: LabelSet) -> np.ndarray:
    """(H, W) uint8 class ids of a frame; where no region is, class 0. Raises ExchangeError for an unknown name."""
    ids = {label.name: label.id for label in labels.labels} | {IGNORE: labels.ignore_id}
    mask = np.zeros((frame.height, frame.width), np.uint8)
    for region in frame.regions:
        number = ids.get(region.name, 0 if region.name.lower() in BACKGROUND_NAMES else None)
        if number is None:
            raise ExchangeError(
                f"{frame.file_name}: the label {region.name!r} is not in the labels file; accepted are "
                f"{', '.join(labels.names)} and {IGNORE}"
            )
        if region.mask is not None:
            mask[region.mask] = number
        for polygon in region.polygons:
            patch = fill([polygon], frame.height, frame.width)
            patch.of(mask)[patch.mask] = number
    return mask


def outlines(mask: np.ndarray, labels: LabelSet) -> tuple[Region, ...]:
    """Polygons, one for each 4-connected piece of a class, that cover exactly `mask`, (H, W) uint8 class ids."""
    names = {label.id: label.name for label in labels.labels} | {labels.ignore_id: IGNORE}
    numbers = [int(number) for number in np.unique(mask) if number]
    return tuple(
        Region(names[number], (polygon.astype(np.float64),)) for number in numbers for polygon in trace(mask == number)
    )
