"""What stands in the image, in numbers: share of the pixels and distance of each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional

import numpy as np

from rt_seg.labels import LabelSet

NEAREST_PERCENTILE = 1.0
"""The nearest depth is this percentile: the very nearest pixel of real depth is noise more often than not."""


@dataclass(frozen=True)
class ClassStatistic:
    """One class in one image: shares of 0..1; depths in metres along the optical axis, NaN without a reading."""

    class_id: int
    pixel_share: float
    depth_share: float
    """Share of the class's pixels that have a depth."""
    depth_median: float
    depth_nearest: float


def class_statistics(mask: np.ndarray, depth: Optional[np.ndarray], labels: LabelSet) -> List[ClassStatistic]:
    """Statistics of the classes that occur, in order of id.

    `mask` is (H, W) uint8 class ids, of which those outside `labels` (unlabelled) are left out; `depth` (H, W) float32
    metres with NaN where unknown, or None.

    Examples:
        >>> labels = LabelSet((Label(0, "background", (0, 0, 0)), Label(1, "cup", (200, 0, 0))))
        >>> mask, depth = np.array([[0, 1, 1, 1]], np.uint8), np.array([[2, 0.5, 0.6, np.nan]], np.float32)
        >>> cup = class_statistics(mask, depth, labels)[1]
        >>> cup.pixel_share, round(cup.depth_median, 2)
        (0.75, 0.5)
    """
    counts = np.bincount(mask.ravel(), minlength=len(labels))
    result = []
    for class_id in np.flatnonzero(counts[: len(labels)]):
        values = np.empty(0, np.float32)
        if depth is not None:
            values = depth[mask == class_id]
            values = values[np.isfinite(values)]
        median = nearest = float("nan")
        if values.size:
            # One partition gives both order statistics.
            ranks = (int(NEAREST_PERCENTILE / 100 * (values.size - 1)), (values.size - 1) // 2)
            ordered = np.partition(values, ranks)
            nearest, median = (float(ordered[rank]) for rank in ranks)
        count = int(counts[class_id])
        result.append(ClassStatistic(int(class_id), count / mask.size, values.size / count, median, nearest))
    return result
