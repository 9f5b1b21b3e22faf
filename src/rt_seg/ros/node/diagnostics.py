"""State of the segmentation node on /diagnostics."""

from __future__ import annotations

import threading
import time
from types import MappingProxyType
from typing import Callable, Dict, Mapping, NamedTuple, Optional, Tuple

import diagnostic_updater
import numpy as np
import rospy
from diagnostic_msgs.msg import DiagnosticStatus

from rt_seg.ros.node.complaints import CAMERA_INFO, DEPTH_IMAGE, IMAGE
from rt_seg.ros.node.model import Model
from rt_seg.ros.node.names import NamedUpdater

WARN_SILENCE, STALE_SILENCE = 2.0, 10.0
"""Seconds without a colour image."""
STAMP_AGES = (-1.0, 5.0)
"""Seconds that a stamp may lie behind the clock; more means that two clocks differ."""
MODEL_INPUT = "model input"
"""Key of what the model was given since the last message: one of the texts of `model_input`."""
COLOR, COLOR_AND_DEPTH, DEPTH_MISSING = "color", "color and depth", "color only, depth is missing"
IDLE = "idle: no subscribers to any result"
PAUSED = "disabled by ~enable"
MIN_DEPTH_SHARE = 0.5
"""Share of the colour images that find their depth, below which this is worth a warning."""


class StreamState(NamedTuple):
    """What the node knows about its stream: counters by name, seconds without colour, whether it has let go of
    the images (which come again when somebody wants a result), the last failure's text, the
    seconds of the latest inferences, and how many seconds the clock was past the stamp of the last colour image when
    that came, and past that of the last mask when it had been published. `complaints`: the last words of each cause."""

    counters: Dict[str, int]
    silence: float
    enabled: bool
    idle: bool
    uses_depth: bool
    depth_alive: bool
    model_takes_depth: bool
    last_failure: Optional[str]
    inferences: Tuple[float, ...]
    arrival_age: Optional[float]
    mask_age: Optional[float]
    complaints: Mapping[str, str] = MappingProxyType({})


def judge(state: StreamState, rates: Dict[str, float], topic: str) -> Tuple[int, str]:
    """Level and cause as text; `rates` are those of the counters since the last time, in Hz."""
    if not state.enabled:
        return DiagnosticStatus.OK, PAUSED
    if state.idle:
        return DiagnosticStatus.OK, IDLE
    if state.silence > WARN_SILENCE:
        level = DiagnosticStatus.STALE if state.silence > STALE_SILENCE else DiagnosticStatus.WARN
        return level, f"no colour image for {state.silence:.0f} s on {topic}"
    if rates["failed"] > 0:
        return DiagnosticStatus.ERROR, state.complaints.get(IMAGE, "failing")
    if state.uses_depth and not state.depth_alive:
        adds = " although the model needs it" if state.model_takes_depth else ""
        return DiagnosticStatus.WARN, f"no depth{adds}; using RGB only"
    if state.model_takes_depth and not state.uses_depth:
        return DiagnosticStatus.WARN, "the model uses depth, but ~use_depth is false; using RGB only"
    if rates["depth_refused"] > 0:
        return DiagnosticStatus.WARN, state.complaints.get(DEPTH_IMAGE, "depth rejected")
    if rates["info_refused"] > 0:
        return DiagnosticStatus.WARN, state.complaints.get(CAMERA_INFO, "camera info rejected")
    age = state.arrival_age
    if age is not None and not STAMP_AGES[0] <= age <= STAMP_AGES[1]:
        where = f"{age:.1f} s behind" if age > 0 else f"{-age:.1f} s ahead of"
        return (
            DiagnosticStatus.WARN,
            f"stamps are {where} the clock; are the clocks of camera and computer synchronised?",
        )
    if state.uses_depth and rates["paired"] < MIN_DEPTH_SHARE * rates["color_received"]:
        return DiagnosticStatus.WARN, _why_unpaired(rates)
    if rates["segmented"] == 0 and rates["unwanted"] > 0:
        return DiagnosticStatus.OK, IDLE
    adds = " from colour and depth" if state.model_takes_depth else ""
    return DiagnosticStatus.OK, f"{rates['segmented']:.1f} masks per second{adds}"


def model_input(state: StreamState, rates: Dict[str, float]) -> str:
    """What most of the last images gave the model."""
    if not state.model_takes_depth:
        return COLOR
    return DEPTH_MISSING if rates["without_depth"] > 0.5 * rates["segmented"] else COLOR_AND_DEPTH


def _why_unpaired(rates: Dict[str, float]) -> str:
    color, depth = rates["color_received"], rates["depth_received"]
    found = f"depth for only {rates['paired'] / color:.0%} of the images"
    if depth < 0.8 * color:
        return f"{found}: it arrives at {depth:.1f} Hz, colour at {color:.1f} Hz"
    return f"{found}: the stamps of the others differ by more than ~slop; synchronise the camera, or raise ~slop"


class Diagnostics:
    """Publishes once per `period` seconds of wall time, so also while simulated time stands still.

    diagnostic_updater's own FrequencyStatus divides by ROS time passed, which is zero then; rates are made here from
    counters and the monotonic clock.
    """

    def __init__(
        self,
        model: Callable[[], Model],
        topic: str,
        read_state: Callable[[], StreamState],
        period: float,
        node: str,
    ) -> None:
        """`topic` of the images; `node` is the name in the messages."""
        self._model_of = model
        self._topic = topic
        self._read_state = read_state
        self._period = period
        self._previous: Optional[Dict[str, int]] = None
        self._previous_time = time.monotonic()
        self._updater = NamedUpdater(node)
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
        self._previous, self._previous_time = state.counters, now
        status.summary(*judge(state, rates, self._topic))
        status.add("color rate (Hz)", f"{rates['color_received']:.1f}")
        status.add("depth rate (Hz)", f"{rates['depth_received']:.1f}")
        status.add("mask rate (Hz)", f"{rates['segmented']:.1f}")
        status.add(MODEL_INPUT, model_input(state, rates))
        if rates["color_received"] > 0:
            status.add("share of color with depth", f"{min(rates['paired'] / rates['color_received'], 1.0):.2f}")
        if state.inferences:
            middle, late, last = np.percentile(state.inferences, (50, 95, 99)) * 1e3
            status.add("inference p50, p95, p99 (ms)", f"{middle:.1f}, {late:.1f}, {last:.1f}")
        if state.arrival_age is not None:
            status.add("age of the last color stamp on arrival (ms)", f"{state.arrival_age * 1e3:.1f}")
        if state.mask_age is not None:
            status.add("age of the last mask at publishing (ms)", f"{state.mask_age * 1e3:.1f}")
        for name, count in state.counters.items():
            status.add(name, str(count))
        status.add("last failure", state.last_failure or "none")
        return status

    def _model(self, status: diagnostic_updater.DiagnosticStatusWrapper) -> diagnostic_updater.DiagnosticStatusWrapper:
        model = self._model_of()
        bundle = model.bundle
        warning = model.segmenter.warning
        if warning:
            status.summary(DiagnosticStatus.WARN, f"{model.title} {warning}")
        else:
            status.summary(DiagnosticStatus.OK, model.title)
        status.add("bundle", str(bundle.folder))
        status.add("engine", model.segmenter.description)
        segmenter = model.segmenter
        height, width = segmenter.input_size
        status.add("input", f"{width}x{height} {bundle.input.channels}")
        status.add("input sizes", ", ".join(f"{w}x{h}" for h, w in segmenter.input_sizes))
        if segmenter.reason:
            status.add("reason for the input size", segmenter.reason)
        for (h, w), reason in segmenter.failures.items():
            status.add(f"input {w}x{h}", f"cannot be used: {reason}")
        status.add("classes", ", ".join(bundle.labels.names))
        status.add("fingerprint", bundle.labels.fingerprint)
        return status
