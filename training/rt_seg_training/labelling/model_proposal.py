"""What a model, be it half-trained, proposes: alone, or where it is sure over a mask that was carried over."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from rt_seg.labels import UNLABELLED, LabelSet
from rt_seg_training.labelling.captures import Capture, LabellingError

SURE = 0.9
"""Confidence from which the model decides and not the mask that was carried over."""
REACH = 15
"""Pixels around the mask that was carried over in which the model is believed: farther away is another object."""


class ModelProposal:
    """Proposes masks with the classes of `labels`. Raises BundleError, LabellingError for a model of other classes."""

    def __init__(self, folder: Path, labels: LabelSet) -> None:
        from rt_seg.bundle import load_bundle
        from rt_seg.segmenter import load_segmenter

        bundle = load_bundle(folder)
        self._object_only = len(labels) == 2
        if not self._object_only and bundle.labels.names != labels.names:
            raise LabellingError(
                f"{folder}: has the classes {', '.join(bundle.labels.names)}, not "
                f"{', '.join(labels.names)}; name a model with the same classes"
            )
        self._segmenter = load_segmenter(bundle)

    def propose(self, capture: Capture, color: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Class ids (H, W) uint8 and confidence (H, W) float32 for the image, (H, W, 3) uint8 RGB, of a capture."""
        from rt_seg_training.datasets.images import read_depth

        takes_depth = self._segmenter.spec.with_depth and capture.depth is not None
        depth = read_depth(capture.depth, color.shape) if takes_depth else None
        found = self._segmenter.segment(color, confidence=True, depth=depth)
        mask = found.mask
        if self._object_only:
            mask = ((mask != 0) & (mask != UNLABELLED)).astype(np.uint8)
        assert found.confidence is not None
        return mask, found.confidence


def combine(carried: np.ndarray | None, proposed: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """(H, W) uint8: the carried mask, corrected near it where the model is sure; the model's own where nothing is."""
    if carried is None or not carried.any():
        return proposed
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * REACH + 1, 2 * REACH + 1))
    near = cv2.dilate((carried > 0).astype(np.uint8), kernel) > 0
    return np.where(near & (confidence >= SURE), proposed, carried)
