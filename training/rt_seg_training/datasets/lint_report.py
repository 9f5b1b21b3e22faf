"""What linting found, as text for a terminal and as a page with images that needs no other file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.images import read_image
from rt_seg_training.datasets.label_errors import Doubt
from rt_seg_training.datasets.linting import Report
from rt_seg_training.datasets.source import Source, read_pair

SHOWN = 200
"""Findings shown; a set with more is wrong in a way that these show, too."""
PICTURES = 6
"""Of each split, on the page."""
PICTURE_WIDTH = 160
DOUBT_WIDTH = 360

TEMPLATE = Path(__file__).with_suffix(".html")


def describe(report: Report) -> str:
    """The table of frames, classes and depth by split, and the findings, for a terminal."""
    rows = [["", *report.frames], *([title, *cells] for title, cells in _rows(report))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                  for column, (cell, width) in enumerate(zip(row, widths)))
        for row in rows
    ]  # fmt: skip
    lines += [f"{finding.level}: {finding.text}" for finding in report.findings[:SHOWN]]
    if len(report.findings) > SHOWN:
        lines.append(f"… and {len(report.findings) - SHOWN} more")
    lines.append(f"{len(report.errors)} errors, {len(report.findings) - len(report.errors)} warnings")
    return "\n".join(lines)


def _rows(report: Report) -> Iterator[tuple[str, list[str]]]:
    yield "frames", [str(count) for count in report.frames.values()]
    for name, value in [*((lb.name, lb.id) for lb in report.labels.labels), ("(ignored)", report.labels.ignore_id)]:
        yield name, [f"{100 * pixels[value] / max(pixels.sum(), 1):.2f} %" for pixels in report.pixels.values()]
    if report.has_depth:
        yield "frames with depth", [str(count) for count in report.depth_frames.values()]
        totals = zip(report.readings.values(), report.depth_pixels.values())
        yield "(without reading)", [f"{100 * (1 - known / max(total, 1)):.2f} %" for known, total in totals]


def describe_doubts(doubts: list[Doubt], source: Source, judge: str) -> str:
    """The frames whose labels are likely wrong, for a terminal, the worst first."""
    names = source.labels.names
    lines = [f"likely label errors by {judge}, worst first; --html FILE shows them:"]
    for number, doubt in enumerate(doubts, 1):
        left, top, right, bottom = doubt.box
        lines.append(
            f"{number:4}. {doubt.frame.name}: {names[doubt.label]} on {doubt.pixels} pixels looks like "
            f"{names[doubt.predicted]}, {left:.0%}-{right:.0%} from the left, {top:.0%}-{bottom:.0%} from the top"
        )
    return "\n".join(lines)


def page(report: Report, source: Source, doubts: Sequence[Doubt] = (), judge: str = "") -> str:
    """The same as an HTML page that needs no other file, with pictures: of the findings, of the likely label errors,
    and some of each split."""
    from rt_seg_training.html_page import render

    return render(
        TEMPLATE,
        name=source.path.name,
        errors=len(report.errors),
        warnings=len(report.findings) - len(report.errors),
        shown=SHOWN,
        splits=list(report.frames),
        rows=list(_rows(report)),
        findings=[
            (finding.level, finding.text, [_small(read_image(path)) for path in finding.images])
            for finding in report.findings[:SHOWN]
        ],
        judge=judge,
        doubts=list(_doubt_pictures(doubts, source)),
        pictures=list(_pictures(source)),
    )


def _doubt_pictures(doubts: Sequence[Doubt], source: Source) -> Iterator[tuple[str, list[bytes]]]:
    """Each doubtful frame: its image, and it under the colours of its labels, with the doubtful region framed."""
    import cv2

    from rt_seg.products.overlay import Palette

    palette, names = Palette(source.labels), source.labels.names
    for number, doubt in enumerate(doubts, 1):
        image, mask, _ = read_pair(doubt.frame, source)
        height, width = mask.shape
        left, top, right, bottom = doubt.box
        corners = (int(left * width) - 3, int(top * height) - 3), (int(right * width) + 2, int(bottom * height) + 2)
        views = (image.copy(), palette.blend(image, mask, 0.6, contours=True))
        for view in views:
            cv2.rectangle(view, *corners, (255, 255, 255), max(2, width // 300))
            cv2.rectangle(view, *corners, (255, 0, 0), max(1, width // 600))
        text = f"{number}. {doubt.frame.name}: {names[doubt.label]} looks like {names[doubt.predicted]}"
        yield text, [_small(view, DOUBT_WIDTH) for view in views]


def _pictures(source: Source) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Of each split some frames, evenly spaced, under the colours of their labels; those that are usable."""
    from rt_seg.products.overlay import Palette
    from rt_seg_training.datasets.contact_sheet import evenly_spaced

    palette = Palette(source.labels)
    for split, pairs in source.splits.items():
        shown: list[tuple[str, bytes]] = []
        for pair in (pairs[number] for number in evenly_spaced(len(pairs), PICTURES)):
            with contextlib.suppress(DatasetError):
                image, mask, _ = read_pair(pair, source)
                shown.append((pair.name, _small(palette.blend(image, mask, 0.5, contours=True))))
        yield split, shown


def _small(image: np.ndarray, width: int = PICTURE_WIDTH) -> bytes:
    """The image as a JPEG of this width."""
    import cv2

    from rt_seg_training.datasets.labelled_frame import encode

    size = (width, max(1, width * image.shape[0] // image.shape[1]))
    return encode(".jpg", cv2.resize(image, size, interpolation=cv2.INTER_AREA))
