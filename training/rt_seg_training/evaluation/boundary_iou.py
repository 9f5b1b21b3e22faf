"""Boundary IoU: how well the outlines of the classes are found, whatever the size of what they enclose.

Cheng et al., "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation" (CVPR 2021, arXiv:2103.16562): of
ground truth and prediction only the pixels within a distance of their own outline count. As in the authors'
implementation the distance is 2 % of the image's diagonal, in steps to any of the eight neighbours, and the image
border is an outline.
Two things are of here: the counts are of all frames together, and a border on ignored pixels is no
outline, on either side, because nobody knows where one is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

DISTANCE_SHARE = 0.02
"""Width of the outlines as a share of the image's diagonal."""


def outline_distance(height: int, width: int) -> int:
    """Pixels from an outline to which pixels count in an image of this size; at least 1."""
    return max(round(DISTANCE_SHARE * float(np.hypot(height, width))), 1)


def near_outline(ids: np.ndarray, ignored: np.ndarray, distance: int) -> np.ndarray:
    """Which pixels are within `distance` of a pixel of another class, or of the rim: bool (H, W).

    `ids` uint8 (H, W); `ignored` bool (H, W): pixels that are of no class, and no neighbour of another one.
    """
    window = np.ones((2 * distance + 1, 2 * distance + 1), np.uint8)
    # One class is all around where the largest and the smallest id are its own: two filters do for all classes.
    largest = cv2.dilate(np.where(ignored, 0, ids).astype(np.uint8), window)
    smallest = cv2.erode(np.where(ignored, 255, ids).astype(np.uint8), window)
    near = (largest != ids) | (smallest != ids)
    near[:distance] = near[-distance:] = True
    near[:, :distance] = near[:, -distance:] = True
    return near & ~ignored


@dataclass
class BoundaryCounts:
    """Pixels near an outline, (classes,) int64 each: of ground truth, of prediction, of both with the same class."""

    classes: int
    truth: np.ndarray = field(init=False)
    prediction: np.ndarray = field(init=False)
    both: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.truth, self.prediction, self.both = (np.zeros(self.classes, np.int64) for _ in range(3))

    def add(self, truth: np.ndarray, prediction: np.ndarray, ignore_id: int, distance: int = 0) -> None:
        """Count one frame: uint8 (H, W) class ids each; `distance` in pixels, 0 takes `outline_distance`."""
        distance = distance or outline_distance(*truth.shape)
        ignored = truth == ignore_id
        near_truth = near_outline(truth, ignored, distance)
        near_prediction = near_outline(prediction, ignored, distance)
        same = near_truth & near_prediction & (truth == prediction)
        for counts, ids, chosen in (
            (self.truth, truth, near_truth), (self.prediction, prediction, near_prediction), (self.both, truth, same)
        ):  # fmt: skip
            counts += np.bincount(ids[chosen], minlength=256)[: self.classes]

    @property
    def iou(self) -> np.ndarray:
        """(classes,) float64; NaN for a class absent from ground truth and prediction."""
        union = self.truth + self.prediction - self.both
        result = np.full(self.classes, np.nan)
        np.divide(self.both, union, out=result, where=union > 0)
        return result

    @property
    def mean_iou(self) -> float:
        """Mean over the classes present in ground truth or prediction; NaN without any."""
        present = self.iou[~np.isnan(self.iou)]
        return float(present.mean()) if present.size else float("nan")
