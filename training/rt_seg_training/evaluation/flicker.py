"""Flicker of the masks of a recording: the share of unchanged pixels whose class changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from rt_seg.products.smoothing import TemporalSmoother

STATIC_DIFFERENCE = 8
"""Of 255: a pixel whose blurred brightness changes by less from frame to frame is looked at as unchanged."""
BLUR = (9, 9)
"""Pixels over which brightness is averaged, so that the noise of the camera is no motion."""
SMOOTHINGS = (0, 3, 5)
"""Settings `smoothing` of the node that are compared: images in a row that must agree on a new class."""


@dataclass
class Flicker:
    """Counts over the pairs of neighbouring frames. `changed`: by smoothing, of the static pixels."""

    frames: int = 0
    pixels: int = 0
    static: int = 0
    changed: dict[int, int] = field(default_factory=dict)

    @property
    def static_share(self) -> float:
        """Share of all pixels that were unchanged from frame to frame; NaN for fewer than two frames."""
        return self.static / self.pixels if self.pixels else float("nan")

    def share(self, smoothing: int) -> float:
        """Share of the unchanged pixels that changed their class, NaN where none was unchanged."""
        return self.changed[smoothing] / self.static if self.static else float("nan")

    def table(self) -> str:
        """The shares as text, a line for each smoothing."""
        lines = [
            f"flicker over {self.frames} frames; {self.static_share:.1%} of the pixels are unchanged from frame to "
            f"frame (brightness within {STATIC_DIFFERENCE} of 255), and of these change their class"
        ]
        lines += [f"  smoothing {smoothing}: {self.share(smoothing):7.3%}" for smoothing in self.changed]
        return "\n".join(lines)


def measure_flicker(frames: Iterable[tuple[np.ndarray, np.ndarray]], smoothings: Sequence[int] = SMOOTHINGS) -> Flicker:
    """Flicker of masks, in the order of the recording; frames are pairs (RGB uint8 (H, W, 3), mask uint8 (H, W))."""
    result = Flicker(changed=dict.fromkeys(smoothings, 0))
    smoothers = {smoothing: TemporalSmoother() for smoothing in smoothings}
    before = None
    for image, mask in frames:
        brightness = cv2.blur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), BLUR)
        masks = {smoothing: smoother.smooth(mask, smoothing) for smoothing, smoother in smoothers.items()}
        result.frames += 1
        if before is not None and before[0].shape == brightness.shape:
            static = cv2.absdiff(before[0], brightness) < STATIC_DIFFERENCE
            result.pixels += static.size
            result.static += int(np.count_nonzero(static))
            for smoothing in smoothings:
                differs = masks[smoothing] != before[1][smoothing]
                result.changed[smoothing] += int(np.count_nonzero(differs & static))
        before = (brightness, masks)
    return result
