"""The lint_dataset tool: shows what corrupts a labelled data set, as a table and as a page with images."""
from __future__ import annotations

import base64
import contextlib
import html
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from rt_seg.command_line import BAD_INPUT, DONE, FOUND, command_parser
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.images import read_image
from rt_seg_training.datasets.label_errors import Doubt, rank_frames
from rt_seg_training.datasets.layouts import LAYOUTS, read_layout
from rt_seg_training.datasets.linting import Report, lint
from rt_seg_training.datasets.source import Source, read_pair

SHOWN = 200
"""Findings shown; a set with more is wrong in a way that these show, too."""
PICTURES = 6
"""Of each split, on the page."""
PICTURE_WIDTH = 160
DOUBTS = 30
"""Frames whose labels a model doubts most, listed by default."""
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


Judge = Callable[[np.ndarray, np.ndarray | None], np.ndarray]
"""Probabilities float32 (H, W, classes) of an image, uint8 (H, W, 3) RGB, and its depth or None."""


def load_judge(name: str, source: Source) -> tuple[str, Judge] | None:
    """The model that judges the labels: in words, and as a function for rank_frames. With the name auto a known one
    that has all the classes of the set, None without any. Raises BundleError and DatasetError."""
    from rt_seg.bundle import BundleError, load_bundle
    from rt_seg.model_home import known_bundles
    from rt_seg.segmenter import load_segmenter

    wanted = source.labels.names
    if name == "auto":
        for folder in known_bundles().values():
            with contextlib.suppress(BundleError):
                bundle = load_bundle(folder)
                if set(wanted) <= set(bundle.labels.names):
                    break
        else:
            return None
    else:
        bundle = load_bundle(name)
        missing = [label for label in wanted if label not in bundle.labels.names]
        if missing:
            raise DatasetError(
                f"--judge {name}: does not know the classes {', '.join(missing)}; it has "
                f"{', '.join(bundle.labels.names)}. Name a model of this set's classes, such as one trained on it"
            )
    segmenter = load_segmenter(bundle)
    classes = [bundle.labels.names.index(label) for label in wanted]

    def judge(image: np.ndarray, depth: np.ndarray | None) -> np.ndarray:
        depth = depth if bundle.input.with_depth else None
        probabilities = segmenter.segment(image, depth=depth, classes=classes).probabilities
        assert probabilities is not None  # they were asked for
        return probabilities

    return f"{bundle.name} {bundle.version}", judge


def find_doubts(source: Source, judge: Judge, count: int) -> list[Doubt]:
    """The `count` frames of all splits whose labels are the likeliest to be wrong, the worst first; a progress bar."""
    from tqdm import tqdm

    pairs = [pair for members in source.splits.values() for pair in members]

    def frames() -> Iterator[tuple]:
        for pair in tqdm(pairs, desc="judging", unit="pair", leave=False, disable=None):
            with contextlib.suppress(DatasetError):
                image, mask, depth = read_pair(pair, source)
                yield pair, image, mask, depth

    return rank_frames(frames(), judge, len(source.labels), source.labels.ignore_id, count)


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


def main(arguments: list[str] | None = None) -> int:
    """Command line of lint_dataset; returns the exit code: 0, 1 when the set cannot be built as it is, 2 when it is
    no data set."""
    parser = command_parser(
        "lint_dataset",
        description="Look for what corrupts a labelled data set: unreadable files, images without masks, label values "
        "outside the class list, empty masks, absent and rare classes, depth that is not in millimetres, validation "
        "images that training has seen, and labels that a model contradicts. Exit code 0: it can be built (warnings "
        "are for you to judge), 1: it cannot, 2: it cannot be read.",
        example="rosrun rt_seg lint_dataset custom my_images --html lint.html",
    )
    parser.add_argument("layout", choices=LAYOUTS, help="as for build_dataset")
    parser.add_argument("source", metavar="PATH", type=Path, help="folder or file of the data set")
    parser.add_argument("--classes", type=int, choices=(40, 13), default=40, help="of nyu_depth_v2 (default: 40)")
    parser.add_argument(
        "--foreground", type=int, metavar="VALUE", help="custom, two classes: value of the masks that means class 1"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with pictures, too")
    parser.add_argument(
        "--judge", metavar="MODEL", default="auto", help="model bundle that looks for likely label errors; auto: a "
        "known one that has the classes of the set; none: leave that out (default: %(default)s)"
    )  # fmt: skip
    parser.add_argument(
        "--doubts", type=int, default=DOUBTS, help="likely label errors to show, the worst first (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    from rt_seg.atomic_file import write_atomically
    from rt_seg.bundle import BundleError

    try:
        source = read_layout(options.layout, options.source, options.classes, options.foreground)
        report = lint(source)
        print(describe(report))
        doubts: list[Doubt] = []
        name = ""
        wanted = options.judge != "none" and options.doubts > 0 and not report.errors
        judge = load_judge(options.judge, source) if wanted else None
        if judge is not None:
            name, predict = judge
            doubts = find_doubts(source, predict, options.doubts)
            print(describe_doubts(doubts, source, name))
        elif wanted:
            print("no known model has these classes: --judge MODEL, one trained on the set, finds likely label errors")
        if options.html:
            write_atomically(options.html, page(report, source, doubts, name).encode("utf-8"))
            print(options.html)
    except (BundleError, DatasetError, OSError) as error:
        print(f"lint_dataset: {error}", file=sys.stderr)
        return BAD_INPUT
    return FOUND if report.errors else DONE
