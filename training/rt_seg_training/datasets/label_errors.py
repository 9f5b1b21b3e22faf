"""Ranks the frames of a data set by how likely their labels are wrong: where a model contradicts them with confidence.

The idea is that of confident learning (Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in
Dataset Labels", JAIR 2021): a pixel is doubtful when the model gives another class than its label more probability
than that class has on average where it is the label. Here doubtful pixels form regions, those along borders, where
every label is a matter of taste, are left out, and a pair of classes that the model confuses everywhere counts less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

WORKING_WIDTH = 160
"""Pixels: the size at which labels and probabilities are compared."""
CONFIDENT = 0.8
"""Share of a class's mean probability, where it is the label, that makes a contradiction a confident one."""
LARGEST_LOSS = 6.0
"""Log of the ratio of two probabilities: a factor of 400. Beyond it nothing is more wrong."""
SMALLEST_REGION = 3
"""Pixels of the working size."""
AREA_POWER = 0.6
"""Of a region's area, by which its mean is multiplied: not 1, or the largest always wins; not 0, or single pixels do.
Chosen, as the square of loss and surprise, on draws of errors that no published figure is of."""
SMOOTHING = 50.0
"""Pixels that each pair of classes is thought to have been confused on, in frames never seen."""


@dataclass(frozen=True)
class Doubt:
    """The most doubtful region of a frame: its label and the class that the model sees there, by id; `score`, the
    larger the likelier an error; `box`, left, top, right, bottom in shares of the image; `pixels` of the image."""

    frame: Any
    score: float
    label: int
    predicted: int
    box: tuple[float, float, float, float]
    pixels: int


@dataclass(frozen=True)
class _Contradictions:
    """Of one frame, those pixels where the model contradicts all labels nearby: flat indices, and at them label, class,
    probability of the class, and loss."""

    frame: Any
    shape: tuple[int, int]
    scale: float
    places: np.ndarray
    labels: np.ndarray
    classes: np.ndarray
    probabilities: np.ndarray
    losses: np.ndarray


class LabelErrors:
    """Gathers frames one after the other, and then ranks them. It keeps some kilobytes of each."""

    def __init__(self, classes: int, ignore_id: int) -> None:
        self._classes, self._ignore_id = classes, ignore_id
        self._frames: list[_Contradictions] = []
        self._probability_sums = np.zeros(classes)
        self._confusion = np.zeros((classes, classes))

    def add(self, frame: Any, label: np.ndarray, probabilities: np.ndarray) -> None:
        """Take a frame: `label` integer ids (H, W), `probabilities` float32 (H, W, classes) by a model."""
        height, width = label.shape
        scale = min(1.0, WORKING_WIDTH / width)
        shape = (max(1, round(height * scale)), max(1, round(width * scale)))
        ids = cv2.resize(label.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST)
        planes = [cv2.resize(np.ascontiguousarray(probabilities[..., c]), shape[::-1], interpolation=cv2.INTER_AREA)
                  for c in range(self._classes)]  # fmt: skip
        scores = np.stack(planes, axis=-1)
        labelled = (ids != self._ignore_id) & (ids < self._classes)
        truth = np.where(labelled, ids, 0).astype(np.int64)
        predicted = scores.argmax(axis=-1)
        for class_id in range(self._classes):
            self._probability_sums[class_id] += scores[..., class_id][labelled & (truth == class_id)].sum()
        pairs = truth[labelled] * self._classes + predicted[labelled]
        self._confusion += np.bincount(pairs, minlength=self._classes**2).reshape(self._classes, self._classes)
        kernel = np.ones((3, 3), np.uint8)
        nearby = np.stack(
            [cv2.dilate((labelled & (truth == c)).astype(np.uint8), kernel) for c in range(self._classes)], axis=-1
        ).astype(bool)
        agrees = np.take_along_axis(nearby, predicted[..., np.newaxis], axis=-1)[..., 0]
        places = np.flatnonzero(labelled & ~agrees)
        of_class = scores.max(axis=-1).ravel()[places]
        of_label = np.where(nearby, scores, 0.0).max(axis=-1).ravel()[places]
        losses = np.clip(np.log(of_class + 1e-3) - np.log(of_label + 1e-3), 0.0, LARGEST_LOSS)
        self._frames.append(
            _Contradictions(
                frame, shape, scale, places, truth.ravel()[places], predicted.ravel()[places], of_class, losses
            )
        )

    def ranked(self, count: int) -> list[Doubt]:
        """The `count` most doubtful frames, the worst first."""
        labelled = self._confusion.sum(axis=1)
        expected = np.divide(self._probability_sums, labelled, out=np.ones(self._classes), where=labelled > 0)
        smoothed = self._confusion + SMOOTHING
        usual = smoothed / smoothed.sum(axis=1, keepdims=True) * (smoothed / smoothed.sum(axis=0, keepdims=True))
        surprise = -np.log(usual)
        doubts = (self._worst_region(frame, CONFIDENT * expected, surprise) for frame in self._frames)
        return sorted((doubt for doubt in doubts if doubt is not None), key=lambda doubt: -doubt.score)[:count]

    def _worst_region(self, frame: _Contradictions, least: np.ndarray, surprise: np.ndarray) -> Doubt | None:
        confident = frame.probabilities >= least[frame.classes]
        if not confident.any():
            return None
        places = frame.places[confident]
        labels, classes = frame.labels[confident], frame.classes[confident]
        regions = np.zeros(frame.shape, np.uint8)
        regions.ravel()[places] = 1
        count, numbers = cv2.connectedComponents(regions, connectivity=4)
        of_region = numbers.ravel()[places]
        areas = np.bincount(of_region, minlength=count)
        weights = np.square(frame.losses[confident] * surprise[labels, classes])
        sums = np.bincount(of_region, weights=weights, minlength=count)
        scores = np.where(areas >= SMALLEST_REGION, sums / np.maximum(areas, 1) ** (1.0 - AREA_POWER), 0.0)
        worst = int(scores.argmax())
        if scores[worst] <= 0:
            return None
        inside = of_region == worst
        rows, columns = np.divmod(places[inside], frame.shape[1])
        box = (
            float(columns.min() / frame.shape[1]), float(rows.min() / frame.shape[0]),
            float((columns.max() + 1) / frame.shape[1]), float((rows.max() + 1) / frame.shape[0]),
        )  # fmt: skip
        return Doubt(
            frame.frame,
            float(scores[worst]),
            int(np.bincount(labels[inside]).argmax()),
            int(np.bincount(classes[inside]).argmax()),
            box,
            round(int(areas[worst]) / frame.scale**2),
        )
