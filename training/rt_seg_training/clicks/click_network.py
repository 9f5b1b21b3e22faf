"""Runs the click network on views of an image: the whole of it first, then around what was found and clicked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from rt_seg_training.clicks.click_model import ClickModelError, connected_to_clicks
from rt_seg_training.clicks.guidance import guidance
from rt_seg_training.clicks.simulated_clicks import Click

MANIFEST = "click.yaml"
MARGIN = 1.4
"""Side of the view, of that of what was found in it."""
MIN_VIEW = 0.15
"""Side of the closest view, of the image's."""
AROUND_CLICK = 0.4
"""Side of the view around clicks of which a look told nothing."""
LOOKS = 3
"""At most, after one click."""
MUCH_CLOSER = 0.8
"""A view is looked at again if the next one would be smaller than this share of it."""


@dataclass(frozen=True)
class View:
    """A part of an image: left, top, width and height in whole pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def part(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


def view_around(box: tuple[float, float, float, float], shape: tuple[int, ...], aspect: float, least: float) -> View:
    """The view of an image of `shape` (H, W) around a box (left, top, right, bottom).

    MARGIN larger than the box, at least `least` of the image's sides, of `aspect` (width / height) where there is room.
    """
    height, width = shape[:2]
    left, top, right, bottom = box
    view_width = max(MARGIN * (right - left), least * width, 8)
    view_height = max(MARGIN * (bottom - top), least * height, 8)
    view_width, view_height = max(view_width, view_height * aspect), max(view_height, view_width / aspect)
    columns, rows = min(round(view_width), width), min(round(view_height), height)
    x = int(np.clip(round((left + right - columns) / 2), 0, width - columns))
    y = int(np.clip(round((top + bottom - rows) / 2), 0, height - rows))
    return View(x, y, columns, rows)


def _box(mask: np.ndarray, clicks: Sequence[Click]) -> tuple[float, float, float, float]:
    """left, top, right, bottom of what is in the mask and of the clicks."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    xs, ys = [click.x for click in clicks], [click.y for click in clicks]
    if width:
        xs, ys = [*xs, x, x + width], [*ys, y, y + height]
    return min(xs), min(ys), max(xs), max(ys)


class ClickNetwork:
    """The network in `folder`, a click.yaml and its OpenVINO files. Raises ClickModelError.

    `looks`: how many times it looks, each time closer, for one click.
    """

    def __init__(self, folder: Path, looks: int = LOOKS) -> None:
        import openvino
        import yaml

        try:
            manifest = yaml.safe_load((folder / MANIFEST).read_text(encoding="utf-8"))
            self._size = int(manifest["height"]), int(manifest["width"])
            files = {str(name): str(digest) for name, digest in manifest["files"].items()}
            for name, digest in files.items():
                if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
                    raise ClickModelError(f"{folder / name}: not the file of {MANIFEST}; copy the whole folder again")
            core = openvino.Core()
            self._network = core.compile_model(
                core.read_model(folder / "model.xml"), "CPU", {"PERFORMANCE_HINT": "LATENCY"}
            )
        except (OSError, KeyError, TypeError, AttributeError, yaml.YAMLError, RuntimeError) as error:
            raise ClickModelError(f"{folder}: is not a click network ({type(error).__name__}: {error})") from error
        self._looks = looks
        self.description = f"click network {folder.name} ({self._size[1]}x{self._size[0]})"

    def _look(self, image: np.ndarray, view: View, clicks: Sequence[Click], before: np.ndarray) -> np.ndarray:
        """(H, W) float32 of the view: how probable it is that a pixel is in the region; `before` is of the image."""
        height, width = self._size
        shrinking = view.width > width
        picture = cv2.resize(
            np.ascontiguousarray(image[view.part]), (width, height),
            interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR,
        )  # fmt: skip
        mask = cv2.resize(np.ascontiguousarray(before[view.part]), (width, height), interpolation=cv2.INTER_LINEAR)
        across, down = width / view.width, height / view.height
        # Pixels' centres are whole numbers.
        moved = [
            Click((click.x + 0.5 - view.left) * across - 0.5, (click.y + 0.5 - view.top) * down - 0.5, click.adds)
            for click in clicks
        ]
        guide = guidance(moved, mask)
        logits = self._network([picture[None], guide[None]])[0][0, :, :, 0]
        enlarged = cv2.resize(np.asarray(logits, np.float32), (view.width, view.height), interpolation=cv2.INTER_LINEAR)
        return 1.0 / (1.0 + np.exp(-np.clip(enlarged, -30, 30)))

    def mask(self, image: np.ndarray, clicks: Sequence[Click], before: np.ndarray | None = None) -> np.ndarray:
        """See ClickModel; ValueError without a click."""
        if not clicks:
            raise ValueError("no click, so there is nothing to look for")
        shape, aspect = image.shape[:2], self._size[1] / self._size[0]
        known = np.zeros(shape, np.float32) if before is None else before.astype(np.float32)
        if known.any():
            view = view_around(_box(known > 0, clicks), shape, aspect, MIN_VIEW)
        else:
            view = View(0, 0, shape[1], shape[0])
        # Also after the first click, which gains most by it: `benchmarks/clicks.py --looks 1 3`.
        for _ in range(self._looks):
            seen = np.zeros(shape, np.float32)
            seen[view.part] = self._look(image, view, clicks, known)
            found = connected_to_clicks(seen > 0.5, clicks)
            known = seen * found
            closer = view_around(_box(found, clicks), shape, aspect, MIN_VIEW if found.any() else AROUND_CLICK)
            if closer.width * closer.height >= MUCH_CLOSER**2 * view.width * view.height:
                break
            view = closer
        found = found.copy()
        for click in clicks:  # what somebody says is certain
            y, x = round(click.y), round(click.x)
            if 0 <= y < shape[0] and 0 <= x < shape[1]:
                found[y, x] = click.adds
        return found
