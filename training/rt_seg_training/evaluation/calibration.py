"""Calibration: does the confidence of a segmenter match its accuracy?

Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017, arXiv:1706.04599): pixels are sorted into bins by
their confidence; in each the share of right ones is compared with the mean confidence.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

BINS = 15
"""Bins of equal width over confidences 0 to 1, as in the paper."""


@dataclass
class Calibration:
    """Per bin of confidence, (BINS,) each: int64 pixels, int64 right ones, float64 sum of the confidences."""

    pixels: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))
    right: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))
    confidence_sum: np.ndarray = field(default_factory=lambda: np.zeros(BINS))

    def add(self, truth: np.ndarray, prediction: np.ndarray, confidence: np.ndarray, ignore_id: int) -> None:
        """Count one frame: class ids (H, W), confidence float (H, W) in 0..1; pixels of `ignore_id` are left out."""
        counted = truth != ignore_id
        values = confidence[counted]
        bins = np.minimum((values * BINS).astype(np.int64), BINS - 1)
        self.pixels += np.bincount(bins, minlength=BINS)
        self.right += np.bincount(bins[(truth == prediction)[counted]], minlength=BINS)
        self.confidence_sum += np.bincount(bins, values, minlength=BINS)

    @property
    def accuracy(self) -> np.ndarray:
        """(BINS,) share of correct pixels; NaN for a bin without any."""
        return np.divide(self.right, self.pixels, out=np.full(BINS, np.nan), where=self.pixels > 0)

    @property
    def confidence(self) -> np.ndarray:
        """(BINS,) mean confidence; NaN for a bin without pixels."""
        return np.divide(self.confidence_sum, self.pixels, out=np.full(BINS, np.nan), where=self.pixels > 0)

    @property
    def expected_error(self) -> float:
        """Expected calibration error: mean gap between accuracy and confidence, weighed by pixels; NaN without any."""
        total = int(self.pixels.sum())
        return float(np.abs(self.right - self.confidence_sum).sum()) / total if total else float("nan")

    def to_dict(self) -> dict:
        """Plain numbers: the error, and per bin with pixels their number, mean confidence and accuracy."""
        return {
            "expected_error": None if not self.pixels.any() else round(self.expected_error, 6),
            "bins": [
                {
                    "pixels": int(self.pixels[index]),
                    "confidence": round(float(self.confidence[index]), 6),
                    "accuracy": round(float(self.accuracy[index]), 6),
                }
                for index in np.flatnonzero(self.pixels)
            ],
        }
