"""Clicks and the mask so far as the channels that the click network reads."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from rt_seg_training.clicks.simulated_clicks import Click

RADIUS = 4
"""Pixels of a click's disc at the network's input (Sofiiuk et al., arXiv:2102.06583: 5, of larger images)."""


def guidance(clicks: Sequence[Click], mask: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32 of 0..1: discs of the clicks that add, of those that take away, and the mask so far.

    `mask`: (H, W) float32 of 0..1, or bool; clicks are in its pixels.
    """
    discs = np.zeros((2, *mask.shape), np.uint8)
    for click in clicks:
        cv2.circle(discs[0 if click.adds else 1], (round(click.x), round(click.y)), RADIUS, 1, cv2.FILLED)
    return np.stack([discs[0], discs[1], mask], axis=-1).astype(np.float32)
