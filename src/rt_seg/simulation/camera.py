"""The simulated scene as a camera: live, at the rate that this machine renders."""
from __future__ import annotations

import time
from typing import Iterator

from rt_seg.cameras.errors import CameraError
from rt_seg.cameras.frame import Frame, Placement
from rt_seg.simulation.errors import SimulationError
from rt_seg.simulation.recording import simulate_recording

TURN = 20
"""Seconds of one turn of the camera's closed path at the rate asked for; a slower machine films it more slowly."""


class SimulatedCamera:
    """One scene filmed for ever along a closed path, with depth and ground truth."""

    color_placement = Placement()

    def __init__(self, seed: int, width: int = 640, height: int = 480, rate: float = 30.0) -> None:
        """`rate` in Hz is the highest. Nothing is rendered before the first frame."""
        self.description = f"simulated scene {seed}"
        self._arguments = (seed, int(TURN * rate), rate, None, width, height)
        self._period = 1.0 / rate

    def __iter__(self) -> Iterator[Frame]:
        """Frames stamped with the computer's clock. Raises CameraError when MuJoCo or EGL is not usable."""
        due = time.monotonic()
        while True:
            try:
                for frame in simulate_recording(*self._arguments):
                    time.sleep(max(due - time.monotonic(), 0.0))
                    due = max(due + self._period, time.monotonic())
                    yield Frame(frame.color, frame.depth, frame.ground_truth, frame.intrinsics, time.time())
            except SimulationError as error:
                raise CameraError(str(error)) from error

    def close(self) -> None:
        """Nothing is held open between frames."""
