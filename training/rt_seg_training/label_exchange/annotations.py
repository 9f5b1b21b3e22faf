"""What all formats have in common: named regions of images, painted one over the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from rt_seg.labels import Label, LabelSet, labels_from_dict
from rt_seg_training.label_exchange.outlines import Patch, trace
from rt_seg_training.label_exchange.remarks import Remarks
from rt_seg_training.label_exchange.shapes import Shape

IGNORE = "__ignore__"
"""Name of a region of ignored pixels, as in labelme."""
BACKGROUND_NAMES = ("background", "_background_", "__background__")
MAX_CLASSES = 255
"""Ids 0 … 254, background among them, for 255 means ignored pixels."""


class ExchangeError(ValueError):
    """A file of labels cannot be read or written; the text names file, object and value, and what is accepted."""


@dataclass(frozen=True)
class Reading:
    """How files are read: `boxes` paints the box of an object that has no outline, `skip` leaves out what has no area.

    What is neither asked for is refused. `remarks` takes what is worth saying.
    """

    boxes: bool = False
    skip: bool = False
    remarks: Remarks = field(default_factory=Remarks)

    def left_out(self, place: str, what: str, advice: str = "") -> None:
        """Count a region that cannot be painted, where that is asked for. Raises ExchangeError else."""
        if not self.skip:
            raise ExchangeError(f"{place}: {what}, which covers no area. {advice}--skip skips such regions")
        self.remarks.add("regions without an area are skipped", f"{place}: {what}")


@dataclass(frozen=True)
class Region:
    """The pixels of shapes, all of one class; `place` names it in messages."""

    name: str
    shapes: tuple[Shape, ...]
    place: str = ""

    def patches(self, height: int, width: int) -> list[Patch]:
        """What each shape covers in an image of this size."""
        return [shape.patch(height, width) for shape in self.shapes]


@dataclass(frozen=True)
class Annotated:
    """An image's file name, perhaps with folders before it, and its regions, later ones over earlier ones.

    `size` (height, width) is None where the format does not tell it. Where the format has no order `by_area` puts
    smaller regions over larger ones. `any_suffix`: the name is that of any image with this stem. `other_names` are
    tried when there is no such image. `position` is the number of the frame and of all frames of a video. `split` is
    train, validation or test where the files tell.
    """

    file_name: str
    size: tuple[int, int] | None
    regions: tuple[Region, ...]
    by_area: bool = False
    any_suffix: bool = False
    other_names: tuple[str, ...] = ()
    position: tuple[int, int] | None = None
    split: str | None = None
    place: str = ""


@dataclass(frozen=True)
class LabelFile:
    """The frames of a file or folder, and the names of all classes that it lists, used or not, in their order.

    `every_pixel`: of a kind in which every pixel has a class, so that there is no background unless a class is.
    """

    frames: list[Annotated]
    names: list[str]
    every_pixel: bool = False


def area_of(patches: list[Patch]) -> int:
    """The number of pixels that patches of one image cover together."""
    if len(patches) == 1:
        return int(patches[0].mask.sum())
    bottom = max((patch.top + patch.mask.shape[0] for patch in patches), default=0)
    right = max((patch.left + patch.mask.shape[1] for patch in patches), default=0)
    covered = np.zeros((bottom, right), bool)
    for patch in patches:
        patch.of(covered)[patch.mask] = True
    return int(covered.sum())


def is_background(name: str) -> bool:
    """Whether a class of this name is what is not labelled."""
    return name.lower() in BACKGROUND_NAMES


def names_of(files: Iterable[LabelFile]) -> list[str]:
    """The classes of files: those that they list, then those of regions; background and ignored ones apart."""
    files = list(files)
    names = dict.fromkeys(name for file in files for name in file.names)
    names |= dict.fromkeys(region.name for file in files for frame in file.frames for region in frame.regions)
    return [name for name in names if name != IGNORE and not is_background(name)]


def labels_of(names: list[str], background: bool = True) -> LabelSet:
    """Background, if wanted, and the names, in the colours of VOC (the bits of the id, spread over the channels).

    Raises ExchangeError for more classes than a mask of one byte has ids.
    """
    names = [*(["background"] if background else []), *names]
    if len(names) > MAX_CLASSES:
        raise ExchangeError(
            f"{len(names)} classes with background; a mask has ids for {MAX_CLASSES}, and 255 means ignored. "
            "Merge classes, or list the wanted ones in a labels file (--labels)"
        )
    labels = []
    for number, name in enumerate(names):
        color = [0, 0, 0]
        for bit in range(8):
            color[bit % 3] |= (number + (not background) >> bit & 1) << (7 - bit // 3)
        labels.append(Label(number, name, (color[0], color[1], color[2])))
    return labels_from_dict(LabelSet(tuple(labels)).to_dict(), "the classes found")


def class_ids(labels: LabelSet) -> dict[str, int]:
    """Name → id of a label set, ignored pixels included."""
    return {label.name: label.id for label in labels.labels} | {IGNORE: labels.ignore_id}


def check_names(frame: Annotated, labels: LabelSet) -> None:
    """Raise ExchangeError for a region whose class is not among the labels."""
    ids = class_ids(labels)
    for region in frame.regions:
        if region.name not in ids and not is_background(region.name):
            shown = [*labels.names[:20], *(["…"] if len(labels) > 20 else []), IGNORE]
            raise ExchangeError(
                f"{region.place or frame.file_name}: the label {region.name!r} is not in the labels file; accepted "
                f"are {', '.join(shown)}"
            )


def paint(
    frame: Annotated, labels: LabelSet, size: tuple[int, int] | None = None, remarks: Remarks | None = None
) -> np.ndarray:
    """(H, W) uint8 class ids of a frame; where no region is, class 0, or ignored where class 0 is no background.

    `size` is (H, W) where the frame does not tell. Raises ExchangeError for an unknown name.
    """
    check_names(frame, labels)
    remarks = remarks if remarks is not None else Remarks()
    height, width = size or frame.size or (0, 0)
    ids = class_ids(labels)
    unlabelled = 0 if is_background(labels.names[0]) else labels.ignore_id
    background = next((label.id for label in labels.labels if is_background(label.name)), None)
    mask = np.full((height, width), unlabelled, np.uint8)
    painted = []
    for region in frame.regions:
        patches = region.patches(height, width)
        if any(shape.reaches_outside(height, width) for shape in region.shapes):
            remarks.add("regions extend beyond their image and are clipped", region.place)
        area = area_of(patches)
        if not area:
            remarks.add("regions cover no pixel centre of their image", region.place)
        if region.name not in ids and background is None:
            remarks.add("regions are background, which is no class here: their pixels are ignored", region.place)
        painted.append((area, ids.get(region.name, unlabelled if background is None else background), patches))
    if frame.by_area:
        painted.sort(key=lambda entry: -entry[0])
    for _, number, patches in painted:
        for patch in patches:
            patch.of(mask)[patch.mask] = number
    if unlabelled and (mask == unlabelled).any():
        remarks.add(
            f"images have pixels without a region: ignored, because class 0, {labels.names[0]!r}, is not background",
            frame.file_name,
        )
    return mask


def outlines(mask: np.ndarray, labels: LabelSet) -> list[tuple[str, np.ndarray]]:
    """Class name and polygon, (N, 2) float64 corners (x, y), of each 4-connected piece of a class.

    Together they cover exactly `mask`, (H, W) uint8 class ids. They do not overlap, so their order says
    nothing. Background has none.
    """
    return [
        (name, polygon.astype(np.float64))
        for number, name in written_classes(mask, labels)
        for polygon in trace(mask == number)
    ]


def written_classes(mask: np.ndarray, labels: LabelSet) -> list[tuple[int, str]]:
    """Ids and names of the classes of a mask that are regions in a file: all but background."""
    names = {label.id: label.name for label in labels.labels} | {labels.ignore_id: IGNORE}
    numbers = (int(number) for number in np.unique(mask))
    return [(number, names[number]) for number in numbers if number or not is_background(names[0])]
