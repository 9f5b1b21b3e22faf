"""Prints the state of the segmentation once per second, and saves its last image: the viewer for a terminal."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Any, Deque, Dict, List, Optional

import numpy as np
import rospy
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Image

from rt_seg.command_line import BAD_INPUT, node_arguments
from rt_seg.confusion import class_iou, confusion_matrix, mean_iou
from rt_seg.labels import UNLABELLED, LabelSet
from rt_seg.msg import LabelInfo
from rt_seg.products.overlay import Palette
from rt_seg.products.snapshot import compose_snapshot, write_png
from rt_seg.recordings.image_messages import ConversionError, mask_from_message
from rt_seg.ros.bridged_images import color_to_rgb
from rt_seg.ros.caller_folder import caller_path
from rt_seg.ros.camera.cameras_file import read_cameras
from rt_seg.ros.camera_topics import COLOR, GROUND_TRUTH, GROUND_TRUTH_LABELS, RECEIVE_BUFFER
from rt_seg.ros.label_messages import labels_of
from rt_seg.ros.launch_end import init_node
from rt_seg.ros.node import diagnostics
from rt_seg.settings import SettingsError, read_settings, setting

EXAMPLE = """
  rosrun rt_seg status _snapshot:=snapshot.png _period:=2 color/image_raw:=/camera/color/image_raw \\
      mask:=/segmentation/mask overlay:=/segmentation/overlay labels:=/segmentation/labels

`roslaunch rt_seg live.launch viewer:=status` starts it with the same topics, and with those of the ground truth:
ground_truth/mask:=/camera/ground_truth/mask ground_truth/labels:=/camera/ground_truth/labels."""

REMEMBERED = 40
"""Messages kept per topic to find those of one stamp: more than a second of a camera at 30 Hz."""

ARRIVALS = 300
"""Colour images whose arrival is known: those of ten seconds at 30 Hz."""

QUIET = 2.0
"""Seconds without a message after which the lack is reported."""

LATENCIES = 100_000
"""Latest masks whose latency the summary covers: an hour at 30 Hz."""


@dataclass(frozen=True)
class StatusSettings:
    """Private parameters."""

    snapshot: str = setting(help_text="file for the last image")
    period: float = setting(1.0, "seconds between lines", 0.1, 3600.0)
    cameras: str = setting("", "camera file, one line per camera; empty: the topics as remapped")


def ids_of(truth: LabelSet, model: LabelSet) -> Optional[np.ndarray]:
    """(256,) uint8: the model's id of each id of the ground truth, by name, 255 for what is no class. None where the
    two do not have the same classes: a score would mean nothing."""
    if set(truth.names) != set(model.names):
        return None
    table = np.full(256, UNLABELLED, np.uint8)
    for label in truth.labels:
        table[label.id] = model.names.index(label.name)
    return table


class Status:
    """What came in on the topics since the start. Callbacks and `line` run in different threads."""

    def __init__(self, topics: Optional[Dict[str, str]] = None) -> None:
        """`topics`: names of color, mask, overlay, labels, ground_truth and ground_truth_labels; without them, those
        that the node is remapped to."""
        self._lock = threading.Lock()
        self._kept: Dict[str, "OrderedDict[int, Image]"] = {
            name: OrderedDict() for name in ("color", "mask", "overlay", "ground_truth")
        }
        self._started = time.monotonic()
        self._last: Dict[str, float] = {}
        self._labels: Optional[LabelSet] = None
        self._matrix: Optional[np.ndarray] = None
        self._truth_ids: Optional[np.ndarray] = None
        self._pixels: Optional[np.ndarray] = None
        self._failure: Optional[str] = None
        self._model_input = diagnostics.COLOR
        self._paused = False
        self._truth_labels: Optional[LabelSet] = None
        self._arrivals: "OrderedDict[int, float]" = OrderedDict()
        self._window: List[float] = []
        self._window_start = time.monotonic()
        self.latencies: Deque[float] = deque(maxlen=LATENCIES)
        self.masks = 0
        self.scored = 0
        self.first_mask: Optional[float] = None
        self.last_mask: Optional[float] = None
        self.topics = topics or {
            "color": rospy.resolve_name(COLOR),
            "mask": rospy.resolve_name("mask"),
            "overlay": rospy.resolve_name("overlay"),
            "labels": rospy.resolve_name("labels"),
            "ground_truth": rospy.resolve_name(GROUND_TRUTH),
            "ground_truth_labels": rospy.resolve_name(GROUND_TRUTH_LABELS),
        }
        for name in self._kept:
            options = {"queue_size": 4, "buff_size": RECEIVE_BUFFER, "tcp_nodelay": True}
            rospy.Subscriber(self.topics[name], Image, self._receive, name, **options)
        rospy.Subscriber(self.topics["labels"], LabelInfo, self._receive_labels, queue_size=1)
        rospy.Subscriber(self.topics["ground_truth_labels"], LabelInfo, self._receive_truth_labels, queue_size=1)
        # The node's name, by its topics; diagnostic_updater leaves the slash out.
        self._node = self.topics["mask"].rpartition("/")[0].strip("/")
        rospy.Subscriber("/diagnostics", DiagnosticArray, self._receive_diagnostics, queue_size=10)

    def _receive_labels(self, message: LabelInfo) -> None:
        labels = labels_of(message)
        with self._lock:
            if labels != self._labels:
                self._labels = labels
                self._pixels = None
                self._begin_scoring()

    def _receive_truth_labels(self, message: LabelInfo) -> None:
        labels = labels_of(message)
        with self._lock:
            if labels != self._truth_labels:
                self._truth_labels = labels
                self._begin_scoring()

    def _begin_scoring(self) -> None:
        """Score from now on, where recording and model have the same classes."""
        self.scored = 0
        self._matrix = self._truth_ids = None
        if self._labels is None or self._truth_labels is None:
            return
        self._truth_ids = ids_of(self._truth_labels, self._labels)
        if self._truth_ids is not None:
            self._matrix = np.zeros((len(self._labels), len(self._labels) + 1), np.int64)
        else:
            rospy.loginfo(
                f"no mIoU: the recording's ground truth has the classes {', '.join(self._truth_labels.names)}, and the "
                f"model {', '.join(self._labels.names)}"
            )

    def _receive_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == f"{self._node}: stream":
                values = {item.key: item.value for item in status.values}
                self._model_input = values.get(diagnostics.MODEL_INPUT, diagnostics.COLOR)
                self._paused = status.message == diagnostics.PAUSED

    def _receive(self, message: Image, name: str) -> None:
        arrival, now = time.monotonic(), rospy.Time.now()
        stamp = message.header.stamp.to_nsec()
        with self._lock:
            kept = self._kept[name]
            kept[stamp] = message
            while len(kept) > REMEMBERED:
                kept.popitem(last=False)
            self._last[name] = arrival
            if name == "color":
                self._arrivals[stamp] = arrival
                while len(self._arrivals) > ARRIVALS:
                    self._arrivals.popitem(last=False)
            if name == "mask":
                latency = self._latency(stamp, arrival, (now - message.header.stamp).to_sec())
                self._window.append(latency)
                self.latencies.append(latency)
                self.masks += 1
                self.first_mask = arrival if self.first_mask is None else self.first_mask
                self.last_mask = arrival
            if name in ("mask", "ground_truth"):
                try:
                    self._score(stamp, name == "mask")
                except ValueError as error:
                    self._failure = f"{self.topics[name]}: {error}"

    def _latency(self, stamp: int, arrival: float, age: float) -> float:
        """Seconds from the arrival of the colour image to that of its mask, by a clock that nobody sets: stamps are of
        one that may jump. The `age` of the stamp where the colour image did not come here."""
        begun = self._arrivals.get(stamp)
        return age if begun is None else max(arrival - begun, 0.0)

    def _score(self, stamp: int, is_mask: bool) -> None:
        """Count the pixels of a new mask, and compare it with ground truth once both are here."""
        if self._labels is None:
            return
        message = self._kept["mask"].get(stamp)
        truth_message = self._kept["ground_truth"].get(stamp)
        if message is None:
            return
        mask = mask_from_message(message)
        if is_mask:
            self._pixels = np.bincount(mask.ravel(), minlength=256)
        if truth_message is not None and self._matrix is not None and self._truth_ids is not None:
            truth = self._truth_ids[mask_from_message(truth_message)]
            del self._kept["ground_truth"][stamp]
            self._matrix += confusion_matrix(truth, mask, len(self._labels), UNLABELLED)
            self.scored += 1

    def line(self) -> str:
        """The state in one line, over the time since the last call."""
        with self._lock:
            now = time.monotonic()
            window, elapsed = self._window, now - self._window_start
            self._window, self._window_start = [], now
            quiet = {name: now - self._last.get(name, self._started) for name in ("color", "mask")}
            if not window and self._paused:
                return "paused: rosservice call /" + self._node + "/enable true resumes"
            if not window and quiet["color"] > QUIET:
                return f"no colour image for {quiet['color']:.0f} s on {self.topics['color']}"
            if not window and quiet["mask"] > QUIET:
                return f"colour images arrive, but no mask for {quiet['mask']:.0f} s on {self.topics['mask']}"
            if not window:
                return "waiting for the first mask" if self.masks == 0 else "0.0 masks/s"
            p50, p95 = np.percentile(window, (50, 95)) * 1e3
            parts = [f"{len(window) / elapsed:.1f} masks/s", f"latency p50 {p50:.0f} ms, p95 {p95:.0f} ms"]
            if self.scored and self._matrix is not None:
                parts.append(f"mIoU {mean_iou(self._matrix):.3f} over {self.scored} frames")
            if self._model_input != diagnostics.COLOR:
                parts.append(f"from {self._model_input}")
            if self._pixels is not None and self._labels is not None:
                parts.append(self._shares(self._pixels, self._labels))
            if self._failure:
                parts.append(self._failure)
                self._failure = None
            return " | ".join(parts)

    @staticmethod
    def _shares(pixels: np.ndarray, labels: LabelSet) -> str:
        shares = {label.name: pixels[label.id] / pixels.sum() for label in labels.labels}
        seen = sorted((item for item in shares.items() if item[1] >= 0.001), key=lambda item: -item[1])
        return ", ".join(f"{name} {100 * share:.1f} %" for name, share in seen)

    def summary(self) -> List[str]:
        """What was seen since the start, in a few lines."""
        with self._lock:
            if self.masks == 0 or self.first_mask is None or self.last_mask is None:
                return [f"no mask was received on {self.topics['mask']}"]
            span = self.last_mask - self.first_mask
            rate = (self.masks - 1) / span if span > 0 else 0.0
            p50, p95 = np.percentile(self.latencies, (50, 95)) * 1e3
            lines = [f"{self.masks} masks, {rate:.1f} masks/s, latency p50 {p50:.0f} ms, p95 {p95:.0f} ms"]
            if self.scored and self._matrix is not None and self._labels is not None:
                scores = zip(self._labels.names, class_iou(self._matrix))
                listed = ", ".join(f"{name} {score:.3f}" for name, score in scores if not np.isnan(score))
                lines.append(f"mIoU {mean_iou(self._matrix):.3f} over {self.scored} frames ({listed})")
            return lines

    def snapshot(self) -> Optional[np.ndarray]:
        """Camera, mask and overlay of the newest stamp that all three have, as (H, W, 3) uint8 RGB; or None."""
        with self._lock:
            common = [s for s in self._kept["mask"] if s in self._kept["color"] and s in self._kept["overlay"]]
            if not common or self._labels is None:
                return None
            messages: Dict[str, Any] = {name: self._kept[name][common[-1]] for name in ("color", "mask", "overlay")}
            labels = self._labels
        try:
            panels = [
                ("camera", color_to_rgb(messages["color"])),
                ("mask", Palette(labels).colorize(mask_from_message(messages["mask"]))),
                ("overlay", color_to_rgb(messages["overlay"])),
            ]
        except ConversionError:
            return None
        return compose_snapshot(panels, "  |  ".join(self.summary()), labels)


def topics_of(camera: str) -> Dict[str, str]:
    """The topics of one of several cameras."""
    node = f"/{camera}/segmentation"
    return {"color": f"/{camera}/{COLOR}", "mask": f"{node}/mask", "overlay": f"{node}/overlay",
            "labels": f"{node}/labels", "ground_truth": f"/{camera}/{GROUND_TRUTH}",
            "ground_truth_labels": f"/{camera}/{GROUND_TRUTH_LABELS}"}  # fmt: skip


def main() -> int:
    """Run the node; returns the exit code."""
    node_arguments("status", __doc__, [StatusSettings], EXAMPLE)
    init_node("status")
    try:
        settings = read_settings(StatusSettings, rospy.get_param("~", {}), f"node {rospy.get_name()}")
        names = [camera.name for camera in read_cameras(caller_path(settings.cameras))] if settings.cameras else []
    except SettingsError as error:
        rospy.logfatal(str(error))
        return BAD_INPUT
    statuses = {"": Status()} if not names else {name: Status(topics_of(name)) for name in names}
    due = time.monotonic() + settings.period
    while not rospy.is_shutdown():
        time.sleep(min(0.1, settings.period))
        if time.monotonic() >= due:
            for name, status in statuses.items():
                print(f"[rt_seg] {name + ': ' if name else ''}{status.line()}", flush=True)
            due = max(due + settings.period, time.monotonic())
    for name, status in statuses.items():
        for line in status.summary():
            print(f"[rt_seg] {name + ': ' if name else ''}{line}", flush=True)
        picture = status.snapshot()
        if picture is None:
            continue
        path = caller_path(settings.snapshot)
        path = path.with_name(f"{path.stem}_{name}{path.suffix}") if name else path
        try:
            write_png(path, picture)
            print(f"[rt_seg] snapshot: {path}", flush=True)
        except OSError as error:
            print(f"[rt_seg] cannot write the snapshot {path}: {error.strerror}", flush=True)
            return 1
    return 0
