"""What linting found, as text for a terminal and as a page with images that needs no other file."""
from __future__ import annotations

import base64
import contextlib
import html
from collections.abc import Iterator

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
</ul>
{doubts}
{pictures}
</body></html>
"""


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
    lines = [f"likely label errors by {judge}, the worst first; --html FILE shows them:"]
    for number, doubt in enumerate(doubts, 1):
        left, top, right, bottom = doubt.box
        lines.append(
            f"{number:4}. {doubt.frame.name}: {names[doubt.label]} on {doubt.pixels} pixels looks like "
            f"{names[doubt.predicted]}, {left:.0%}-{right:.0%} from the left, {top:.0%}-{bottom:.0%} from the top"
        )
    return "\n".join(lines)


def _doubt_pictures(doubts: list[Doubt], source: Source, judge: str) -> Iterator[str]:
    """Each doubtful frame: its image, and it under the colours of its labels, with the doubtful region framed."""
    import cv2

    from rt_seg.products.overlay import Palette

    if not doubts:
        return
    palette, names = Palette(source.labels), source.labels.names
    yield f"<h2>Likely label errors by {html.escape(judge)}</h2>"
    for number, doubt in enumerate(doubts, 1):
        image, mask, _ = read_pair(doubt.frame, source)
        height, width = mask.shape
        left, top, right, bottom = doubt.box
        corners = (int(left * width) - 3, int(top * height) - 3), (int(right * width) + 2, int(bottom * height) + 2)
        views = (image.copy(), palette.blend(image, mask, 0.6, contours=True))
        for view in views:
            cv2.rectangle(view, *corners, (255, 255, 255), max(2, width // 300))
            cv2.rectangle(view, *corners, (255, 0, 0), max(1, width // 600))
        pictures = "".join(f'<img src="{_data_url(view, DOUBT_WIDTH)}" alt="">' for view in views)
        text = f"{number}. {doubt.frame.name}: {names[doubt.label]} looks like {names[doubt.predicted]}"
        yield f"<p>{html.escape(text)}<br>{pictures}</p>"


def page(report: Report, source: Source, doubts: list[Doubt] | None = None, judge: str = "") -> str:
    """The same as an HTML page that needs no other file, with pictures: of the findings, of the likely label errors,
    and some of each split."""
    head = "".join(f"<th>{html.escape(split)}</th>" for split in report.frames)
    rows = [f"<tr><th></th>{head}</tr>"]
    for title, cells in _rows(report):
        columns = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f'<tr><td class="text">{html.escape(title)}</td>{columns}</tr>')
    items = []
    for finding in report.findings[:SHOWN]:
        pictures = "".join(f'<img src="{_data_url(read_image(path))}" alt="">' for path in finding.images)
        text = f'<b class="{finding.level}">{finding.level}</b> {html.escape(finding.text)}'
        items.append(f"<li>{text}<br>{pictures}</li>")
    warnings = len(report.findings) - len(report.errors)
    summary = f"{len(report.errors)} errors, {warnings} warnings; at most {SHOWN} are shown."
    return PAGE.format(
        name=html.escape(source.path.name),
        summary=summary,
        table="\n".join(rows),
        findings="\n".join(items),
        doubts="\n".join(_doubt_pictures(doubts or [], source, judge)),
        pictures="\n".join(_pictures(source)),
    )


def _pictures(source: Source) -> Iterator[str]:
    """Of each split some frames, evenly spaced, under the colours of their labels; those that are usable."""
    from rt_seg.products.overlay import Palette
    from rt_seg_training.datasets.contact_sheet import evenly_spaced

    palette = Palette(source.labels)
    for split, pairs in source.splits.items():
        yield f"<h2>{html.escape(split)}</h2><p>"
        for pair in (pairs[number] for number in evenly_spaced(len(pairs), PICTURES)):
            with contextlib.suppress(DatasetError):
                image, mask, _ = read_pair(pair, source)
                url = _data_url(palette.blend(image, mask, 0.5, contours=True))
                name = html.escape(pair.name)
                yield f'<img src="{url}" alt="{name}" title="{name}">'
        yield "</p>"


def _data_url(image: np.ndarray, width: int = PICTURE_WIDTH) -> str:
    import cv2

    from rt_seg_training.datasets.labelled_frame import encode

    size = (width, max(1, width * image.shape[0] // image.shape[1]))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return "data:image/jpeg;base64," + base64.b64encode(encode(".jpg", small)).decode("ascii")
