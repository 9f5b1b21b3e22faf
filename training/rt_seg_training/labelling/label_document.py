"""The mask of one image while it is edited: every change can be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

HISTORY = 200
"""Changes that can be taken back. Each is kept as the box that it touched, so that they stay small."""


@dataclass(frozen=True)
class _Change:
    box: tuple[slice, slice]
    before: np.ndarray
    after: np.ndarray
    memory_before: Any
    memory_after: Any


class LabelDocument:
    """An image, (H, W, 3) uint8 RGB, and its mask, (H, W) uint8 class ids, with a history.

    `memory` is what a tool must know beside the mask (the strokes of GrabCut); it goes back and forth with the mask and
    is never changed in place. `touched`: something differs from what is on disk, or was never there.
    """

    def __init__(self, color: np.ndarray, mask: np.ndarray) -> None:
        if color.shape[:2] != mask.shape:
            raise ValueError(f"image {color.shape[:2]} and mask {mask.shape} differ in size (height, width)")
        self.color = color
        self.mask = mask.copy()
        self.began_with = mask.copy()
        self.memory: Any = None
        self.touched = False
        self._done: list[_Change] = []
        self._undone: list[_Change] = []

    def change(self, mask: np.ndarray, memory: Any = None) -> bool:
        """Take a new mask, (H, W) uint8, and memory; False when the mask was the same (the memory is taken anyway)."""
        differs = mask != self.mask
        if not differs.any():
            self.memory = memory
            return False
        rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        change = _Change(box, self.mask[box].copy(), mask[box].copy(), self.memory, memory)
        self._done = [*self._done[-(HISTORY - 1) :], change]
        self._undone.clear()
        self._put(box, change.after, memory)
        return True

    def undo(self) -> bool:
        """Take back the last change; False when there is none."""
        if not self._done:
            return False
        change = self._done.pop()
        self._undone.append(change)
        self._put(change.box, change.before, change.memory_before)
        return True

    def redo(self) -> bool:
        """Make the last change that was taken back; False when there is none."""
        if not self._undone:
            return False
        change = self._undone.pop()
        self._done.append(change)
        self._put(change.box, change.after, change.memory_after)
        return True

    def _put(self, box: tuple[slice, slice], part: np.ndarray, memory: Any) -> None:
        self.mask[box] = part
        self.memory = memory
        self.touched = True
