"""The figures of an evaluation, each as a PNG: confusion matrix, reliability, curves of the training."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rt_seg_training.evaluation.calibration import BINS, Calibration
from rt_seg_training.evaluation.metrics import Scores


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def confusion_figure(scores: Scores) -> bytes:
    """The confusion matrix, each row in percent of the true class's pixels."""
    unlabelled = bool(scores.matrix[:, -1].any())
    counts = scores.matrix if unlabelled else scores.matrix[:, :-1]
    columns = scores.labels.names + (["(unlabelled)"] if unlabelled else [])
    percent = 100.0 * counts / np.maximum(scores.matrix.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(2.5 + 0.6 * len(columns), 2.2 + 0.5 * len(scores.labels)), layout="constrained")
    axes = figure.add_subplot()
    picture = axes.imshow(percent, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    axes.set_yticks(range(len(scores.labels)), scores.labels.names)
    axes.set(xlabel="predicted class", ylabel="ground truth")
    for row, column in np.ndindex(percent.shape):
        if percent[row, column] >= 0.5:
            color = "white" if percent[row, column] > 60 else "black"
            axes.text(column, row, f"{percent[row, column]:.0f}", ha="center", va="center", color=color, fontsize=8)
    figure.colorbar(picture, label="% of the ground truth pixels of the class")
    return _png(figure)


def reliability_figure(calibration: Calibration) -> bytes:
    """The reliability curve: accuracy over confidence, and below it how many pixels have which confidence."""
    figure = Figure(figsize=(4.6, 5.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], "--", color="grey", linewidth=1, label="perfectly calibrated")
    filled = calibration.pixels > 0
    above.plot(calibration.confidence[filled], calibration.accuracy[filled], marker="o", label="measured")
    above.set(ylabel="share of correct pixels", xlim=(0, 1), ylim=(0, 1.02))
    above.legend(loc="upper left")
    above.grid(alpha=0.3)
    edges = np.linspace(0, 1, BINS + 1)
    share = 100 * calibration.pixels / max(int(calibration.pixels.sum()), 1)
    below.bar(edges[:-1], share, width=1 / BINS, align="edge", edgecolor="white")
    below.set(xlabel="confidence", ylabel="% of pixels")
    return _png(figure)


def curves_figure(history: Path) -> bytes:
    """The curves of a run from its history.csv: losses, score on validation, learning rate, over the steps."""
    with history.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    unit = "step" if "step" in rows[0] else "epoch"
    panels = (
        ("loss", {"loss": "training", "validation_loss": "validation"}),
        ("validation mIoU", {"validation_mean_iou": "validation"}),
        ("learning rate", {"learning_rate": "learning rate"}),
    )
    figure = Figure(figsize=(12, 3.4), layout="constrained")
    for axes, (title, lines) in zip(figure.subplots(1, len(panels)), panels):
        for column, name in lines.items():
            if column in rows[0]:
                steps = [float(row[unit]) for row in rows]
                axes.plot(steps, [float(row[column]) for row in rows], marker=".", label=name)
        axes.set(xlabel=unit, title=title)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        if len(lines) > 1:
            axes.legend()
    return _png(figure)
