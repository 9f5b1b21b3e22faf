"""State of the segmentation node on /diagnostics."""
from __future__ import annotations

import threading
import time
from typing import Callable, Dict, NamedTuple, Optional

import diagnostic_updater
import rospy
from diagnostic_msgs.msg import DiagnosticStatus

from rt_seg.bundle import Bundle


class StreamState(NamedTuple):
    """What the node knows about its stream: counters by name, seconds without colour, and the last failure's text."""

    counters: Dict[str, int]
    silence: float
    uses_depth: bool
    depth_alive: bool
    last_failure: Optional[str]
    inference: Optional[float]
    age: Optional[float]


class Diagnostics:
    """Publishes once per `period` seconds of wall time, so also while simulated time stands still.

    diagnostic_updater's own FrequencyStatus divides by ROS time passed, which is zero then; rates are made here from
    counters and the monotonic clock.
    """

    def __init__(
        self, bundle: Bundle, engine: str, topic: str, read_state: Callable[[], StreamState], period: float
    ) -> None:
        self._bundle = bundle
        self._engine = engine
        self._topic = topic
        self._read_state = read_state
        self._period = period
        self._previous: Optional[Dict[str, int]] = None
        self._previous_time = time.monotonic()
        self._updater = diagnostic_updater.Updater()
        self._updater.setHardwareID("none")
        self._updater.add("stream", self._stream)
        self._updater.add("model", self._model)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="diagnostics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        while not self._stopped.wait(self._period):
            try:
                self._updater.force_update()
            except rospy.ROSException:
                return  # publishing after shutdown

    def _stream(self, status: diagnostic_updater.DiagnosticStatusWrapper) -> diagnostic_updater.DiagnosticStatusWrapper:
        state, now = self._read_state(), time.monotonic()
        previous = self._previous or dict.fromkeys(state.counters, 0)
        elapsed = max(now - self._previous_time, 1e-3)
        rates = {name: (count - previous[name]) / elapsed for name, count in state.counters.items()}
        failing = state.counters["failed"] > previous["failed"]
        refusing = state.counters["depth_refused"] > previous["depth_refused"]
        self._previous, self._previous_time = state.counters, now
        if state.silence > 2.0:
            status.summary(DiagnosticStatus.WARN, f"no colour image for {state.silence:.0f} s on {self._topic}")
        elif failing:
            status.summary(DiagnosticStatus.ERROR, state.last_failure or "failing")
        elif state.uses_depth and not state.depth_alive:
            status.summary(DiagnosticStatus.WARN, "no depth; working with colour alone")
        elif refusing:
            status.summary(DiagnosticStatus.WARN, state.last_failure or "depth refused")
        else:
            status.summary(DiagnosticStatus.OK, f"{rates['segmented']:.1f} masks a second")
        status.add("color rate (Hz)", f"{rates['color_received']:.1f}")
        status.add("depth rate (Hz)", f"{rates['depth_received']:.1f}")
        status.add("mask rate (Hz)", f"{rates['segmented']:.1f}")
        if state.inference is not None:
            status.add("time of the last segmentation (ms)", f"{state.inference * 1e3:.1f}")
        if state.age is not None:
            status.add("age of the last mask at publishing (ms)", f"{state.age * 1e3:.1f}")
        for name, count in state.counters.items():
            status.add(name, str(count))
        status.add("last failure", state.last_failure or "none")
        return status

    def _model(self, status: diagnostic_updater.DiagnosticStatusWrapper) -> diagnostic_updater.DiagnosticStatusWrapper:
        bundle = self._bundle
        status.summary(DiagnosticStatus.OK, f"{bundle.name} {bundle.version}")
        status.add("bundle", str(bundle.folder))
        status.add("engine", self._engine)
        status.add("input", f"{bundle.input.width}x{bundle.input.height} {bundle.input.channels}")
        status.add("classes", ", ".join(bundle.labels.names))
        status.add("fingerprint", bundle.labels.fingerprint)
        return status
