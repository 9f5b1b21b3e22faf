"""The confusion matrix of segmentation and the scores read off it.

It serves both halves: the live status line scores masks against a simulated camera's ground truth with it, and the
offline half evaluates models with it, so that "mIoU" means the same number everywhere. NumPy only. Counts are int64:
exact for any number of pixels, where float32 sums stop counting at 2^24.
"""

from __future__ import annotations

from typing import List

import numpy as np


def confusion_matrix(truth: np.ndarray, prediction: np.ndarray, classes: int, ignore_id: int = 255) -> np.ndarray:
    """(classes, classes + 1) int64 pixel counts: row = true class, column = predicted class.

    The last column counts pixels whose prediction is none of the classes (unlabelled, 255): they are errors of the
    true class, not pixels to leave out. Pixels whose ground truth is `ignore_id` are left out.

    Args:
        truth: (height, width) or any shape, integer class ids.
        prediction: integer class ids, of the same shape.
        classes: number of classes; ids are 0..classes-1.
        ignore_id: id in `truth` that marks pixels to leave out.

    Raises:
        ValueError: if the shapes differ, or `truth` holds an id that is neither a class nor `ignore_id`.
    """
    if truth.shape != prediction.shape:
        raise ValueError(
            f"prediction has shape {prediction.shape}, but its ground truth {truth.shape}; make them equal"
        )
    counted = truth != ignore_id
    rows = truth[counted].astype(np.int64)
    columns = prediction[counted].astype(np.int64)
    if rows.size and not 0 <= int(rows.min()) <= int(rows.max()) < classes:
        unknown = sorted({int(i) for i in np.unique(rows)} - set(range(classes)))
        raise ValueError(f"ground truth holds id {unknown[0]}; accepted are 0..{classes - 1} and {ignore_id} (ignore)")
    columns[(columns < 0) | (columns >= classes)] = classes
    counts = np.bincount(rows * (classes + 1) + columns, minlength=classes * (classes + 1))
    return counts.reshape(classes, classes + 1).astype(np.int64)


def _parts(matrix: np.ndarray) -> List[np.ndarray]:
    classes = matrix.shape[0]
    hits = np.diagonal(matrix)[:classes].astype(np.int64)
    return [hits, matrix.sum(axis=1), matrix[:, :classes].sum(axis=0)]


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    result = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result


def class_iou(matrix: np.ndarray) -> np.ndarray:
    """(classes,) float64 intersection over union, TP / (TP + FP + FN); NaN if neither side has the class."""
    hits, truth, predicted = _parts(matrix)
    return _ratio(hits, truth + predicted - hits)


def class_f1(matrix: np.ndarray) -> np.ndarray:
    """(classes,) float64 F1 score (Dice's coefficient), 2 TP / (2 TP + FP + FN); NaN where `class_iou` is."""
    hits, truth, predicted = _parts(matrix)
    return _ratio(2 * hits, truth + predicted)


def class_precision(matrix: np.ndarray) -> np.ndarray:
    """(classes,) float64 TP / (TP + FP); NaN where the class is never predicted."""
    hits, _, predicted = _parts(matrix)
    return _ratio(hits, predicted)


def class_recall(matrix: np.ndarray) -> np.ndarray:
    """(classes,) float64 TP / (TP + FN); NaN where the class is not in the truth."""
    hits, truth, _ = _parts(matrix)
    return _ratio(hits, truth)


def mean_iou(matrix: np.ndarray) -> float:
    """Mean of `class_iou` over the classes that ground truth or prediction hold; NaN for a matrix without pixels."""
    iou = class_iou(matrix)
    present = iou[~np.isnan(iou)]
    return float(present.mean()) if present.size else float("nan")


def pixel_accuracy(matrix: np.ndarray) -> float:
    """Share of the counted pixels whose class is right; NaN for a matrix without pixels."""
    total = int(matrix.sum())
    return float(np.trace(matrix)) / total if total else float("nan")
