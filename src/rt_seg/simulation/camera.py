"""The simulated scene as a camera: live, at the rate that this machine renders."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Iterator, Optional

from rt_seg.cameras.errors import CameraSettingError
from rt_seg.cameras.frame import Frame, Placement
from rt_seg.simulation.classes import tabletop_labels
from rt_seg.simulation.errors import SimulationError
from rt_seg.simulation.recipe_file import load_recipe
from rt_seg.simulation.recording import simulate_recording

TURN = 20
"""Seconds of one turn of the camera's closed path at the rate asked for; a slower machine renders it more slowly."""


class SimulatedCamera:
    """One scene rendered for ever along a closed path, with depth and ground truth."""

    color_placement = Placement()

    def __init__(
        self, seed: int, width: int = 640, height: int = 480, rate: float = 30.0, recipe: Optional[Path] = None
    ) -> None:
        """`rate` in Hz is the highest; `recipe` names what is on the table (default: the tabletop), and the size of the
        images. Nothing is rendered before the first frame. Raises CameraSettingError for a recipe that is none."""
        self.description = f"simulated scene {seed}" + (f" of {recipe}" if recipe else "")
        try:
            scene = load_recipe(recipe) if recipe else None
        except SimulationError as error:
            raise CameraSettingError(str(error)) from error
        self.labels = scene.labels if scene else tabletop_labels()
        self._arguments = (seed, int(TURN * rate), rate, None, width, height, scene)
        self._period = 1.0 / rate

    def __iter__(self) -> Iterator[Frame]:
        """Frames stamped with the computer's clock. Raises CameraSettingError when MuJoCo or EGL is not usable."""
        due = time.monotonic()
        while True:
            try:
                for frame in simulate_recording(*self._arguments):
                    time.sleep(max(due - time.monotonic(), 0.0))
                    due = max(due, time.monotonic()) + self._period
                    yield Frame(frame.color, frame.depth, frame.ground_truth, frame.intrinsics, time.time())
            except SimulationError as error:
                raise CameraSettingError(str(error)) from error

    def close(self) -> None:
        """Nothing is held open between frames."""
