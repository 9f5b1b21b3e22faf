"""One image of the state of a stream: camera, mask and overlay side by side, with a caption and a legend."""

from __future__ import annotations

from pathlib import Path
from typing import List, Sequence, Tuple

import cv2
import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.labels import LabelSet

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_BAR = 28
_TEXT_COLOR = (235, 235, 235)


def _bar(width: int) -> np.ndarray:
    return np.full((_BAR, width, 3), 32, np.uint8)


def _write(canvas: np.ndarray, text: str, x: int) -> int:
    """Draw `text` at `x` in the middle of a bar; returns where it ends. OpenCV's font knows ASCII only."""
    text = text.encode("ascii", "replace").decode("ascii")
    cv2.putText(canvas, text, (x, 19), _FONT, 0.5, _TEXT_COLOR, 1, cv2.LINE_AA)
    return x + cv2.getTextSize(text, _FONT, 0.5, 1)[0][0]


def _legend(labels: LabelSet, width: int) -> np.ndarray:
    rows: List[np.ndarray] = [_bar(width)]
    x = 8
    for label in labels.labels:
        needed = 24 + cv2.getTextSize(label.name, _FONT, 0.5, 1)[0][0]
        if x > 8 and x + needed > width:
            rows.append(_bar(width))
            x = 8
        cv2.rectangle(rows[-1], (x, 8), (x + 12, 20), label.color, cv2.FILLED)
        cv2.rectangle(rows[-1], (x, 8), (x + 12, 20), _TEXT_COLOR, 1)
        x = _write(rows[-1], label.name, x + 18) + 16
    return np.vstack(rows)


def compose_snapshot(panels: Sequence[Tuple[str, np.ndarray]], caption: str, labels: LabelSet) -> np.ndarray:
    """Put titled images beside each other above a caption and the legend of the classes.

    `panels` are (title, (H, W, 3) uint8 RGB) of one size. Returns (H', W', 3) uint8 RGB.
    """
    columns = []
    for title, image in panels:
        head = _bar(image.shape[1])
        _write(head, title, 8)
        columns.append(np.vstack([head, image]))
    picture = np.hstack(columns)
    foot = _bar(picture.shape[1])
    _write(foot, caption, 8)
    return np.vstack([picture, foot, _legend(labels, picture.shape[1])])


def write_png(path: Path, image: np.ndarray) -> None:
    """Write an (H, W, 3) uint8 RGB image; the file appears whole or not at all. Raises OSError."""
    encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    write_atomically(path, encoded.tobytes())
