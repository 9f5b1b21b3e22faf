"""Masks that do not flicker: a pixel changes its class only when several images in a row agree."""

from __future__ import annotations

from typing import Optional

import numpy as np


class TemporalSmoother:
    """Hysteresis per pixel. A class that lasts appears `frames` - 1 images late, a briefer one never."""

    def __init__(self) -> None:
        self._held: Optional[np.ndarray] = None
        self._candidate: Optional[np.ndarray] = None
        self._agreed: Optional[np.ndarray] = None

    def reset(self) -> None:
        """Forget the images so far: the next mask is taken as it is."""
        self._held = None

    def smooth(self, mask: np.ndarray, frames: int) -> np.ndarray:
        """The steady mask after one more image.

        Args:
            mask: (H, W) uint8 class ids; another size than before starts over.
            frames: 0..255, images in a row that must agree on a pixel's new class; 0 and 1 take each mask as it is.

        Returns a new (H, W) uint8 array.
        """
        if frames < 2 or self._held is None or self._agreed is None or self._held.shape != mask.shape:
            self._held, self._candidate = mask.copy(), mask.copy()
            self._agreed = np.zeros(mask.shape, np.uint8)
            return mask.copy()
        again = mask == self._candidate
        differs = mask != self._held
        self._agreed = np.where(again, self._agreed, 0).astype(np.uint8) + differs
        np.copyto(self._agreed, 0, where=~differs)
        accepted = self._agreed >= frames
        self._held[accepted] = mask[accepted]
        self._agreed[accepted] = 0
        self._candidate = mask.copy()
        return self._held.copy()
