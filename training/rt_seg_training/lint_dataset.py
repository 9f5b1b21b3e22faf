"""The lint_dataset tool: looks for what spoils a labelled data set, all of it at once, before it is trained on."""
from __future__ import annotations

import argparse
import base64
import html
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rt_seg.labels import LabelSet
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.pairing import Pair
from rt_seg_training.datasets.source import Source

ERROR, WARNING = "error", "warning"

THUMBNAIL = (32, 24)
"""Pixels, width × height, at which images are compared in grey."""
NEAR = 3.0
"""Mean difference, in levels of 255, below which two images are near-duplicates: the sensor's noise is averaged out."""
MUCH_VOID = 0.5
"""Share of pixels to ignore above which a split is worth a look."""
RARE = 1e-4
"""Share of the labelled pixels below which a class is too rare to be learnt or measured well."""
SHOWN = 200

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{name}</title><style>
body {{ font: 14px sans-serif; margin: 1em; }} table {{ border-collapse: collapse; }}
td, th {{ padding: 2px 10px; text-align: right; }} td.text {{ text-align: left; }}
.error {{ color: #b00; }} .warning {{ color: #a60; }} li {{ margin: 6px 0; }}
img {{ margin: 2px; vertical-align: middle; }}
</style></head><body>
<h1>{name}</h1><p>{summary}</p>
<table>{table}</table>
<ul>
{findings}
</ul></body></html>
"""


@dataclass(frozen=True)
class Finding:
    """What is wrong (`error`: the set cannot be built) or doubtful (`warning`), and the images it is about."""

    level: str
    text: str
    images: tuple[Path, ...] = ()


@dataclass
class Report:
    """Pixels per label value, (256,) int64 by split, frames by split, and the findings."""

    labels: LabelSet
    pixels: dict[str, np.ndarray] = field(default_factory=dict)
    frames: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    only_first_class: int = 0
    """Masks that hold nothing but class 0, mostly the background."""

    @property
    def failed(self) -> bool:
        """Whether the set cannot be built."""
        return any(finding.level == ERROR for finding in self.findings)


def nearest(images: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of `images`, (n, d) uint8, the index of the most similar of `others`, (m, d) uint8, and the mean
    absolute difference of the two, float64 (n,)."""
    indices, differences = np.zeros(len(images), np.int64), np.zeros(len(images))
    for number, image in enumerate(images):
        distance = np.abs(others.astype(np.int16) - image).mean(axis=1)
        indices[number] = distance.argmin()
        differences[number] = distance[indices[number]]
    return indices, differences


def _checked(source: Source, report: Report) -> Iterator[tuple[str, Pair, np.ndarray, tuple[int, int]]]:
    """Split, pair, grey thumbnail and size of each usable pair, while pixels and findings are noted."""
    import cv2
    from tqdm import tqdm

    from rt_seg_training.datasets.images import read_image
    from rt_seg_training.datasets.source import check_pair

    members = [(split, pair) for split, pairs in source.splits.items() for pair in pairs]
    for split, pair in tqdm(members, unit="pair", leave=False, disable=None):
        try:
            counts = check_pair(pair, source)
        except DatasetError as error:
            report.findings.append(Finding(ERROR, str(error)))
            continue
        report.pixels[split] += counts
        present = set(np.flatnonzero(counts).tolist())
        if present == {source.labels.ignore_id}:
            report.findings.append(Finding(WARNING, f"{pair.mask}: nothing is labelled", (pair.image,)))
        report.only_first_class += present == {0}
        image = read_image(pair.image)
        grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), THUMBNAIL, interpolation=cv2.INTER_AREA)
        yield split, pair, grey.ravel(), image.shape[:2]


def lint(source: Source) -> Report:
    """Decode every pair and report what is wrong or doubtful."""
    report = Report(
        source.labels,
        {split: np.zeros(256, np.int64) for split in source.splits},
        {split: len(pairs) for split, pairs in source.splits.items()},
    )
    thumbnails: dict[str, list[tuple[Pair, np.ndarray]]] = {split: [] for split in source.splits}
    sizes: Counter[tuple[int, int]] = Counter()
    for split, pair, thumbnail, size in _checked(source, report):
        thumbnails[split].append((pair, thumbnail))
        sizes[size] += 1
    if len(sizes) > 1:
        shown = ", ".join(f"{width}x{height} ({count})" for (height, width), count in sizes.most_common(6))
        report.findings.append(Finding(WARNING, f"images have {len(sizes)} sizes: {shown}; all are brought to one"))
    if report.only_first_class:
        text = f"{report.only_first_class} of {sum(report.frames.values())} masks hold class 0 alone"
        report.findings.append(Finding(WARNING, f"{text} ({source.labels.names[0]}): negatives, or forgotten?"))
    report.findings += _class_findings(report)
    report.findings += _duplicates(thumbnails)
    return report


def _class_findings(report: Report) -> Iterator[Finding]:
    labels = report.labels
    for split, pixels in report.pixels.items():
        total, labelled = pixels.sum(), pixels[: len(labels)].sum()
        if total and pixels[labels.ignore_id] > MUCH_VOID * total:
            yield Finding(WARNING, f"{split}: {pixels[labels.ignore_id] / total:.0%} of the pixels are to be ignored")
        absent = [label.name for label in labels.labels if not pixels[label.id]]
        if total and absent:
            yield Finding(WARNING, f"{split}: no pixel of {', '.join(absent)}: it cannot be learnt or measured there")
        rare = [label.name for label in labels.labels if 0 < pixels[label.id] < RARE * labelled]
        if rare:
            yield Finding(WARNING, f"{split}: less than {RARE:.2%} of the pixels are {', '.join(rare)}")
    if "validation" not in report.pixels:
        yield Finding(WARNING, "there is no validation split; list the splits in splits.yaml")


def _duplicates(thumbnails: dict[str, list[tuple[Pair, np.ndarray]]]) -> Iterator[Finding]:
    """Images of other splits that training has seen, or nearly so."""
    # Some sets train on several splits, such as train_val_drive and train_other_drives of CamVid.
    train = [entry for split, members in thumbnails.items() if split.startswith("train") for entry in members]
    for split, members in thumbnails.items():
        if split.startswith("train") or not members or not train:
            continue
        seen = np.stack([thumbnail for _, thumbnail in train])
        indices, differences = nearest(np.stack([thumbnail for _, thumbnail in members]), seen)
        for (pair, _), index, difference in zip(members, indices, differences):
            if difference < NEAR:
                twin = train[index][0]
                text = f"{split} image {pair.name} is nearly train image {twin.name}, {difference:.1f} of 255 apart"
                yield Finding(WARNING, f"{text}: the score will flatter", (pair.image, twin.image))


def describe(report: Report) -> str:
    """The table of frames and classes by split, and the findings, for a terminal."""
    splits = list(report.frames)
    rows = [["", *splits], ["frames", *(str(report.frames[split]) for split in splits)]]
    rows += [[title, *cells] for title, cells in _shares(report)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                  for column, (cell, width) in enumerate(zip(row, widths)))
        for row in rows
    ]  # fmt: skip
    lines += [f"{finding.level}: {finding.text}" for finding in report.findings[:SHOWN]]
    if len(report.findings) > SHOWN:
        lines.append(f"… and {len(report.findings) - SHOWN} more")
    errors = sum(finding.level == ERROR for finding in report.findings)
    lines.append(f"{errors} errors, {len(report.findings) - errors} warnings")
    return "\n".join(lines)


def _shares(report: Report) -> Iterator[tuple[str, list[str]]]:
    for name, value in [*((lb.name, lb.id) for lb in report.labels.labels), ("(ignored)", report.labels.ignore_id)]:
        cells = [f"{100 * pixels[value] / max(pixels.sum(), 1):.2f} %" for pixels in report.pixels.values()]
        yield name, cells


def page(report: Report, name: str) -> str:
    """The same as an HTML page that needs no other file, with thumbnails of the images concerned."""
    head = "".join(f"<th>{html.escape(split)}</th>" for split in report.frames)
    rows = [f"<tr><th></th>{head}</tr>"]
    frames = "".join(f"<td>{count}</td>" for count in report.frames.values())
    rows.append(f'<tr><td class="text">frames</td>{frames}</tr>')
    for title, cells in _shares(report):
        shares = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f'<tr><td class="text">{html.escape(title)}</td>{shares}</tr>')
    items = []
    for finding in report.findings[:SHOWN]:
        pictures = "".join(f'<img src="{_thumbnail(path)}" alt="">' for path in finding.images)
        text = f'<b class="{finding.level}">{finding.level}</b> {html.escape(finding.text)}'
        items.append(f"<li>{text}<br>{pictures}</li>")
    errors = sum(finding.level == ERROR for finding in report.findings)
    summary = f"{errors} errors, {len(report.findings) - errors} warnings; at most {SHOWN} are shown."
    return PAGE.format(name=html.escape(name), summary=summary, table="\n".join(rows), findings="\n".join(items))


def _thumbnail(path: Path) -> str:
    import cv2

    from rt_seg_training.datasets.images import read_image
    from rt_seg_training.labelled_frame import encode

    image = read_image(path)
    small = cv2.resize(image, (160, max(1, 160 * image.shape[0] // image.shape[1])), interpolation=cv2.INTER_AREA)
    return "data:image/jpeg;base64," + base64.b64encode(encode(".jpg", small)).decode("ascii")


def read_layout(layout: str, path: Path) -> Source:
    """The source of a layout that build_dataset knows. Raises DatasetError."""
    if layout == "custom":
        from rt_seg_training.datasets.custom.custom_source import read_custom

        return read_custom(path)
    from importlib import import_module

    return getattr(import_module(f"rt_seg_training.datasets.{layout}.{layout}_dataset_builder"), f"read_{layout}")(path)


def main(arguments: list[str] | None = None) -> int:
    """Command line of lint_dataset; returns the exit code: 0, 1 when the set cannot be built as it is."""
    parser = argparse.ArgumentParser(
        prog="lint_dataset",
        description="Look for what spoils a labelled data set: unreadable files, images without masks, label values "
        "outside the class list, empty masks, rare classes, validation images that training has seen.",
        epilog="example: rosrun rt_seg lint_dataset custom my_images --html lint.html",
    )
    parser.add_argument("layout", choices=("custom", "camvid", "cityscapes"), help="as for build_dataset")
    parser.add_argument("source", metavar="PATH", type=Path, help="folder or zip file of the data set")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with pictures, too")
    options = parser.parse_args(arguments)
    from rt_seg.atomic_file import write_atomically

    try:
        report = lint(read_layout(options.layout, options.source))
        print(describe(report))
        if options.html:
            write_atomically(options.html, page(report, options.source.name).encode("utf-8"))
            print(options.html)
    except (DatasetError, OSError) as error:
        print(f"lint_dataset: {error}", file=sys.stderr)
        return 1
    return 1 if report.failed else 0
