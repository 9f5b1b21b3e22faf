"""The segmenter: a camera frame in, a segmentation at the frame's size out. ROS-free and TensorFlow-free."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import cv2
import numpy as np

from rt_seg.bundle import Bundle
from rt_seg.engines import create_engine
from rt_seg.engines.class_id_head import class_ids, confidences


@dataclass(frozen=True)
class Segmentation:
    """`mask`: class id per pixel, uint8 (H, W); `confidence`: its probability, float32 (H, W), if it was asked for."""

    mask: np.ndarray
    confidence: Optional[np.ndarray] = None


def resize_image(rgb: np.ndarray, height: int, width: int) -> np.ndarray:
    """An image (h, w, 3) at the network's size; the very one where that is its size."""
    if rgb.shape[:2] == (height, width):
        return rgb
    shrinks = rgb.shape[0] > height or rgb.shape[1] > width
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


class Segmenter:
    """Runs one model bundle. The live node and `evaluate` both use it, so their masks are equal bit for bit."""

    def __init__(self, bundle: Bundle, runtime: str = "auto", threads: int = 0, precision: str = "auto"):
        """Load the bundle's network; see `rt_seg.engines.create_engine` for the arguments and errors."""
        self.bundle = bundle
        self._engine = create_engine(bundle, runtime, threads, precision)

    @property
    def description(self) -> str:
        """Runtime and arithmetic in words."""
        return self._engine.description

    def segment(self, rgb: np.ndarray, confidence: bool = False) -> Segmentation:
        """Segment an RGB image, uint8 (H, W, 3), with `confidence` where wanted: it costs an exponential per class and
        pixel. Raises ValueError for another shape or type."""
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
            raise ValueError(f"image of shape {rgb.shape} and type {rgb.dtype}; accepted: (height, width, 3) uint8 RGB")
        height, width = rgb.shape[:2]
        logits = self._engine.logits(resize_image(rgb, self.bundle.input.height, self.bundle.input.width))
        mask = class_ids(logits, height, width)
        return Segmentation(mask, confidences(logits, height, width) if confidence else None)

    def close(self) -> None:
        """Release the network."""
        self._engine.close()
