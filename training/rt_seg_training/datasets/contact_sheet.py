"""Many images as one: what people look at before they trust a set."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

CAPTION_HEIGHT = 16


def contact_sheet(pictures: Iterable[tuple[str, np.ndarray]], columns: int = 6, width: int = 240) -> np.ndarray:
    """Images, each with its caption, row by row; uint8 RGB.

    Args:
        images: (caption, (H, W, 3) uint8 RGB); they are taken one after the other, so a generator does.
        columns: images in a row.
        width: of each in pixels; all get the height of the first, in its proportions.

    Raises ValueError when there are no images, or for columns or a width below 1.
    """
    if columns < 1 or width < 1:
        raise ValueError(f"columns {columns}, width {width}: both must be at least 1")
    tiles = []
    height = None
    for caption, picture in pictures:
        if height is None:
            height = max(1, round(width * picture.shape[0] / picture.shape[1]))
        # Area averaging: other kernels make patterns of thin borders when they shrink that much.
        tile = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        tile = cv2.copyMakeBorder(tile, 0, CAPTION_HEIGHT, 0, 0, cv2.BORDER_CONSTANT, value=(255, 255, 255))
        text = caption.encode("ascii", "replace").decode("ascii")  # OpenCV's font knows no more
        baseline = (3, height + CAPTION_HEIGHT - 4)
        tiles.append(cv2.putText(tile, text, baseline, cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1, cv2.LINE_AA))
    if not tiles:
        raise ValueError("a contact sheet needs at least one image")
    columns = min(columns, len(tiles))
    blank = np.full_like(tiles[0], 255)
    tiles += [blank] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)])


def evenly_spaced(count: int, most: int) -> list[int]:
    """At most `most` of the numbers 0..count-1, from the first to the last."""
    if count <= most:
        return list(range(count))
    return [round(number) for number in np.linspace(0, count - 1, most)]
