"""What turns clicks into a mask, whatever computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from rt_seg_training.clicks.simulated_clicks import Click


class ClickModelError(ValueError):
    """A model for clicks is not there or not usable; the text says what is wanted and what to do."""


class ClickModel(Protocol):
    """Answers clicks on one image at a time."""

    description: str

    def mask(self, image: np.ndarray, clicks: Sequence[Click], before: np.ndarray | None = None) -> np.ndarray:
        """(H, W) bool: the region that the clicks mean in `image`, (H, W, 3) uint8 RGB.

        `before`: (H, W) bool, the answer to all clicks but the last, where there was one.
        """
        ...


def connected_to_clicks(mask: np.ndarray, clicks: Sequence[Click]) -> np.ndarray:
    """The parts of `mask`, (H, W) bool, in which a click that adds lies; all of it if none has one."""
    count, numbers = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    height, width = mask.shape
    wanted = {
        int(numbers[min(max(round(click.y), 0), height - 1), min(max(round(click.x), 0), width - 1)])
        for click in clicks
        if click.adds
    } - {0}
    return np.isin(numbers, list(wanted)) if wanted and count > 2 else mask
