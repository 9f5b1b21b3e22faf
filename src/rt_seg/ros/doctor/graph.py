"""Subscribes to a running graph for a while."""

from __future__ import annotations

import os
import threading
import time
from typing import Any, Callable, Dict, List, Tuple

import rosgraph
import rospy
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CameraInfo, Image

from rt_seg.msg import LabelInfo
from rt_seg.ros.camera_topics import COLOR, COLOR_INFO, DEPTH, RECEIVE_BUFFER
from rt_seg.ros.doctor.finding import BAD, NOTE, Finding
from rt_seg.ros.doctor.streams import (
    Observation,
    judge_camera_info,
    judge_camera_node,
    judge_color,
    judge_depth,
    judge_labels,
    judge_result,
    judge_topics,
)

PACKED = (("color", "color_transport", "compressed"), ("depth", "depth_transport", "compressedDepth"))
"""Streams that may come packed only: with the node's setting and the name of the transport."""


def watch(camera: str, node: str, seconds: float) -> List[Finding]:
    """Subscribe to the topics of a camera and of the node for a while, and judge them."""
    if not rosgraph.is_master_online():
        uri = os.environ.get("ROS_MASTER_URI", "http://localhost:11311")
        return [
            Finding(
                NOTE,
                "roscore",
                f"no master at {uri}",
                "start one with roscore or roslaunch; on another machine: export ROS_MASTER_URI",
            )
        ]
    rospy.init_node("doctor", anonymous=True, disable_signals=True)
    published = dict(rospy.get_published_topics())
    names = {
        "color": f"/{camera}/{COLOR}",
        "depth": f"/{camera}/{DEPTH}",
        "info": f"/{camera}/{COLOR_INFO}",
        "mask": f"/{node}/mask",
    }
    seen = {name: Observation(topic, published.get(topic, "")) for name, topic in names.items()}
    status: Dict[str, Tuple[int, str]] = {}
    cameras: List[Tuple[int, str]] = []
    labels: List[LabelInfo] = []
    lock = threading.Lock()

    def note(observation: Observation) -> Callable[[Any], None]:
        def on_message(message: Any) -> None:
            now = time.monotonic()
            with lock:
                observation.arrivals.append(now)
                stamp = message.header.stamp
                observation.stamps.append(stamp.to_sec())
                observation.ages.append((rospy.Time.now() - stamp).to_sec())
                observation.sizes.append((message.width, message.height))
                observation.encodings.append(getattr(message, "encoding", ""))
                observation.frames.append(message.header.frame_id)
                observation.last = message

        return on_message

    def on_diagnostics(message: DiagnosticArray) -> None:
        for item in message.status:
            task = item.name.split(": ")[-1]
            if item.name.startswith(node):
                status[task] = (item.level, item.message)
            elif task == f"camera {camera}":
                cameras.append((item.level, f"{item.hardware_id}: {item.message}"))

    kinds = {"color": Image, "depth": Image, "mask": Image, "info": CameraInfo}
    for name, observation in seen.items():
        # A topic of another type would never connect; its type is a finding of its own.
        if observation.type in ("", kinds[name]._type):
            rospy.Subscriber(observation.topic, kinds[name], note(observation), queue_size=1, buff_size=RECEIVE_BUFFER)
    rospy.Subscriber("/diagnostics", DiagnosticArray, on_diagnostics)
    rospy.Subscriber(f"/{node}/labels", LabelInfo, labels.append)
    print(f"watching {', '.join(names.values())} for {seconds:g} s …", flush=True)
    time.sleep(seconds)
    with lock:
        findings = [
            Finding(BAD, item.topic, f"has the type {item.type}", f"expected {kinds[name]._type}: remap the topic")
            for name, item in seen.items()
            if item.type not in ("", kinds[name]._type)
        ]
        findings += judge_camera_node(camera, cameras)
        findings += judge_color(seen["color"])
        findings += judge_topics(seen["color"], published)
        findings += judge_depth(seen["depth"], seen["color"])
        findings += judge_camera_info(seen["info"], seen["color"])
        findings += judge_result(seen["mask"], seen["color"], status)
        findings += judge_labels(seen["mask"], labels[-1] if labels else None)
    findings += [
        Finding(NOTE, topic, "is published, but the raw topic is not", f"set ~{setting} of the node: {transport}")
        for name, setting, transport in PACKED
        for topic in [f"{names[name]}/{transport}"]
        if topic in published and not seen[name].type
    ]
    if rospy.get_param("/use_sim_time", False) and "/clock" not in published:
        findings.append(
            Finding(
                BAD,
                "/clock",
                "/use_sim_time is set, but /clock is not published",
                "play the bag with --clock, or: rosparam set /use_sim_time false",
            )
        )
    return findings
