"""The classes of a model as an image: a coloured square and a name each."""

from __future__ import annotations

import cv2
import numpy as np

from rt_seg.labels import LabelSet

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_ROW, _SQUARE, _MARGIN = 36, 22, 12
_SCALE = 0.75
_TEXT_COLOR = (235, 235, 235)


def draw_legend(labels: LabelSet) -> np.ndarray:
    """(H, W, 3) uint8 RGB, a row for each class in the order of the ids. OpenCV's font knows ASCII only."""
    names = [label.name.encode("ascii", "replace").decode("ascii") for label in labels.labels]
    widest = max(cv2.getTextSize(name, _FONT, _SCALE, 1)[0][0] for name in names)
    width = max(_MARGIN * 3 + _SQUARE + widest, 200)
    image = np.full((_MARGIN + _ROW * len(names), width, 3), 32, np.uint8)
    for row, (label, name) in enumerate(zip(labels.labels, names)):
        top = _MARGIN + row * _ROW
        cv2.rectangle(image, (_MARGIN, top), (_MARGIN + _SQUARE, top + _SQUARE), label.color, cv2.FILLED)
        cv2.rectangle(image, (_MARGIN, top), (_MARGIN + _SQUARE, top + _SQUARE), _TEXT_COLOR, 1)
        place = (_MARGIN * 2 + _SQUARE, top + _SQUARE - 5)
        cv2.putText(image, name, place, _FONT, _SCALE, _TEXT_COLOR, 1, cv2.LINE_AA)
    return image
