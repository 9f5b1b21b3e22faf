"""Look for what corrupts a labelled data set, all of it at once, before it is built or trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rt_seg.labels import LabelSet
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.pairing import Pair
from rt_seg_training.datasets.palettes import other_classes
from rt_seg_training.datasets.source import Source, read_pair

ERROR, WARNING = "error", "warning"

THUMBNAIL = (32, 24)
"""Pixels, width × height, at which images are compared in grey."""
NEAR = 3.0
"""Mean difference, in levels of 255, below which two images are near-duplicates: the sensor's noise is averaged out."""
MUCH_VOID = 0.5
"""Share of pixels to ignore above which a split is worth a look."""
FEW_FRAMES = (3, 0.02)
"""A class that fewer frames show, as a number and as a share of a split of at least 20, is learnt from chance."""
RARE = 1e-4
"""Share of the labelled pixels below which a class is too rare to be learnt or measured well."""
DEPTH_RANGE = (100, 20000)
"""Millimetres between which the middle reading of a camera indoors or on a street lies."""


@dataclass(frozen=True)
class Finding:
    """A problem (`error`: the set cannot be built, or `warning`) and the images it concerns."""

    level: str
    text: str
    images: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Inspection:
    """What linting keeps of one pair; of one that is not usable only the `error`.

    `pixels` are those per label value, (256,) int64; `size` is (height, width); `thumbnail` is flat uint8 grey;
    `readings` are the pixels with depth, `middle` their median in millimetres, both None for a pair without depth.
    `palette` has (id, class) where the mask's palette gives an id the colour of another class.
    """

    error: str | None = None
    pixels: Any = None
    size: tuple[int, int] = (0, 0)
    thumbnail: Any = None
    readings: int | None = None
    middle: float | None = None
    palette: tuple[tuple[int, int], ...] = ()


@dataclass
class Report:
    """The findings, and by split: pixels per label value, (256,) int64; frames that have the value, (256,) int64;
    frames; frames with depth, their pixels, and those of them with a reading."""

    labels: LabelSet
    pixels: dict[str, Any] = field(default_factory=dict)
    frames_with: dict[str, Any] = field(default_factory=dict)
    frames: dict[str, int] = field(default_factory=dict)
    depth_frames: dict[str, int] = field(default_factory=dict)
    depth_pixels: dict[str, int] = field(default_factory=dict)
    readings: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def has_depth(self) -> bool:
        """Whether any frame has depth."""
        return any(self.depth_frames.values())

    @property
    def errors(self) -> list[Finding]:
        """The findings with which the set cannot be built."""
        return [finding for finding in self.findings if finding.level == ERROR]


def inspect(pair: Pair, source: Source) -> Inspection:
    """Decode a pair and keep of it what linting needs."""
    import cv2

    try:
        image, mask, depth = read_pair(pair, source)
    except DatasetError as error:
        return Inspection(error=str(error))
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), THUMBNAIL, interpolation=cv2.INTER_AREA)
    readings = middle = None
    if depth is not None:
        known = depth[depth > 0]
        readings, middle = len(known), float(np.median(known)) if len(known) else None
    pixels = np.bincount(mask.ravel(), minlength=256).astype(np.int64)
    # Where the layout says what each value means, a palette says nothing.
    meant = source.class_of_value is None and source.foreground is None
    palette = other_classes(pair.mask, np.flatnonzero(pixels).tolist(), source.labels) if meant else ()
    return Inspection(None, pixels, (image.shape[0], image.shape[1]), grey.ravel(), readings, middle, palette)


def inspections(source: Source) -> Iterator[Inspection]:
    """Those of all pairs, split by split, with a progress bar."""
    from rt_seg.progress import progress

    pairs = [pair for members in source.splits.values() for pair in members]
    for pair in progress(pairs, desc="checking", unit="pair", leave=False):
        yield inspect(pair, source)


def lint(source: Source, inspected: Iterable[Inspection] | None = None) -> Report:
    """Report what is wrong or doubtful about a source.

    `inspected`: the inspections of its pairs, in their order, if they are made elsewhere; else they are made here.
    """
    splits = source.splits
    report = Report(
        source.labels,
        {split: np.zeros(256, np.int64) for split in splits},
        {split: np.zeros(256, np.int64) for split in splits},
        {split: len(pairs) for split, pairs in splits.items()},
        {split: 0 for split in splits},
        {split: 0 for split in splits},
        {split: 0 for split in splits},
    )
    thumbnails: dict[str, list[tuple[Pair, np.ndarray]]] = {split: [] for split in splits}
    sizes: Counter[tuple[int, int]] = Counter()
    middles: list[float] = []
    only_first_class = 0
    palettes: dict[tuple[int, int], Pair] = {}
    members = ((split, pair) for split, pairs in splits.items() for pair in pairs)
    for (split, pair), found in zip(members, inspections(source) if inspected is None else inspected):
        if found.error is not None:
            report.findings.append(Finding(ERROR, found.error))
            continue
        report.pixels[split] += found.pixels
        report.frames_with[split] += found.pixels > 0
        present = np.flatnonzero(found.pixels).tolist()
        only_first_class += present == [0]
        if present == [source.labels.ignore_id]:
            report.findings.append(Finding(WARNING, f"{pair.mask}: no labelled pixels", (pair.image,)))
        sizes[found.size] += 1
        for conflict in found.palette:
            palettes.setdefault(conflict, pair)
        thumbnails[split].append((pair, found.thumbnail))
        if found.readings is not None:
            report.depth_frames[split] += 1
            report.depth_pixels[split] += found.size[0] * found.size[1]
            report.readings[split] += found.readings
            if found.middle is None:
                report.findings.append(Finding(WARNING, f"{pair.depth}: no valid depth reading", (pair.image,)))
            else:
                middles.append(found.middle)
    if len(sizes) > 1:
        shown = ", ".join(f"{width}x{height} ({count})" for (height, width), count in sizes.most_common(6))
        report.findings.append(Finding(WARNING, f"images have {len(sizes)} sizes: {shown}; all are resized to one"))
    report.findings += [Finding(WARNING, note) for note in source.notes]
    report.findings += _palette_findings(report.labels, palettes)
    report.findings += _class_findings(report, only_first_class)
    report.findings += _depth_findings(report, middles)
    report.findings += _duplicates(thumbnails)
    report.findings.sort(key=lambda finding: finding.level != ERROR)
    return report


def check_source(source: Source, inspected: Iterable[Inspection] | None = None) -> Report:
    """The report of `lint` on a source without errors. Raises DatasetError with the first of them."""
    report = lint(source, inspected)
    if report.errors:
        more = f" (and {len(report.errors) - 1} more errors: lint_dataset shows them)" if report.errors[1:] else ""
        raise DatasetError(report.errors[0].text + more)
    return report


def _palette_findings(labels: LabelSet, palettes: dict[tuple[int, int], Pair]) -> Iterator[Finding]:
    """One id in the colour of another class may be chance; two are another order of the classes."""
    if not palettes:
        return
    names = labels.names
    shown = ", ".join(
        f"{number} ({names[number]}) in the colour of {names[other]}" for number, other in sorted(palettes)[:4]
    )
    pair = next(iter(palettes.values()))
    yield Finding(
        ERROR if len({number for number, _ in palettes}) > 1 else WARNING,
        f"{pair.mask}: its palette shows {shown}, but masks are read by id, not by colour. If the colours are "
        "right, the class order differs from labels.yaml: write its ids; otherwise save the masks as greyscale",
        (pair.image,),
    )


def _class_findings(report: Report, only_first_class: int) -> Iterator[Finding]:
    labels, frames = report.labels, sum(report.frames.values())
    total: Any = sum(report.pixels.values())
    absent = {label.name for label in labels.labels if not total[label.id]}
    present = [label.name for label in labels.labels if label.name not in absent]
    if not total.any():
        return
    if not present:
        yield Finding(ERROR, f"no pixel of any class: all {frames} masks hold only {labels.ignore_id} (ignore)")
        return
    ignored = int(total[labels.ignore_id])
    share, ignore = f"{ignored / total.sum():.1%} of the pixels", f"{labels.ignore_id}, which means ignore"
    names = ", ".join(name for name in labels.names if name in absent)
    if absent and len(present) == 1:
        text = f"no pixel of {names}: the {frames} masks hold only {present[0]}"
        if ignored and len(labels) == 2:
            text += (
                f" and, on {share}, {ignore}: neither trained nor scored. If that is {names}, set --foreground "
                f"{labels.ignore_id}"
            )
        else:
            text += f" and, on {share}, {ignore}" if ignored else ""
            text += ", so there is nothing to train on. Are these the right files, and are the objects labelled?"
        yield Finding(ERROR, text)
        return
    if absent:
        hint = f". On {share} the masks hold {ignore}: is that intended?" if ignored else ""
        yield Finding(WARNING, f"no pixel of {names} in the whole data set: cannot be trained or scored{hint}")
    if only_first_class:
        text = (
            f"{only_first_class} of {frames} masks hold only class 0 ({labels.names[0]}): are these intentionally "
            "empty images, or were they not labelled?"
        )
        yield Finding(WARNING, text)
    for split, pixels in report.pixels.items():
        total, labelled = pixels.sum(), pixels[: len(labels)].sum()
        if total and pixels[labels.ignore_id] > MUCH_VOID * total:
            yield Finding(WARNING, f"{split}: {pixels[labels.ignore_id] / total:.0%} of the pixels are ignored")
        here = [label.name for label in labels.labels if not pixels[label.id] and label.name not in absent]
        if total and here:
            yield Finding(WARNING, f"{split}: no pixel of {', '.join(here)}: cannot be trained or scored there")
        seen = report.frames_with[split]
        most = max(FEW_FRAMES[0], FEW_FRAMES[1] * report.frames[split])
        few = [f"{lb.name} ({seen[lb.id]})" for lb in labels.labels if 0 < seen[lb.id] < most]
        if report.frames[split] >= 20 and few:
            text = f"{split}: only few of {report.frames[split]} frames have {', '.join(few)}: label more of them"
            yield Finding(WARNING, text)
        rare = [label.name for label in labels.labels if 0 < pixels[label.id] < RARE * labelled]
        if rare:
            yield Finding(WARNING, f"{split}: less than {RARE:.2%} of the pixels are {', '.join(rare)}")
    if "validation" not in report.pixels and any(split.startswith("train") for split in report.pixels):
        yield Finding(
            WARNING,
            "no validation split: all images belong to one block of numbers, or splits.yaml lists none. "
            "List the splits in splits.yaml to have one",
        )


def _depth_findings(report: Report, middles: list[float]) -> Iterator[Finding]:
    frames, with_depth = sum(report.frames.values()), sum(report.depth_frames.values())
    if with_depth and with_depth < frames:
        text = f"{frames - with_depth} of {frames} images have no depth; they are treated as having no valid reading"
        yield Finding(WARNING, text)
    low, high = DEPTH_RANGE
    if middles and not low <= np.median(middles) <= high:
        yield Finding(WARNING, f"median depth is {np.median(middles):.0f} mm: are the files in millimetres?")


def nearest(images: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of `images`, (n, d) uint8, the index of the most similar of `others`, (m, d) uint8, and the mean
    absolute difference of the two, float64 (n,)."""
    import cv2

    matches = cv2.BFMatcher(cv2.NORM_L1).match(images, others)
    indices = np.array([match.trainIdx for match in matches], np.int64)
    return indices, np.array([match.distance for match in matches]) / images.shape[1]


def _duplicates(thumbnails: dict[str, list[tuple[Pair, np.ndarray]]]) -> Iterator[Finding]:
    """Images that another split has too, or nearly so."""
    # Some sets train on several splits, such as train_val_drive and train_other_drives of CamVid.
    seen = [(split, *member) for split, pairs in thumbnails.items() if split.startswith("train") for member in pairs]
    for split, members in thumbnails.items():
        if split.startswith("train") or not members:
            continue
        if seen:
            others = np.stack([thumbnail for _, _, thumbnail in seen])
            indices, differences = nearest(np.stack([thumbnail for _, thumbnail in members]), others)
            for (pair, _), index, difference in zip(members, indices, differences):
                if difference < NEAR:
                    other, twin, _ = seen[index]
                    text = (
                        f"{split} image {pair.name} is a near-duplicate of {other} image {twin.name}, mean difference "
                        f"{difference:.1f} of 255"
                    )
                    yield Finding(WARNING, f"{text}: the score will be too high", (pair.image, twin.image))
        seen += [(split, *member) for member in members]
