"""A segmentation node and its camera, as the live view sees them."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any, Callable, Deque, Dict, FrozenSet, List, Optional, Tuple

import cv2
import dynamic_reconfigure.client
import numpy as np
import rospy
from diagnostic_msgs.msg import DiagnosticArray
from dynamic_reconfigure import DynamicReconfigureCallbackException, DynamicReconfigureParameterException
from geometry_msgs.msg import Point
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool, Trigger

from rt_seg.camera_image import CameraDepth
from rt_seg.model_home import known_bundles
from rt_seg.msg import ClassStatistics, FrameTiming, LabelInfo, SegmentedObjects
from rt_seg.products.depth_picture import depth_picture
from rt_seg.recordings.image_messages import depth_image, mask_from_message
from rt_seg.ros.bridged_images import color_to_rgb
from rt_seg.ros.caller_folder import caller_path
from rt_seg.ros.camera_topics import RECEIVE_BUFFER
from rt_seg.ros.node.diagnostics import PAUSED
from rt_seg.ros.node.messages import distance
from rt_seg.srv import LoadModel
from rt_seg.web.robot import Refused, Robot

STALE = 2.5
"""Seconds without an update after which numbers are not shown."""
OBJECTS = 12
"""Largest objects that the page lists."""
SERVICE_PATIENCE = 2.0


def confidence_picture(confidence: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB of confidence, (H, W) uint8: bright is sure."""
    return np.asarray(cv2.cvtColor(cv2.applyColorMap(confidence, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB))


def _millimetres_or_metres(depth: CameraDepth) -> np.ndarray:
    """Readings as they come where they are millimetres, whose picture is looked up; else metres, NaN for none."""
    return depth.readings if depth.readings.dtype == np.uint16 else depth.metres


_PICTURES: Dict[str, Callable[[Image], np.ndarray]] = {
    "overlay": color_to_rgb,
    "camera": color_to_rgb,
    "mask": color_to_rgb,
    "confidence": lambda message: confidence_picture(mask_from_message(message)),
    "depth": lambda message: depth_picture(_millimetres_or_metres(depth_image(message))),
}


def _number(value: float) -> Optional[float]:
    """JSON has no NaN."""
    return round(float(value), 4) if math.isfinite(value) else None


class RosRobot(Robot):
    """Subscribes only to the streams that are viewed, and to nothing without viewers."""

    def __init__(self, node: str, color_topic: str, depth_topic: str) -> None:
        """`node`: absolute name of the segmentation node."""
        self._node = node.rstrip("/")
        self._topics = {
            "overlay": f"{self._node}/overlay",
            "camera": color_topic,
            "mask": f"{self._node}/mask_color",
            "confidence": f"{self._node}/confidence_8bit",
            "depth": depth_topic,
        }
        self._lock = threading.Lock()
        self._images: Dict[str, rospy.Subscriber] = {}
        self._numbers: List[rospy.Subscriber] = []
        self._latest: Dict[str, Tuple[float, Any]] = {}
        self._diagnostics: Dict[str, Tuple[float, int, str]] = {}
        self._ages: Deque[Tuple[float, float]] = deque(maxlen=300)
        self._reconfigure: Optional[dynamic_reconfigure.client.Client] = None
        self._settings_key = 0

    # What is looked at

    def watch(self, streams: Optional[FrozenSet[str]]) -> None:
        """Subscribe to the streams and the numbers, or to nothing."""
        with self._lock:
            wanted = streams or frozenset()
            for name in [name for name in self._images if name not in wanted]:
                self._images.pop(name).unregister()
            for name in wanted.difference(self._images):
                self._images[name] = rospy.Subscriber(
                    self._topics[name], Image, self._on_image, name, queue_size=1, buff_size=RECEIVE_BUFFER,
                    tcp_nodelay=True,
                )  # fmt: skip
            if streams is None:
                for subscriber in self._numbers:
                    subscriber.unregister()
                self._numbers = []
                self._latest.clear()
                self._diagnostics.clear()
                self._ages.clear()
            elif not self._numbers:
                kinds = {"labels": LabelInfo, "statistics": ClassStatistics, "objects": SegmentedObjects}
                self._numbers = [
                    rospy.Subscriber(f"{self._node}/{name}", kind, self._on_numbers, name, queue_size=1)
                    for name, kind in kinds.items()
                ]
                self._numbers.append(rospy.Subscriber(f"{self._node}/timing", FrameTiming, self._on_timing))
                self._numbers.append(rospy.Subscriber("/diagnostics", DiagnosticArray, self._on_diagnostics))

    def _on_image(self, message: Image, name: str) -> None:
        make = _PICTURES[name]
        self.show(name, lambda: make(message))

    def _on_numbers(self, message: Any, name: str) -> None:
        self._latest[name] = (time.monotonic(), message)

    def _on_timing(self, message: FrameTiming) -> None:
        self._ages.append((time.monotonic(), message.age))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        now, name = time.monotonic(), self._node.strip("/")
        for status in message.status:
            owner, _, task = status.name.partition(": ")
            if owner == name or task.startswith("camera "):
                level = status.level if isinstance(status.level, int) else ord(status.level)
                self._diagnostics[task or owner] = (now, level, status.message)

    # Numbers and words

    def _fresh(self, name: str) -> Any:
        at, message = self._latest.get(name, (0.0, None))
        return message if name == "labels" or time.monotonic() - at < STALE else None

    def state(self) -> Dict[str, Any]:
        """See Robot."""
        now = time.monotonic()
        diagnostics = {task: (level, text) for task, (at, level, text) in list(self._diagnostics.items())
                       if now - at < 2 * STALE}  # fmt: skip
        level, summary = diagnostics.get("stream", (2, f"the node {self._node} does not respond; is it running?"))
        recent = [age for at, age in list(self._ages) if now - at < 1.0]
        objects = self._fresh("objects")
        labels = self._fresh("labels")
        return {
            "level": min(level, 2),
            "summary": summary,
            "enabled": summary != PAUSED,
            "model": labels.model if labels else "",
            "classes": self._classes(labels, self._fresh("statistics")),
            "object_count": len(objects.objects) if objects else 0,
            "objects": [_described(item, objects.camera) for item in objects.objects[:OBJECTS]] if objects else [],
            "latency": _number(float(np.median(recent))) if recent else None,
            "rate": float(len(recent)),
            "diagnostics": [
                {"name": task, "level": min(level, 2), "text": text} for task, (level, text) in diagnostics.items()
            ],
            "settings_key": str(self._settings_key),
        }

    @staticmethod
    def _classes(labels: Optional[LabelInfo], statistics: Optional[ClassStatistics]) -> List[Dict[str, Any]]:
        found = {item.class_id: item for item in statistics.classes} if statistics else {}
        return [
            {
                "name": entry.class_name,
                "color": [entry.red, entry.green, entry.blue],
                "share": _number(found[entry.class_id].pixel_share) if entry.class_id in found else None,
                "nearest": _number(found[entry.class_id].depth_nearest) if entry.class_id in found else None,
            }
            for entry in (labels.class_map if labels else [])
        ]

    # Settings

    def _client(self) -> dynamic_reconfigure.client.Client:
        with self._lock:
            if self._reconfigure is None:
                try:
                    self._reconfigure = dynamic_reconfigure.client.Client(
                        self._node, timeout=SERVICE_PATIENCE, config_callback=self._on_config
                    )
                except rospy.ROSException as error:
                    raise Refused(f"the node {self._node} does not respond; is it running?") from error
            return self._reconfigure

    def _on_config(self, config: Any) -> None:
        self._settings_key += 1

    def settings(self) -> List[Dict[str, Any]]:
        """See Robot; empty while the node does not answer."""
        try:
            client = self._client()
            described = client.get_parameter_descriptions(timeout=SERVICE_PATIENCE) or []
            values = client.get_configuration(timeout=SERVICE_PATIENCE) or {}
        except (Refused, rospy.ROSException, DynamicReconfigureCallbackException):
            return []
        return [
            {
                "name": entry["name"], "type": entry["type"], "default": entry["default"], "low": entry["min"],
                "high": entry["max"], "help": entry["description"], "value": values[entry["name"]],
            }
            for entry in described
            if entry["name"] in values
        ]  # fmt: skip

    def set(self, name: str, value: Any) -> str:
        """See Robot."""
        described = {entry["name"]: entry for entry in self.settings()}
        entry = described.get(name)
        if entry is None:
            raise Refused(
                f"{name!r:.80} is not a setting; accepted are {', '.join(described) or 'none: node not running'}"
            )
        kinds = {"str": (str,), "bool": (bool,), "int": (int,), "double": (int, float)}[entry["type"]]
        if type(value) not in kinds or (entry["type"] in ("int", "double") and not math.isfinite(value)):
            raise Refused(f"{name} is {value!r:.80}; accepted is a {entry['type']}")
        if entry["type"] in ("int", "double") and not entry["low"] <= value <= entry["high"]:
            raise Refused(f"{name} is {value!r}; accepted is {entry['low']} to {entry['high']}")
        try:
            taken = self._client().update_configuration({name: value})
        except (rospy.ROSException, rospy.ServiceException, DynamicReconfigureCallbackException,
                DynamicReconfigureParameterException) as error:  # fmt: skip
            raise Refused(f"{name}: {error}") from error
        if taken[name] != value and entry["type"] in ("str", "bool", "int"):
            raise Refused(f"{name} stays {taken[name]!r}: the node rejected {value!r:.80}; see its log")
        self._await_configuration(name, taken[name])
        return f"{name} is {taken[name]!r}"

    def _await_configuration(self, name: str, value: Any) -> None:
        """The client knows a new value by a topic, later than by the service's answer: who asks next gets the new."""
        end = time.monotonic() + SERVICE_PATIENCE
        while time.monotonic() < end:
            if (self._client().get_configuration(timeout=SERVICE_PATIENCE) or {}).get(name) == value:
                return
            time.sleep(0.01)

    # Wishes

    def _call(self, name: str, kind: Any, *arguments: Any) -> Any:
        service = f"{self._node}/{name}"
        try:
            rospy.wait_for_service(service, SERVICE_PATIENCE)
            answer = rospy.ServiceProxy(service, kind)(*arguments)
        except (rospy.ROSException, rospy.ServiceException) as error:
            raise Refused(f"{service} does not respond: {error}") from error
        if not answer.success:
            raise Refused(answer.message)
        return answer

    def models(self) -> List[str]:
        """See Robot."""
        return sorted(known_bundles())

    def load_model(self, name: str) -> str:
        """See Robot."""
        if name not in known_bundles():
            raise Refused(f"{name!r:.80} is not a model; accepted are {', '.join(self.models())}")
        said = f"loaded {self._call('load_model', LoadModel, name).message}"
        self._settings_key += 1
        return said

    def enable(self, enabled: bool) -> str:
        """See Robot."""
        self._call("enable", SetBool, enabled)
        return "segmenting" if enabled else "paused"

    def save_frame(self) -> str:
        """See Robot."""
        return f"saved {self._call('save_frame', Trigger).message}"

    def _saved_folder(self) -> Path:
        return caller_path(rospy.get_param(f"{self._node}/save_folder", "~/rt_seg_frames")) / "rgb"

    def saved_frames(self) -> List[str]:
        """See Robot."""
        try:
            paths = [path for path in self._saved_folder().iterdir() if path.suffix == ".png"]
            return [path.name for path in sorted(paths, key=lambda path: path.name, reverse=True)]
        except (OSError, rospy.ROSException):
            return []

    def saved_frame(self, name: str) -> Optional[np.ndarray]:
        """See Robot."""
        if name not in self.saved_frames():  # which also keeps requests within the folder
            return None
        image = cv2.imread(str(self._saved_folder() / name), cv2.IMREAD_COLOR)
        return None if image is None else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def _described(item: Any, camera: Point) -> Dict[str, Any]:
    return {
        "name": item.class_name,
        "title": f"{item.class_name} {item.track_id}" if item.track_id else item.class_name,
        "confidence": _number(item.confidence),
        "distance": _number(distance(camera, item.pose.position)) if item.has_pose else None,
    }
