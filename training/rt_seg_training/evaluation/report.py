"""An evaluation as one HTML page that holds all it shows, so that it can be sent or kept as a single file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from rt_seg.labels import LabelSet
from rt_seg.products.depth_picture import SHOWN, depth_picture
from rt_seg_training.evaluation.evaluation import Evaluation, WorstFrame
from rt_seg_training.evaluation.figures import confusion_figure, curves_figure, reliability_figure
from rt_seg_training.html_page import encoded, render

PICTURE_WIDTH = 480
"""Pixels to which the images of the worst frames are made smaller."""
IGNORED_COLOR = (255, 255, 255)

TEMPLATE = Path(__file__).with_suffix(".html")


def _small(picture: np.ndarray, interpolation: int) -> np.ndarray:
    height, width = picture.shape[:2]
    if width <= PICTURE_WIDTH:
        return picture
    return cv2.resize(picture, (PICTURE_WIDTH, round(height * PICTURE_WIDTH / width)), interpolation=interpolation)


def _worst_frame(frame: WorstFrame, labels: LabelSet) -> dict[str, Any]:
    table = labels.color_table
    table[labels.ignore_id] = IGNORED_COLOR
    pictures = [("image", encoded(_small(frame.image, cv2.INTER_AREA), ".jpg"))]
    if frame.depth is not None:
        pictures.append(("depth", encoded(_small(depth_picture(frame.depth), cv2.INTER_NEAREST), ".png")))
    pictures += [
        (words, encoded(table[_small(mask, cv2.INTER_NEAREST)], ".png"))
        for words, mask in (("ground truth", frame.truth), ("prediction", frame.prediction))
    ]
    return {"name": frame.name, "mean_iou": frame.mean_iou, "pictures": pictures}


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key.replace('_', ' ')}: {item}" for key, item in value.items())
    if isinstance(value, list) and len(value) == 2 and all(isinstance(item, int) for item in value):
        return f"{value[0]} × {value[1]}"
    return ", ".join(map(_words, value)) if isinstance(value, list) else str(value)


def html_report(
    result: Evaluation,
    title: str,
    protocol: Mapping[str, Any],
    warnings: Iterable[str] = (),
    history: Path | None = None,
) -> str:
    """The page: headline numbers, protocol, classes, confusion matrix, reliability, curves, and the worst frames.

    Args:
        title: of the page, plain text.
        protocol: what was measured on what, plain values; a row each.
        warnings: sentences that stand at the top.
        history: history.csv of the training, if there is one.
    """
    labels = result.scores.labels
    shown = "Image, ground truth, prediction"
    if any(frame.depth is not None for frame in result.worst):
        depth = f"depth (red {SHOWN[0]:g} m to blue {SHOWN[1]:g} m, black without a reading)"
        shown = f"Image, {depth}, ground truth, prediction"
    return render(
        TEMPLATE,
        title=title,
        warnings=list(warnings),
        numbers=result.summary(),
        protocol=[(name.replace("_", " "), _words(value)) for name, value in protocol.items()],
        columns=result.class_columns(),
        labels=labels.labels,
        confusion=confusion_figure(result.scores),
        reliability=reliability_figure(result.calibration),
        curves=curves_figure(history) if history else None,
        shown=shown,
        ignored_color=IGNORED_COLOR,
        worst=[_worst_frame(frame, labels) for frame in result.worst],
    )
