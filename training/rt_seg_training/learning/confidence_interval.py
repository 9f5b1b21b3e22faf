"""How sure a mean IoU is: the bootstrap over frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rt_seg.confusion import mean_iou

RESAMPLES = 1000
LEVEL = 0.95


def bootstrap_mean_iou(matrices: Sequence[np.ndarray], seed: int = 0) -> tuple[float, float, float]:
    """Mean IoU of all frames together, and the limits of its 95 % confidence interval.

    Frames are drawn with replacement RESAMPLES times (Efron, "Bootstrap methods", 1979, percentile interval).
    Neighbours of one recording are alike, so the truth is wider still.

    Args:
        matrices: a confusion matrix (classes, classes + 1) per frame, as rt_seg.confusion makes them.
        seed: random seed.

    Raises ValueError without any frame.
    """
    if not len(matrices):
        raise ValueError("no frames to score")
    stacked = np.asarray(matrices, np.int64)
    random = np.random.default_rng(seed)
    scores = []
    for _ in range(RESAMPLES):
        counts = np.bincount(random.integers(0, len(stacked), len(stacked)), minlength=len(stacked))
        scores.append(mean_iou(np.tensordot(counts, stacked, axes=1)))
    low, high = np.nanquantile(scores, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return mean_iou(stacked.sum(axis=0)), float(low), float(high)
