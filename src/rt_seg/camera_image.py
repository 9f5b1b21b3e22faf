"""Images as a camera sends them; conversions are made on demand, at the requested size.

A network takes a fraction of the pixels of a large image. So an image is made smaller first, and only what is left is
brought into RGB or metres; at full size that is done for those products alone that show it.
"""

from __future__ import annotations

from functools import cached_property
from typing import Optional, Tuple, Union

import cv2
import numpy as np

_PER_PIXEL = (
    cv2.COLOR_BGR2RGB, cv2.COLOR_RGBA2RGB, cv2.COLOR_BGRA2RGB, cv2.COLOR_GRAY2RGB,
)  # fmt: skip
"""Conversions that only move channels: before or after a change of size, the values are the same."""


def resize_image(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """An image (h, w) or (h, w, n) at the network's size; the image itself where that is its size."""
    if image.shape[:2] == (height, width):
        return image
    shrinks = image.shape[0] > height or image.shape[1] > width
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


class CameraImage:
    """A colour image.

    Examples:
        >>> image = CameraImage(np.zeros((720, 1280, 3), np.uint8), cv2.COLOR_BGR2RGB)
        >>> image.at_size(480, 640).shape, image.size
        ((480, 640, 3), (720, 1280))
    """

    def __init__(self, pixels: np.ndarray, conversion: Optional[int] = None) -> None:
        """
        Args:
            pixels: (H, W) or (H, W, n) uint8, possibly with gaps between its rows.
            conversion: OpenCV's code that makes them RGB; None where they are.
        """
        self._pixels = pixels
        self._conversion = conversion

    @property
    def size(self) -> Tuple[int, int]:
        """Height and width, pixels."""
        height, width = self._pixels.shape[:2]
        return height, width

    @cached_property
    def rgb(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB, C-contiguous, possibly read-only: a view of what was given where that is RGB."""
        return self._converted(self._pixels)

    def at_size(self, height: int, width: int) -> np.ndarray:
        """(height, width, 3) uint8 RGB: the values of `resize_image` of `rgb`."""
        if self.size == (height, width) or "rgb" in vars(self) or self._conversion not in (None, *_PER_PIXEL):
            return resize_image(self.rgb, height, width)
        return self._converted(resize_image(self._pixels, height, width))

    def _converted(self, pixels: np.ndarray) -> np.ndarray:
        pixels = np.ascontiguousarray(pixels)
        return pixels if self._conversion is None else cv2.cvtColor(pixels, self._conversion)


class CameraDepth:
    """A depth image, of the pixels of a colour image."""

    def __init__(self, readings: np.ndarray) -> None:
        """`readings`: (H, W), uint16 millimetres, or float32 metres; 0, NaN, inf and less than 0 are no reading."""
        self.readings = readings

    @cached_property
    def metres(self) -> np.ndarray:
        """(H, W) float32 metres, NaN without a reading."""
        if self.readings.dtype == np.uint16:
            metres = self.readings * np.float32(0.001)
        else:
            metres = self.readings.astype(np.float32)
        return without_invalid(metres)


def without_invalid(metres: np.ndarray) -> np.ndarray:
    """Set what is no distance (0, below 0, inf) of a float array to NaN, in place; returns the array."""
    metres[~np.isfinite(metres) | (metres <= 0)] = np.nan
    return metres


def as_camera_image(image: Union[np.ndarray, CameraImage]) -> CameraImage:
    """An RGB array (H, W, 3) uint8 as CameraImage. Raises ValueError for another shape or type."""
    if isinstance(image, CameraImage):
        return image
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ValueError(f"image of shape {image.shape} and type {image.dtype}; accepted: (height, width, 3) uint8 RGB")
    return CameraImage(image)
