"""State of a camera node on /diagnostics, by the wall clock."""

from __future__ import annotations

import threading
import time
from typing import Tuple

import diagnostic_updater
import rospy
from diagnostic_msgs.msg import DiagnosticStatus

from rt_seg.cameras.frame import Frame

PERIOD = 1.0
SILENCE = 2.0
"""Seconds without a frame that are worth a warning."""


class CameraDiagnostics:
    """Counts the frames and failures of one camera, and publishes once a second."""

    def __init__(self, camera: str) -> None:
        """`camera`: namespace of its topics, which the status is named after."""
        self._lock = threading.Lock()
        self._frames = self._with_depth = self._failures = 0
        self._last_frame = time.monotonic()
        self._failure = ""
        self._before = (time.monotonic(), 0)
        self._updater = diagnostic_updater.Updater()
        self._updater.setHardwareID("none")
        self._updater.add(f"camera {camera}", self._status)
        self._stopped = threading.Event()
        threading.Thread(target=self._run, name="diagnostics", daemon=True).start()

    def opened(self, description: str) -> None:
        """The camera streams, or is about to."""
        self._updater.setHardwareID(description)
        with self._lock:
            self._failure, self._last_frame = "", time.monotonic()

    def saw(self, frame: Frame) -> None:
        """A frame came."""
        with self._lock:
            self._frames += 1
            self._with_depth += frame.depth is not None
            self._last_frame = time.monotonic()

    def failed(self, reason: str) -> None:
        """The camera was lost or could not be opened."""
        with self._lock:
            self._failures += 1
            self._failure = reason
        self._publish()  # at once: it may be over soon

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(PERIOD):
            self._publish()

    def _publish(self) -> None:
        try:
            self._updater.force_update()
        except rospy.ROSException:
            self._stopped.set()  # publishing after shutdown

    def _judge(self, rate: float) -> Tuple[int, str]:
        silence = time.monotonic() - self._last_frame
        if self._failure:
            return DiagnosticStatus.ERROR, self._failure
        if silence > SILENCE:
            return DiagnosticStatus.WARN, f"no frame for {silence:.0f} s"
        return DiagnosticStatus.OK, f"{rate:.1f} frames per second"

    def _status(self, status: diagnostic_updater.DiagnosticStatusWrapper) -> diagnostic_updater.DiagnosticStatusWrapper:
        with self._lock:
            now = time.monotonic()
            rate = (self._frames - self._before[1]) / max(now - self._before[0], 1e-3)
            self._before = (now, self._frames)
            status.summary(*self._judge(rate))
            status.add("rate (Hz)", f"{rate:.1f}")
            status.add("frames", str(self._frames))
            status.add("frames with depth", str(self._with_depth))
            status.add("failures", str(self._failures))
        return status
