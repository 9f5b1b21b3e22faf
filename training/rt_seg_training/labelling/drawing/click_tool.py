"""Clicks that a model turns into a region: the left button adds, the right one takes away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rt_seg_training.clicks.click_model import ClickModel
from rt_seg_training.clicks.simulated_clicks import Click
from rt_seg_training.labelling.drawing.tool import Line, Point, Target, Tool

CROSS = 4.0
"""Half the length of the crosses that show clicks, in pixels of the image."""


@dataclass(frozen=True)
class ClickedRegion:
    """A region that is being clicked: the mask of the document before it, its clicks, its class, and where it is."""

    before: np.ndarray
    clicks: tuple[Click, ...]
    label: int
    region: np.ndarray


class ClickTool(Tool):
    """Each click makes the region of the current class anew; Enter or Shift + click ends it, and the next begins."""

    name = "clicks"
    key = "k"
    hint = ("left: in the region", "right: not in the region", "Shift + left: next region", "Enter: region is done")

    def __init__(self, model: ClickModel) -> None:
        super().__init__()
        self._model = model
        self._answer: str | None = None

    @staticmethod
    def _begun(target: Target) -> ClickedRegion | None:
        memory = target.document.memory
        return memory if isinstance(memory, ClickedRegion) and memory.label == target.label else None

    def press(self, target: Target, point: Point, secondary: bool, shift: bool) -> None:
        self._answer = None
        begun = None if shift and not secondary else self._begun(target)
        document = target.document
        height, width = document.mask.shape
        if not (-0.5 <= point[0] < width - 0.5 and -0.5 <= point[1] < height - 0.5):
            return
        click = Click(*point, not secondary)
        if begun is None:
            present = document.mask == target.label
            if secondary and not present.any():
                self._answer = "click into the region first, with the left button"
                return
            # What is there already is corrected, if the click is in it or takes away from it.
            x, y = round(point[0]), round(point[1])
            corrected = secondary and bool(present[y, x])
            base = document.mask.copy()
            base[present & corrected] = 0
            begun = ClickedRegion(base, (), target.label, present & corrected)
        clicks = (*begun.clicks, click)
        known = begun.region if begun.region.any() else None
        region = self._model.mask(document.color, clicks, known)
        mask = begun.before.copy()
        allowed = region if target.allowed is None else region & target.allowed
        mask[allowed] = 0 if target.erasing else target.label
        document.change(mask, ClickedRegion(begun.before, clicks, target.label, region))
        if not region.any():
            self._answer = "nothing found there; click again, or use another tool"

    def release(self, target: Target, point: Point) -> str | None:
        return self._answer

    def confirm(self, target: Target) -> bool:
        if self._begun(target) is None:
            return False
        target.document.memory = None
        return True

    def lines(self, target: Target) -> Iterator[Line]:
        begun = self._begun(target)
        for click in begun.clicks if begun is not None else ():
            x, y = click.x, click.y
            yield Line(np.array([(x - CROSS, y), (x + CROSS, y)]), strong=click.adds)
            if click.adds:
                yield Line(np.array([(x, y - CROSS), (x, y + CROSS)]), strong=True)
