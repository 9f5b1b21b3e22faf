"""GrabCut (Rother, Kolmogorov and Blake 2004): a box around the object, then strokes where it went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from rt_seg_training.labelling.drawing.brush import stroke
from rt_seg_training.labelling.drawing.tool import Line, Point, Slider, Target, Tool, box_line, box_of

ROUNDS = 4
COARSE_PIXELS = 50_000
"""A larger surrounding is cut at a coarser scale, then only along the edge at its own: a second is the most that
somebody waits between two strokes."""
FINE_PIXELS = 1_000_000
"""Above this the edge stays as the coarser scale has it."""
OBJECT, BACKGROUND = 1, 2


@dataclass(frozen=True)
class Cut:
    """What the user said: a box (left, top, right, bottom), and strokes, (H, W) uint8 of 0, OBJECT and BACKGROUND."""

    box: tuple[int, int, int, int]
    strokes: np.ndarray


def surroundings(mask: np.ndarray, strokes: np.ndarray) -> tuple[int, int, int, int]:
    """A box around what is labelled and every stroke, with a quarter more at each side."""
    x, y, width, height = cv2.boundingRect(((mask > 0) | (strokes > 0)).astype(np.uint8))
    margin = max(width, height) // 4 + 8
    return (
        max(0, x - margin), max(0, y - margin),
        min(mask.shape[1], x + width + margin), min(mask.shape[0], y + height + margin),
    )  # fmt: skip


def grab_cut(color: np.ndarray, cut: Cut, present: np.ndarray) -> np.ndarray:
    """(H, W) bool: the object, (H, W, 3) uint8 RGB, by GrabCut. The same input gives the same output.

    `present`, (H, W) bool, is what counts as the object so far; where it is empty, everything in the box may be.
    """
    left, top, right, bottom = cut.box
    # Background is learnt around the box, too.
    margin = max(right - left, bottom - top) // 4 + 8
    rows = slice(max(0, top - margin), bottom + margin)
    columns = slice(max(0, left - margin), right + margin)
    state = np.full(present.shape, cv2.GC_BGD, np.uint8)
    inner = state[top:bottom, left:right]
    if present[top:bottom, left:right].any():
        inner[:] = cv2.GC_PR_BGD
        inner[present[top:bottom, left:right]] = cv2.GC_PR_FGD
    else:
        inner[:] = cv2.GC_PR_FGD
    if not ((state[rows, columns] & 1) == 0).any():
        # A box around the whole image leaves nothing to learn from but its rim.
        state[:2] = state[-2:] = state[:, :2] = state[:, -2:] = cv2.GC_BGD
    strokes = {cv2.GC_FGD: cut.strokes == OBJECT, cv2.GC_BGD: cut.strokes == BACKGROUND}
    for value, drawn in strokes.items():
        state[drawn] = value
    part, picture = state[rows, columns].copy(), np.ascontiguousarray(color[rows, columns])
    scale = min(1.0, (COARSE_PIXELS / part.size) ** 0.5)
    if scale == 1:
        found = _cut(picture, part, ROUNDS)
    else:
        size = (max(2, round(part.shape[1] * scale)), max(2, round(part.shape[0] * scale)))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        coarse = cv2.resize(part, size, interpolation=cv2.INTER_NEAREST)
        for value, drawn in strokes.items():  # thin ones, too
            coarse[cv2.resize(drawn[rows, columns].astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0] = value
        coarse = _cut(small, coarse, ROUNDS)
        found = (cv2.resize(coarse.astype(np.float32), part.shape[::-1]) > 0.5).astype(np.uint8)
        if part.size <= FINE_PIXELS:
            width = 2 * int(np.ceil(2 / scale)) + 1
            near_edge = cv2.morphologyEx(found, cv2.MORPH_GRADIENT, np.ones((width, width), np.uint8)) > 0
            fine = np.where(found > 0, cv2.GC_FGD, cv2.GC_BGD).astype(np.uint8)
            fine[near_edge] = np.where(found > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD)[near_edge]
            fixed = (part == cv2.GC_BGD) | (part == cv2.GC_FGD)
            fine[fixed] = part[fixed]
            found = _cut(picture, fine, 1)
    result = np.zeros(present.shape, bool)
    result[rows, columns] = found > 0
    result[cut.strokes == OBJECT] = True
    result[cut.strokes == BACKGROUND] = False
    return result


def _cut(picture: np.ndarray, state: np.ndarray, rounds: int) -> np.ndarray:
    """(H, W) uint8 0/1 after some rounds from `state`, in OpenCV's four values."""
    if not ((state & 1) == 1).any() or not ((state & 1) == 0).any():
        return state & 1  # nothing to tell apart
    cv2.setRNGSeed(0)  # GrabCut starts from a random clustering
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(picture, state, None, *models, rounds, cv2.GC_INIT_WITH_MASK)
    return state & 1  # GC_FGD is 1, GC_PR_FGD is 3


class GrabCut(Tool):
    """The first drag is a box; later ones are strokes. On a mask that is there, strokes correct it without a box."""

    name = "GrabCut"
    key = "g"
    hint = ("left drag: box, then", "  strokes on the object", "right drag: background", "Shift + drag: new box")

    def __init__(self) -> None:
        super().__init__()
        self.sliders = (Slider("stroke", 5, 1, 60),)
        self._start: Point | None = None
        self._last: Point = (0.0, 0.0)
        self._boxing = False
        self._value = OBJECT
        self._strokes: np.ndarray | None = None

    @staticmethod
    def _cut(target: Target) -> Cut | None:
        memory = target.document.memory
        return memory if isinstance(memory, Cut) else None

    def press(self, target: Target, point: Point, secondary: bool, shift: bool) -> None:
        self._start = self._last = point
        cut = self._cut(target)
        present = (target.document.mask == target.label).any()
        self._boxing = not secondary and (shift or (cut is None and not present))
        self._value = BACKGROUND if secondary else OBJECT
        afresh = cut is None or self._boxing
        self._strokes = np.zeros(target.document.mask.shape, np.uint8) if cut is None or afresh else cut.strokes.copy()
        self.move(target, point)

    def move(self, target: Target, point: Point) -> None:
        if self._start is not None and not self._boxing and self._strokes is not None:
            stroke(self._strokes, self._last, point, self.sliders[0].value, self._value)
        self._last = point

    def release(self, target: Target, point: Point) -> str | None:
        if self._start is None or self._strokes is None:
            return None
        self.move(target, point)
        document, label = target.document, target.label
        start, strokes = self._start, self._strokes
        self._start = self._strokes = None
        present = document.mask == label
        if self._boxing:
            box = box_of(start, point, document.mask.shape)
            if box[2] - box[0] < 3 or box[3] - box[1] < 3:
                return "drag a box around the object first"
            present = np.zeros_like(present)
        else:
            cut = self._cut(target)
            box = surroundings(present, strokes) if cut is None else cut.box
            if not present.any() and self._value == BACKGROUND:
                return "nothing labelled yet: drag a box around the object first"
            # A stroke outside the box widens it: the user knows better.
            x, y, width, height = cv2.boundingRect((strokes == OBJECT).astype(np.uint8))
            if width and (x < box[0] or y < box[1] or x + width > box[2] or y + height > box[3]):
                around = surroundings(np.zeros_like(present), strokes)
                box = (min(box[0], around[0]), min(box[1], around[1]), max(box[2], around[2]), max(box[3], around[3]))
        cut = Cut(box, strokes)
        found = grab_cut(document.color, cut, present)
        mask = document.mask.copy()
        inside = np.zeros_like(found)
        inside[box[1] : box[3], box[0] : box[2]] = True
        before = present if not self._boxing else (document.mask == label) & inside
        allowed = np.ones_like(found) if target.allowed is None else target.allowed
        mask[before & ~found & allowed] = 0
        mask[found & allowed] = label
        changed = document.change(mask, cut)
        if changed:
            return None
        return "GrabCut found nothing in this box; draw strokes on the object" if not found.any() else None

    def cancel(self) -> None:
        self._start = self._strokes = None

    def lines(self, target: Target) -> Iterator[Line]:
        cut = self._cut(target)
        if self._start is not None and self._boxing:
            yield box_line(box_of(self._start, self._last, target.document.mask.shape), strong=True)
        elif cut is not None:
            yield box_line(cut.box)

    def strokes(self, target: Target) -> np.ndarray | None:
        """(H, W) uint8 of OBJECT and BACKGROUND to show; None: none."""
        if self._strokes is not None:
            return self._strokes
        cut = self._cut(target)
        return None if cut is None else cut.strokes
