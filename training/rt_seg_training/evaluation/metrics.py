"""Scores of a segmentation model over many frames: one confusion matrix, and everything read off it.

A mean of per-frame scores is another, easier number; here every score is of the matrix over all pixels of all frames.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rt_seg import confusion
from rt_seg.labels import LabelSet


@dataclass
class Scores:
    """Confusion matrix of `frames` frames, (classes, classes + 1) int64; see rt_seg.confusion.confusion_matrix."""

    labels: LabelSet
    matrix: np.ndarray = field(default=None)  # type: ignore[arg-type]
    frames: int = 0

    def __post_init__(self) -> None:
        if self.matrix is None:
            self.matrix = np.zeros((len(self.labels), len(self.labels) + 1), np.int64)

    def add(self, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """Count one frame, (height, width) integer ids each; returns its own matrix.

        Raises ValueError if shapes differ or ids are unknown.
        """
        matrix = confusion.confusion_matrix(truth, prediction, len(self.labels), self.labels.ignore_id)
        self.matrix += matrix
        self.frames += 1
        return matrix

    @property
    def iou(self) -> np.ndarray:
        """(classes,) float64; NaN for a class absent from ground truth and prediction."""
        return confusion.class_iou(self.matrix)

    @property
    def f1(self) -> np.ndarray:
        """(classes,) float64 F1 score (Dice); NaN for a class absent from ground truth and prediction."""
        return confusion.class_f1(self.matrix)

    @property
    def precision(self) -> np.ndarray:
        """(classes,) float64; NaN for a class never predicted."""
        return confusion.class_precision(self.matrix)

    @property
    def recall(self) -> np.ndarray:
        """(classes,) float64, the accuracy of each class; NaN for a class absent from the truth."""
        return confusion.class_recall(self.matrix)

    @property
    def share(self) -> np.ndarray:
        """(classes,) float64 share of each class in the counted pixels of the truth."""
        return self.matrix.sum(axis=1) / max(int(self.matrix.sum()), 1)

    @property
    def mean_iou(self) -> float:
        """Mean IoU over the classes present in ground truth or prediction."""
        return confusion.mean_iou(self.matrix)

    @property
    def frequency_weighted_iou(self) -> float:
        """Mean IoU, each class weighed by its share of the ground truth; NaN without pixels."""
        return float(np.nansum(self.share * self.iou)) if self.matrix.any() else float("nan")

    @property
    def pixel_accuracy(self) -> float:
        """Share of counted pixels that are right."""
        return confusion.pixel_accuracy(self.matrix)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for YAML; None where a score is not defined."""

        def number(value: float) -> float | None:
            return None if np.isnan(value) else round(float(value), 6)

        return {
            "mean_iou": number(self.mean_iou),
            "frequency_weighted_iou": number(self.frequency_weighted_iou),
            "pixel_accuracy": number(self.pixel_accuracy),
            "frames": self.frames,
            "pixels": int(self.matrix.sum()),
            "classes": [
                {
                    "id": label.id,
                    "name": label.name,
                    "iou": number(self.iou[label.id]),
                    "f1": number(self.f1[label.id]),
                    "precision": number(self.precision[label.id]),
                    "recall": number(self.recall[label.id]),
                    "share": number(self.share[label.id]),
                }
                for label in self.labels.labels
            ],
            "confusion": self.matrix.tolist(),
        }
