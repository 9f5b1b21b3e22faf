"""Looks at an installation and at a running graph, and says what is wrong and what to do about it."""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

OK, NOTE, BAD = "ok", "note", "BAD"

MODULES = {
    "numpy": "pip install -r requirements-live.txt",
    "cv2": "pip install -r requirements-live.txt",
    "openvino": "pip install -r requirements-live.txt",
    "rospy": "sudo apt install python3-rospy, or source /opt/ros/noetic/setup.bash",
    "cv_bridge": "sudo apt install python3-cv-bridge",
    "message_filters": "sudo apt install python3-message-filters",
    "dynamic_reconfigure": "sudo apt install python3-dynamic-reconfigure",
}

FASTEST_OLD_STAMP = 1.0
"""Seconds that stamps may be behind the clock without a remark."""
DEPTH_SHARE = 0.8
"""Depth images per colour image below which alignment is called slow."""


class Finding(NamedTuple):
    """One thing looked at: `OK`, `NOTE` or `BAD`, what was found, and what to do ("" where nothing is to be done)."""

    level: str
    subject: str
    found: str
    advice: str = ""


def describe(finding: Finding) -> str:
    """The finding as lines for a terminal."""
    line = f"{finding.level:>4}  {finding.subject}: {finding.found}"
    return line + (f"\n      -> {finding.advice}" if finding.advice else "")


def check_modules() -> List[Finding]:
    """Whether this interpreter imports what the live half needs."""
    findings = [Finding(OK, "interpreter", f"{sys.executable}, Python {sys.version.split()[0]}")]
    for name, advice in MODULES.items():
        try:
            module = importlib.import_module(name)
        except Exception as error:  # compiled modules fail in ways of their own, such as against another NumPy
            findings.append(Finding(BAD, name, f"cannot be imported: {error}", advice))
        else:
            findings.append(Finding(OK, name, str(getattr(module, "__version__", "present"))))
    if any(finding.level == BAD for finding in findings):
        return findings
    try:
        importlib.import_module("cv_bridge").CvBridge()
    except Exception as error:
        advice = "it was built against NumPy 1: pip install 'numpy<2'"
        findings.append(Finding(BAD, "cv_bridge", f"does not work: {error}", advice))
    return findings


def check_machine() -> List[Finding]:
    """Processor cores, what they offer networks, and room on the disk."""
    findings = []
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    flags = set(next((line.split(":", 1)[1].split() for line in text.splitlines() if line.startswith("flags")), ()))
    units = [name for name in ("amx_bf16", "amx_int8", "avx512_vnni", "avx_vnni", "avx512f", "avx2") if name in flags]
    cores = os.cpu_count() or 1
    findings.append(
        Finding(
            OK if cores > 1 else NOTE,
            "processor",
            f"{cores} cores, {', '.join(units) or 'no AVX2'}",
            "" if cores > 1 else "one core has to serve camera, network and viewer",
        )
    )
    if not units:
        findings.append(Finding(NOTE, "processor", "networks run slowly without AVX2", "use a newer processor"))
    load = os.getloadavg()[0]
    if load > cores + 0.5:
        findings.append(
            Finding(
                NOTE,
                "load",
                f"{load:.1f} processes want {cores} cores",
                "masks come late while others compute: see `top`",
            )
        )
    free = shutil.disk_usage(str(Path.home())).free / 2**30
    findings.append(
        Finding(
            OK if free > 2 else NOTE,
            "disk",
            f"{free:.0f} GB free in {Path.home()}",
            "" if free > 2 else "recordings and saved frames need room",
        )
    )
    return findings


def check_bundles(folders: List[Path]) -> List[Finding]:
    """Manifest and hashes of model bundles."""
    from rt_seg.bundle import BundleError, load_bundle, verify_files

    findings = []
    for folder in folders:
        try:
            bundle = load_bundle(folder)
            for engine in bundle.engines:
                verify_files(engine, bundle.folder)
        except BundleError as error:
            findings.append(Finding(BAD, f"model {folder.name}", str(error), "copy or export the bundle again"))
        else:
            classes = f"{bundle.version}, {len(bundle.labels)} classes, files as exported"
            findings.append(Finding(OK, f"model {folder.name}", classes))
    if not findings:
        findings.append(
            Finding(BAD, "models", "none found", "pass --bundle FOLDER, or make one with rosrun rt_seg export")
        )
    return findings


@dataclass
class Observation:
    """What came on one topic while it was watched; times in seconds of the monotonic clock, ages in seconds."""

    topic: str
    type: str = ""
    arrivals: Optional[List[float]] = None
    stamps: Optional[List[float]] = None
    ages: Optional[List[float]] = None
    sizes: Optional[List[Tuple[int, int]]] = None
    encodings: Optional[List[str]] = None
    frames: Optional[List[str]] = None
    last: Any = None

    def __post_init__(self) -> None:
        for name in ("arrivals", "stamps", "ages", "sizes", "encodings", "frames"):
            setattr(self, name, getattr(self, name) or [])

    @property
    def rate(self) -> float:
        """Messages a second."""
        times = self.arrivals
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 0.0

    @property
    def gaps(self) -> int:
        """How often stamps stepped back."""
        return sum(later < earlier for earlier, later in zip(self.stamps, self.stamps[1:]))


def judge_color(color: Observation) -> List[Finding]:
    """Findings about the colour topic."""
    name = color.topic
    if not color.type:
        return [
            Finding(
                BAD,
                name,
                "nobody publishes it",
                "start the camera, or name its namespace with --camera; `rostopic list` shows what is there",
            )
        ]
    if not color.arrivals:
        return [
            Finding(
                BAD,
                name,
                "advertised, but no image came",
                "unplug and plug the camera, use a USB 3 cable and port, start the driver with "
                "initial_reset:=true; with a bag: is it paused, and does /use_sim_time fit?",
            )
        ]
    width, height = color.sizes[-1]
    findings = [Finding(OK, name, f"{color.encodings[-1]} {width}x{height} at {color.rate:.1f} Hz")]
    if 0.0 < color.rate < 12.0:
        findings.append(
            Finding(
                NOTE,
                name,
                f"only {color.rate:.1f} Hz",
                "in dim light the driver halves its rate: set "
                "/camera/rgb_camera/auto_exposure_priority to false; else look for USB 2",
            )
        )
    return findings + judge_stamps(color)


def judge_stamps(stream: Observation) -> List[Finding]:
    """Findings about stamps and frame ids."""
    findings = []
    if not any(stream.stamps):
        findings.append(Finding(BAD, stream.topic, "images are stamped 0", "the publisher must fill in header.stamp"))
    elif stream.ages:
        age = sorted(stream.ages)[len(stream.ages) // 2]
        if age > FASTEST_OLD_STAMP or age < -0.1:
            findings.append(
                Finding(
                    NOTE,
                    stream.topic,
                    f"stamps are {age:+.2f} s behind the clock",
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
                "a looping bag or a camera clock that wraps: the node goes on, other nodes may not",
            )
        )
    if stream.frames and not stream.frames[-1]:
        findings.append(Finding(BAD, stream.topic, "the frame id is empty", "RViz cannot place the points; set it"))
    return findings


def judge_depth(depth: Observation, color: Observation) -> List[Finding]:
    """Findings about the aligned depth topic beside colour."""
    name = depth.topic
    if not depth.arrivals:
        return [
            Finding(
                NOTE,
                name,
                "no depth" if not depth.type else "advertised, but no image came",
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
                f"{depth.encodings[-1]} is no depth",
                "the driver's colorizer filter makes a picture of it: leave colorizer out of `filters`",
            )
        )
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
                "aligning costs the driver's processor time: lower the size or rate of both, and use equal rates",
            )
        )
    if depth.stamps and color.stamps:
        offset = max(
            min(abs(stamp - other) for other in color.stamps) for stamp in depth.stamps[1:-1] or depth.stamps
        )
        if offset > 0.01:
            findings.append(
                Finding(
                    NOTE,
                    name,
                    f"up to {offset * 1e3:.0f} ms away from colour's stamps",
                    "start the driver with enable_sync:=true and equal rates, or raise ~slop",
                )
            )
    return findings + judge_stamps(depth)


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
        return [Finding(NOTE, mask.topic, "the segmentation node does not run", "roslaunch rt_seg live.launch")]
    findings = []
    for name, (level, message) in sorted(status.items()):
        findings.append(Finding(OK if level == 0 else NOTE if level == 1 else BAD, f"node ({name})", message))
    if not mask.arrivals:
        return [
            *findings,
            Finding(BAD, mask.topic, "no mask came", "see the node's own words above and its terminal"),
        ]
    findings.append(Finding(OK, mask.topic, f"{mask.rate:.1f} Hz"))
    if color.sizes and mask.sizes[-1] != color.sizes[-1]:
        findings.append(Finding(BAD, mask.topic, "has another size than colour", "is it this package's topic?"))
    if mask.ages:
        age = sorted(mask.ages)[int(len(mask.ages) * 0.95)]
        if age > 1.0:
            findings.append(
                Finding(
                    NOTE,
                    mask.topic,
                    f"95 % of the masks are younger than {age:.1f} s",
                    "latency that grows means a queue: subscribe with queue_size=1 and a buff_size "
                    "above one image; in RViz keep Queue Size small",
                )
            )
    return findings


def watch(camera: str, node: str, seconds: float) -> List[Finding]:
    """Subscribe to the topics of a camera and of the node for a while, and judge them."""
    import rosgraph
    import rospy

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
    from diagnostic_msgs.msg import DiagnosticArray
    from sensor_msgs.msg import CameraInfo, Image

    from rt_seg.ros.camera_topics import COLOR, COLOR_INFO, DEPTH, RECEIVE_BUFFER

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
            if item.name.startswith(node):
                status[item.name.split(": ")[-1]] = (item.level, item.message)

    kinds = {"color": Image, "depth": Image, "mask": Image, "info": CameraInfo}
    for name, observation in seen.items():
        # A topic of another type would never connect; its type is a finding of its own.
        if observation.type in ("", kinds[name]._type):
            rospy.Subscriber(
                observation.topic, kinds[name], note(observation), queue_size=1, buff_size=RECEIVE_BUFFER
            )
    rospy.Subscriber("/diagnostics", DiagnosticArray, on_diagnostics)
    print(f"watching {', '.join(names.values())} for {seconds:g} s …", flush=True)
    time.sleep(seconds)
    with lock:
        findings = [
            Finding(BAD, item.topic, f"has the type {item.type}", f"expected {kinds[name]._type}: remap the topic")
            for name, item in seen.items()
            if item.type not in ("", kinds[name]._type)
        ]
        findings += judge_color(seen["color"])
        findings += judge_depth(seen["depth"], seen["color"])
        findings += judge_camera_info(seen["info"], seen["color"])
        findings += judge_result(seen["mask"], seen["color"], status)
    if rospy.get_param("/use_sim_time", False) and "/clock" not in published:
        findings.append(
            Finding(
                BAD,
                "/clock",
                "/use_sim_time is set and nobody publishes /clock",
                "play the bag with --clock, or: rosparam set /use_sim_time false",
            )
        )
    return findings


def shipped_bundles() -> List[Path]:
    """The bundles of this package."""
    import rospkg

    models = Path(rospkg.RosPack().get_path("rt_seg")) / "models"
    return sorted(path.parent for path in models.glob("*/bundle.yaml"))


def main(arguments: Optional[List[str]] = None) -> int:
    """Look, print, and return 1 when something is BAD."""
    parser = argparse.ArgumentParser(
        prog="rosrun rt_seg doctor",
        description=__doc__,
        epilog="example: rosrun rt_seg doctor --camera camera --seconds 10",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--camera", default="camera", help="namespace of the camera's topics (default: camera)")
    parser.add_argument("--node", default="segmentation", help="name of the node (default: segmentation)")
    parser.add_argument(
        "--bundle", type=Path, action="append", help="model bundle to check (default: the shipped ones)"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to watch the topics (default: 5)")
    options = parser.parse_args(arguments)
    findings: List[Finding] = []

    def report(batch: List[Finding]) -> None:
        findings.extend(batch)
        for finding in batch:
            print(describe(finding), flush=True)

    report(check_modules())
    report(check_machine())
    if not any(finding.level == BAD for finding in findings):
        report(check_bundles(options.bundle or shipped_bundles()))
        report(watch(options.camera.strip("/"), options.node.strip("/"), options.seconds))
    bad, notes = (sum(finding.level == level for finding in findings) for level in (BAD, NOTE))
    print(f"{len(findings)} findings: {bad} bad, {notes} to note")
    return 1 if bad else 0
