"""Which frames of a stream are kept: at a maximum rate, when the view has changed, or on request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, Iterable, Iterator, List, Optional, Tuple

import cv2
import numpy as np

from rt_seg.cameras.frame import Frame

THUMBNAIL = (64, 48)


class CaptureError(ValueError):
    """The requested capture is not possible; the text says why and what to do."""


@dataclass(frozen=True)
class CaptureSettings:
    """What is kept of a stream."""

    rate: float = 0.0
    """Most images per second of the recording; 0 = every one."""
    change: float = 2.0
    """Least mean difference to every image kept before, in levels of 255, at 64x48 grey pixels; 0 = any."""
    roi: Optional[Tuple[int, int, int, int]] = None
    """Left, top, width and height of the part that is kept, in pixels."""


def cropped(frame: Frame, roi: Tuple[int, int, int, int]) -> Frame:
    """The part left, top, width, height of a frame, with intrinsics that fit. Raises CaptureError if it is outside."""
    left, top, width, height = roi
    whole = frame.intrinsics
    if left < 0 or top < 0 or width < 1 or height < 1 or left + width > whole.width or top + height > whole.height:
        raise CaptureError(
            f"--roi {left} {top} {width} {height}: is not within the image of {whole.width}x{whole.height} pixels"
        )
    window = (slice(top, top + height), slice(left, left + width))
    camera = replace(whole, width=width, height=height, cx=whole.cx - left, cy=whole.cy - top)
    depth = None if frame.depth is None else frame.depth[window]
    return Frame(np.ascontiguousarray(frame.color[window]), depth, None, camera, frame.stamp)


class Selection:
    """Decides frame by frame; a view that comes back is not kept a second time."""

    def __init__(self, settings: CaptureSettings, asked: Optional[Callable[[], bool]] = None) -> None:
        """`asked`: whether the next frame is requested; then rate and change do not count."""
        self._settings = settings
        self._asked = asked
        self._due = -np.inf
        self._kept: List[np.ndarray] = []

    def remember(self, color: np.ndarray) -> None:
        """Note an image, uint8 (H, W, 3) RGB, that an earlier run has kept."""
        self._kept.append(self._thumbnail(color))

    def chosen(self, frames: Iterable[Frame]) -> Iterator[Tuple[int, Frame]]:
        """The frames to keep, each with its number in the stream. Raises CaptureError, and what `frames` raises."""
        for number, frame in enumerate(frames):
            kept = self._judge(frame)
            if kept is not None:
                yield number, kept

    def _judge(self, frame: Frame) -> Optional[Frame]:
        settings = self._settings
        if self._asked is not None:
            if not self._asked():
                return None
            return frame if settings.roi is None else cropped(frame, settings.roi)
        # Half a millisecond: stamps are multiples of a period that has no exact number.
        if settings.rate and frame.stamp < self._due - 0.0005:
            return None
        if settings.roi is not None:
            frame = cropped(frame, settings.roi)
        if settings.change:
            thumbnail = self._thumbnail(frame.color)
            if any(cv2.norm(thumbnail, other, cv2.NORM_L1) / thumbnail.size < settings.change for other in self._kept):
                return None
            self._kept.append(thumbnail)
        self._due = frame.stamp + (1 / settings.rate if settings.rate else 0)
        return frame

    @staticmethod
    def _thumbnail(color: np.ndarray) -> np.ndarray:
        return cv2.resize(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY), THUMBNAIL, interpolation=cv2.INTER_AREA)
