"""Carries the mask of one frame over to the next of a clip."""

from __future__ import annotations

import cv2
import numpy as np

from rt_seg_training.labelling.refinement import refine

REFINE_WIDTH = 5


def propagate(color_before: np.ndarray, mask_before: np.ndarray, color: np.ndarray) -> np.ndarray:
    """(H, W) uint8 class ids proposed for `color`, from the frame before it and its mask.

    The mask moves with dense optical flow (DIS: Kroeger, Timofte, Dai and Van Gool 2016). In a mask of one class
    GrabCut then decides the edge again, so that errors do not add up from frame to frame. Both images are (H, W, 3)
    uint8 RGB of one size.
    """
    grey_before, grey = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (color_before, color))
    # From the new frame back to the old one: it says for every new pixel where its class was.
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(grey, grey_before, None)
    height, width = grey.shape
    places = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32) + flow
    moved = cv2.remap(mask_before, places, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    classes = np.unique(moved[moved > 0])
    if len(classes) != 1:
        return moved
    return refine(color, (moved > 0).astype(np.uint8), REFINE_WIDTH) * classes[0]
