"""Moves the edge of a mask to the edge in the image: depth ends some pixels before the object does."""

from __future__ import annotations

import cv2
import numpy as np

ROUNDS = 3


def refine(color: np.ndarray, mask: np.ndarray, width: int) -> np.ndarray:
    """(H, W) uint8 0/1: the mask with its edge decided again by colour, within `width` pixels of where it is.

    GrabCut (Rother, Kolmogorov and Blake 2004) over the mask's surroundings; `color` is (H, W, 3) uint8 RGB, `mask`
    (H, W) uint8 0/1. An empty mask, or a `width` of 0, comes back as it is. The same input gives the same output.
    """
    if width < 1 or not mask.any():
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
    near = cv2.dilate(mask, kernel)
    # Thin parts vanish in an erosion: what the mask says is probable there, and certain further inside.
    inside = cv2.erode(mask, np.ones((5, 5), np.uint8))
    left, top, box_width, box_height = cv2.boundingRect(near)
    # As much again around it, for the colours of the background are learnt there.
    window = (
        slice(max(0, top - 2 * width), top + box_height + 2 * width),
        slice(max(0, left - 2 * width), left + box_width + 2 * width),
    )
    state = np.full(mask.shape, cv2.GC_BGD, np.uint8)
    state[near > 0] = cv2.GC_PR_BGD
    state[mask > 0] = cv2.GC_PR_FGD
    state[inside > 0] = cv2.GC_FGD
    part = np.ascontiguousarray(state[window])
    if not (part == cv2.GC_BGD).any():
        return mask  # no background to learn from
    cv2.setRNGSeed(0)  # GrabCut starts from a random clustering
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(color[window]), part, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    refined = np.zeros_like(mask)
    refined[window] = (part == cv2.GC_FGD) | (part == cv2.GC_PR_FGD)
    return refined
