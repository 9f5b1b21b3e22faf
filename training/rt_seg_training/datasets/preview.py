"""A custom data set as one image and as one HTML page, with overlays and a class histogram."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.products.depth_picture import SHOWN, depth_picture
from rt_seg.products.overlay import Palette
from rt_seg.progress import progress
from rt_seg_training.datasets.contact_sheet import contact_sheet, evenly_spaced
from rt_seg_training.datasets.custom.custom_source import read_custom
from rt_seg_training.datasets.labelled_frame import encode, read_frame
from rt_seg_training.html_page import render

TEMPLATE = Path(__file__).with_suffix(".html")


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
    pixels, frames = np.zeros(256, np.int64), np.zeros(256, np.int64)  # by label value
    overlays: list[tuple[str, np.ndarray]] = []
    figures = []
    for number, (split, pair) in enumerate(progress(pairs, unit="frame", leave=False)):
        frame = read_frame(data, pair)
        counts = np.bincount(frame.mask.ravel(), minlength=256)
        pixels += counts
        frames += counts > 0
        if number in shown:
            overlay = palette.blend(frame.color, frame.mask, alpha, contours=True)
            depths = []
            if data.has_depth:
                depth = np.zeros(frame.mask.shape, np.uint16) if frame.depth is None else frame.depth
                depths = [depth_picture(depth)]
            # Side by side, and each as wide as it is without the other.
            overlays.append((f"{pair.name} {split}", np.hstack([overlay, *depths])))
            size = (width, max(1, round(width * overlay.shape[0] / overlay.shape[1])))
            views = (overlay, frame.color, *depths)
            images = [encode(".jpg", cv2.resize(view, size, interpolation=cv2.INTER_AREA)) for view in views]
            figures.append((pair.name, split, images))
    sheet, page = output / "contact_sheet.png", output / "index.html"
    write_atomically(sheet, encode(".png", contact_sheet(overlays, columns, width * (2 if data.has_depth else 1))))
    splits = ", ".join(f"{len(members)} {split}" for split, members in data.splits.items())
    text = render(
        TEMPLATE,
        name=data.path.name,
        count=len(pairs),
        splits=splits,
        depth_range=SHOWN if data.has_depth else None,
        classes=[
            (number, name, color, int(pixels[number]), 100 * pixels[number] / max(int(pixels.sum()), 1), frames[number])
            for number, name, color in [
                *((label.id, label.name, label.color) for label in data.labels.labels),
                (data.labels.ignore_id, "(ignored)", (255, 255, 255)),
            ]
        ],
        figures=figures,
    )
    write_atomically(page, text.encode("utf-8"))
    return sheet, page
