"""A custom data set as one image and as one HTML page, with overlays and a class histogram."""
from __future__ import annotations

import base64
import html
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.labels import LabelSet
from rt_seg.products.depth_picture import SHOWN, depth_picture
from rt_seg.products.overlay import Palette
from rt_seg.progress import progress
from rt_seg_training.datasets.contact_sheet import contact_sheet, evenly_spaced
from rt_seg_training.datasets.custom.custom_source import read_custom
from rt_seg_training.datasets.labelled_frame import encode, read_frame

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{name}</title><style>
body {{ font: 14px sans-serif; margin: 1em; }} table {{ border-collapse: collapse; }}
td, th {{ padding: 2px 10px; text-align: right; }} td.class {{ text-align: left; }}
.chip {{ display: inline-block; width: 1em; height: 1em; border: 1px solid #888; vertical-align: middle; }}
.bar {{ height: 1em; background: #47a; }}
figure {{ display: inline-block; margin: 4px; position: relative; }} figcaption {{ font-size: 12px; }}
figure img.color {{ position: absolute; left: 0; top: 0; opacity: 0; }} figure:hover img.color {{ opacity: 1; }}
figure img.depth {{ margin-left: 2px; }}
</style></head><body>
<h1>{name}</h1>
<p>{summary} Point at an image to see it without its labels.</p>
<table><tr><th>class</th><th>pixels</th><th>share</th><th>frames</th><th></th></tr>
{rows}
</table>
{figures}
</body></html>
"""


@dataclass(frozen=True)
class Statistics:
    """`pixels` and `frames`, each (256,) int64 by label value: how many pixels have it, and how many frames."""

    pixels: np.ndarray
    frames: np.ndarray


def _histogram_rows(labels: LabelSet, statistics: Statistics) -> str:
    total = max(int(statistics.pixels.sum()), 1)
    entries = [(label.id, label.name, label.color) for label in labels.labels]
    entries.append((labels.ignore_id, "(ignored)", (255, 255, 255)))
    rows = []
    for number, name, (red, green, blue) in entries:
        share = 100 * statistics.pixels[number] / total
        rows.append(
            f'<tr><td class="class"><span class="chip" style="background: rgb({red},{green},{blue})"></span> '
            f"{number} {html.escape(name)}</td><td>{statistics.pixels[number]}</td><td>{share:.2f} %</td>"
            f'<td>{statistics.frames[number]}</td><td style="width: 300px">'
            f'<div class="bar" style="width: {3 * share:.0f}px"></div></td></tr>'
        )
    return "\n".join(rows)


def _data_url(picture: np.ndarray) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(encode(".jpg", picture)).decode("ascii")


def preview(
    source: str | Path,
    output: Path,
    count: int = 60,
    columns: int = 6,
    width: int = 240,
    alpha: float = 0.5,
    foreground: int | None = None,
) -> tuple[Path, Path]:
    """Write `contact_sheet.png` and `index.html` (which needs no other file) of a custom data set into `output`.

    Both show at most `count` frames, evenly spaced, `width` pixels wide; the class histogram counts every frame. In a
    set with depth each has the image of its depth at its side.
    `alpha` is the overlay opacity; `foreground`: see read_custom. Returns the two files.
    Raises DatasetError when the set cannot be used, ValueError for a number out of range, OSError when `output` cannot
    be written.
    """
    if count < 1:
        raise ValueError(f"count {count}: must be at least 1")
    data = read_custom(source, foreground)
    pairs = [(split, pair) for split, members in data.splits.items() for pair in members]
    shown = set(evenly_spaced(len(pairs), count))
    palette = Palette(data.labels)
    statistics = Statistics(np.zeros(256, np.int64), np.zeros(256, np.int64))
    overlays: list[tuple[str, np.ndarray]] = []
    figures = []
    for number, (split, pair) in enumerate(progress(pairs, unit="frame", leave=False)):
        frame = read_frame(data, pair)
        counts = np.bincount(frame.mask.ravel(), minlength=256)
        statistics.pixels[:] += counts
        statistics.frames[:] += counts > 0
        if number in shown:
            overlay = palette.blend(frame.color, frame.mask, alpha, contours=True)
            depths = []
            if data.has_depth:
                depth = np.zeros(frame.mask.shape, np.uint16) if frame.depth is None else frame.depth
                depths = [depth_picture(depth)]
            # Side by side, and each as wide as it is without the other.
            overlays.append((f"{pair.name} {split}", np.hstack([overlay, *depths])))
            size = (width, max(1, round(width * overlay.shape[0] / overlay.shape[1])))
            urls = [_data_url(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)) for picture in
                    (overlay, frame.color, *depths)]  # fmt: skip
            beside = "".join(f'<img class="depth" src="{url}" alt="depth">' for url in urls[2:])
            figures.append(
                f'<figure><img src="{urls[0]}" alt=""><img class="color" src="{urls[1]}" alt="">{beside}'
                f"<figcaption>{html.escape(pair.name)} ({html.escape(split)})</figcaption></figure>"
            )
    sheet, page = output / "contact_sheet.png", output / "index.html"
    write_atomically(sheet, encode(".png", contact_sheet(overlays, columns, width * (2 if data.has_depth else 1))))
    splits = ", ".join(f"{len(members)} {split}" for split, members in data.splits.items())
    text = PAGE.format(
        name=html.escape(data.path.name),
        summary=f"{len(pairs)} frames ({html.escape(splits)}), {len(overlays)} shown."
        + (f" Depth: red {SHOWN[0]:g} m to blue {SHOWN[1]:g} m, black without a reading." if data.has_depth else ""),
        rows=_histogram_rows(data.labels, statistics),
        figures="\n".join(figures),
    )
    write_atomically(page, text.encode("utf-8"))
    return sheet, page
