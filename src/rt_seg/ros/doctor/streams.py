"""Judges the messages on the topics of a camera and of the segmentation node."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np

from rt_seg.labels import UNLABELLED
from rt_seg.msg import LabelInfo
from rt_seg.recordings.image_messages import ConversionError, depth_to_metres, mask_from_message
from rt_seg.ros.bridged_images import color_to_rgb
from rt_seg.ros.doctor.finding import BAD, NOTE, OK, Finding
from rt_seg.ros.node.diagnostics import PAUSED

FASTEST_OLD_STAMP = 1.0
"""Seconds that stamps may be behind the clock without a remark."""
DEPTH_SHARE = 0.8
"""Depth images per colour image below which alignment is called slow."""

MIN_DEPTH = 0.1
"""Share of the pixels with a depth, below which the camera sees next to nothing."""
DEPTHS = (0.02, 60.0)
"""Metres between which the median depth of any scene lies; outside, the unit is wrong."""


@dataclass
class Observation:
    """What came on one topic while it was watched; times in seconds of the monotonic clock, ages in seconds."""

    topic: str
    type: str = ""
    arrivals: List[float] = field(default_factory=list)
    stamps: List[float] = field(default_factory=list)
    ages: List[float] = field(default_factory=list)
    sizes: List[Tuple[int, int]] = field(default_factory=list)
    encodings: List[str] = field(default_factory=list)
    frames: List[str] = field(default_factory=list)
    last: Any = None

    @property
    def rate(self) -> float:
        """Messages a second."""
        times = self.arrivals
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 0.0

    @property
    def gaps(self) -> int:
        """How often stamps stepped back."""
        return sum(later < earlier for earlier, later in zip(self.stamps, self.stamps[1:]))


def judge_camera_node(camera: str, said: List[Tuple[int, str]]) -> List[Finding]:
    """What this package's camera node reports, as (level, text); the last counts."""
    if not said:
        return []  # another driver, or a recording
    level, text = said[-1]
    advice = "see its terminal; `rosrun rt_seg list_cameras` lists the connected cameras" if level else ""
    return [Finding((OK, NOTE, BAD)[min(level, 2)], f"camera {camera}", text, advice)]


def propose_topics(published: Mapping[str, str]) -> List[str]:
    """Arguments of live.launch for the cameras that there are, by the names of their topics; `published` has topic →
    type. The best guess comes first: names that say colour, and depth that is aligned to it."""
    images = [topic for topic, kind in published.items() if kind == "sensor_msgs/Image"]
    infos = {topic for topic, kind in published.items() if kind == "sensor_msgs/CameraInfo"}
    depths = [topic for topic in images if "depth" in topic]
    own = ("mask", "overlay", "confidence", "legend", "labels_16", "probabilities", "ground_truth")
    found = []
    for topic in images:
        if topic in depths or any(word in topic for word in own) or "infra" in topic or "/ir/" in topic:
            continue
        arguments = [f"color_topic:={topic}"]
        base = topic.rsplit("/", 1)[0]
        info = f"{base}/camera_info"
        arguments += [f"info_topic:={info}"] if info in infos else []
        near = [depth for depth in depths if depth.split("/")[1] == topic.split("/")[1]]
        near.sort(key=lambda depth: ("align" not in depth and "registered" not in depth, depth))
        arguments += [f"depth_topic:={near[0]}"] if near else []
        likely = sum(word in topic for word in ("color", "rgb"))
        found.append((-likely, len(topic), " ".join(arguments)))
    return [text for _, _, text in sorted(found)]


def judge_topics(color: Observation, published: Mapping[str, str]) -> List[Finding]:
    """Where the colour topic is not there: which images are, and how to take them."""
    proposals = [] if color.type else propose_topics(published)
    return [
        Finding(NOTE, "other images", proposal.split(":=")[1].split(" ")[0], f"camera:=none {proposal}")
        for proposal in proposals[:5]
    ]


def judge_color(color: Observation) -> List[Finding]:
    """Findings about the colour topic."""
    name = color.topic
    if not color.type:
        return [
            Finding(
                BAD,
                name,
                "not published",
                "start the camera, or pass its namespace with --camera; `rostopic list` shows all topics",
            )
        ]
    if not color.arrivals:
        return [
            Finding(
                BAD,
                name,
                "advertised, but no image received",
                "reconnect the camera, use a USB 3 cable and port, start the driver with "
                "initial_reset:=true; with a bag: is it paused, and is /use_sim_time correct?",
            )
        ]
    width, height = color.sizes[-1]
    findings = [Finding(OK, name, f"{color.encodings[-1]} {width}x{height} at {color.rate:.1f} Hz")]
    if color.last is not None:
        try:
            color_to_rgb(color.last)
        except ConversionError as error:
            findings = [Finding(BAD, name, str(error), "the node skips such images until the publisher is fixed")]
    if 0.0 < color.rate < 12.0:
        findings.append(
            Finding(
                NOTE,
                name,
                f"only {color.rate:.1f} Hz",
                "in dim light the driver halves its rate: set "
                "/camera/rgb_camera/auto_exposure_priority to false; otherwise check for USB 2",
            )
        )
    return findings + judge_stamps(color)


def judge_stamps(stream: Observation) -> List[Finding]:
    """Findings about stamps and frame ids."""
    findings = []
    if not any(stream.stamps):
        findings.append(Finding(BAD, stream.topic, "images are stamped 0", "the publisher must set header.stamp"))
    elif stream.ages:
        age = sorted(stream.ages)[len(stream.ages) // 2]
        if age > FASTEST_OLD_STAMP or age < -0.1:
            findings.append(
                Finding(
                    NOTE,
                    stream.topic,
                    f"stamps are {abs(age):.2f} s {'behind' if age > 0 else 'ahead of'} the clock",
                    "compare the clocks (chrony, ntp); for a bag use --clock and /use_sim_time, or "
                    "switch off the camera's global time",
                )
            )
    if stream.gaps:
        findings.append(
            Finding(
                NOTE,
                stream.topic,
                f"stamps stepped back {stream.gaps} times",
                "a looping bag or a camera clock that wraps: this node handles it, other nodes may not",
            )
        )
    if stream.frames and not stream.frames[-1]:
        findings.append(
            Finding(BAD, stream.topic, "the frame id is empty", "RViz cannot place the points; set header.frame_id")
        )
    return findings


def judge_depth(depth: Observation, color: Observation) -> List[Finding]:
    """Findings about the aligned depth topic beside colour."""
    name = depth.topic
    if not depth.arrivals:
        return [
            Finding(
                NOTE,
                name,
                "no depth" if not depth.type else "advertised, but no image received",
                "start the driver with align_depth:=true; without depth there are masks, but no points and no poses",
            )
        ]
    width, height = depth.sizes[-1]
    findings = [Finding(OK, name, f"{depth.encodings[-1]} {width}x{height} at {depth.rate:.1f} Hz")]
    if depth.encodings[-1] not in ("16UC1", "mono16", "32FC1") and "compressedDepth" not in depth.encodings[-1]:
        findings.append(
            Finding(
                BAD,
                name,
                f"{depth.encodings[-1]} is not a depth encoding",
                "the driver's colorizer filter is on; remove colorizer from `filters`",
            )
        )
    elif depth.last is not None:
        findings += judge_distances(depth)
    if color.sizes and color.sizes[-1] != depth.sizes[-1]:
        findings.append(
            Finding(
                BAD,
                name,
                f"is {width}x{height} and colour {color.sizes[-1][0]}x{color.sizes[-1][1]}",
                "this is not the aligned topic: use aligned_depth_to_color and align_depth:=true",
            )
        )
    if color.rate > 0 and depth.rate < DEPTH_SHARE * color.rate:
        findings.append(
            Finding(
                NOTE,
                name,
                f"{depth.rate:.1f} Hz against {color.rate:.1f} Hz of colour",
                "alignment takes CPU time in the driver: lower the size or rate of both, and use equal rates",
            )
        )
    if depth.stamps and color.stamps:
        offset = max(min(abs(stamp - other) for other in color.stamps) for stamp in depth.stamps[1:-1] or depth.stamps)
        if offset > 0.01:
            findings.append(
                Finding(
                    NOTE,
                    name,
                    f"up to {offset * 1e3:.0f} ms between the stamps of depth and colour",
                    "start the driver with enable_sync:=true and equal rates, or raise ~slop",
                )
            )
    return findings + judge_stamps(depth)


def judge_distances(depth: Observation) -> List[Finding]:
    """Findings about the distances in the last depth image."""
    try:
        metres = depth_to_metres(depth.last)
    except ConversionError as error:
        return [Finding(BAD, depth.topic, str(error), "the node falls back to RGB only until this is fixed")]
    known = metres[np.isfinite(metres)]
    share = known.size / metres.size
    median = float(np.median(known)) if known.size else float("nan")
    found = f"{share:.0%} of the pixels have a depth, median {median:.2f} m"
    if share < MIN_DEPTH:
        advice = "too close (below 0.3 m), too far, reflective or in sunlight; or is the lens covered?"
        return [Finding(NOTE, depth.topic, found, advice)]
    if not DEPTHS[0] <= median <= DEPTHS[1]:
        return [Finding(BAD, depth.topic, found, "16UC1 holds millimetres and 32FC1 metres (REP 118): check the unit")]
    return [Finding(OK, depth.topic, found)]


def judge_camera_info(info: Observation, color: Observation) -> List[Finding]:
    """Findings about the camera info of colour."""
    if info.last is None:
        return [Finding(NOTE, info.topic, "no camera info", "without it there are no points and no poses")]
    message = info.last
    findings = []
    if color.sizes and (message.width, message.height) != color.sizes[-1]:
        findings.append(
            Finding(
                BAD,
                info.topic,
                f"is for {message.width}x{message.height}",
                "it must have the size of the colour image: calibrate at this resolution",
            )
        )
    if not message.K[0] > 0:
        findings.append(Finding(BAD, info.topic, f"fx is {message.K[0]:g}", "calibrate the camera"))
    return findings or [
        Finding(OK, info.topic, f"fx {message.K[0]:.1f}, {message.distortion_model or 'no distortion'}")
    ]


def judge_result(mask: Observation, color: Observation, status: Dict[str, Tuple[int, str]]) -> List[Finding]:
    """Findings about the segmentation node; `status` holds level and message of its diagnostics by name."""
    if not mask.type:
        return [Finding(NOTE, mask.topic, "the segmentation node is not running", "roslaunch rt_seg live.launch")]
    findings = []
    for name, (level, message) in sorted(status.items()):
        findings.append(Finding(OK if level == 0 else NOTE if level == 1 else BAD, f"node ({name})", message))
    if not mask.arrivals and any(message == PAUSED for _, message in status.values()):
        node = mask.topic.rpartition("/")[0]
        return [*findings, Finding(NOTE, mask.topic, "paused", f"rosservice call {node}/enable true resumes it")]
    if not mask.arrivals:
        return [
            *findings,
            Finding(BAD, mask.topic, "no mask received", "see the node's diagnostics above and its terminal"),
        ]
    findings.append(Finding(OK, mask.topic, f"{mask.rate:.1f} Hz"))
    if color.sizes and mask.sizes[-1] != color.sizes[-1]:
        findings.append(Finding(BAD, mask.topic, "size differs from colour", "is it this package's topic?"))
    if mask.ages:
        age = sorted(mask.ages)[int(len(mask.ages) * 0.95)]
        if age > 1.0:
            findings.append(
                Finding(
                    NOTE,
                    mask.topic,
                    f"masks arrive late: 95th percentile of their age is {age:.1f} s",
                    "latency that grows means a queue: subscribe with queue_size=1 and a buff_size "
                    "above one image; in RViz keep Queue Size small",
                )
            )
    return findings


def judge_labels(mask: Observation, labels: Optional[LabelInfo]) -> List[Finding]:
    """Findings about what the values of the masks mean."""
    topic = mask.topic.rpartition("/")[0] + "/labels"
    if not mask.type:
        return []
    if labels is None:
        return [Finding(BAD, topic, "no class list received", "it is latched: is this package's node running?")]
    names = {entry.class_id: entry.class_name for entry in labels.class_map}
    findings = [Finding(OK, topic, f"{labels.model}: {', '.join(names.values())}")]
    if mask.last is None:
        return findings
    try:
        ids = [int(value) for value in np.unique(mask_from_message(mask.last)) if value != UNLABELLED]
    except ConversionError as error:
        return [*findings, Finding(BAD, mask.topic, str(error), "does another node publish on this topic?")]
    unknown = [str(value) for value in ids if value not in names]
    if unknown:
        advice = "masks and labels come from different models: does another node publish on one of these topics?"
        findings.append(Finding(BAD, mask.topic, f"ids {', '.join(unknown)} are not classes of {labels.model}", advice))
    elif len(ids) < 2:
        found = f"the last mask contains only {names[ids[0]] if ids else 'unlabelled pixels'}"
        advice = "is this model for this scene (bundle:=...)? Do ~threshold, ~classes or ~remap remove everything?"
        findings.append(Finding(NOTE, mask.topic, found, advice))
    else:
        found = f"contains ids {ids[0]} to {ids[-1]}; viewers show that as black: view mask_color or overlay instead"
        findings.append(Finding(OK, mask.topic, found))
    return findings
