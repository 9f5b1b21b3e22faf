#!/usr/bin/env python3
"""A ROS graph for measurements: roscore, camera and segmentation node, each in a separate process on this machine only.

Run directly this file is the camera: one simulated scene, colour and aligned depth, until it is stopped. It is rendered
at 640×480; other sizes are resized from that.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CAMERA_TOPICS = ("color/image_raw", "color/camera_info", "aligned_depth_to_color/image_raw")
PATIENCE = 30.0
"""Seconds for roscore to answer."""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def resident_megabytes(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no resident memory: it has exited")


def processor_seconds(pid: int) -> float:
    """Processor time of a process so far, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class IsolatedGraph:
    """A roscore on a port of its own, as a context: at its end all processes end that were started in it."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen] = []

    def __enter__(self) -> IsolatedGraph:
        port = free_port()
        os.environ.update(ROS_MASTER_URI=f"http://localhost:{port}", ROS_HOSTNAME="localhost")
        self._log = tempfile.TemporaryFile()
        try:
            self.start("roscore", "-p", str(port))
            import rosgraph

            deadline = time.monotonic() + PATIENCE
            while not rosgraph.is_master_online() and time.monotonic() < deadline:
                time.sleep(0.1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # The last started first: roscore outlives those who talk to it.
        for process in reversed(self._started):
            self.end(process)
        self._log.close()

    def start(self, *command: str | Path) -> subprocess.Popen:
        """Start a process, whose output is kept."""
        words = [str(part) for part in command]
        process = subprocess.Popen(words, stdout=self._log, stderr=self._log, start_new_session=True)
        self._started.append(process)
        return process

    def start_camera(self, rate: float, size: str = "640x480", name: str = "camera") -> subprocess.Popen:
        """Start a camera of `rate` images per second, of WIDTHxHEIGHT pixels; `name` is its namespace."""
        return self.start(sys.executable, __file__, "--rate", str(rate), "--size", size, "--name", name)

    def start_node(
        self, bundle: Path, *parameters: str, namespace: str = "", camera: str = "camera"
    ) -> subprocess.Popen:
        """Start the segmentation node on a camera's topics; `parameters` as in `_threads:=2`.

        In a `namespace`, as in /left, its topics are below that, the camera's, too, where `camera` is empty.
        """
        placed = [f"__ns:={namespace}"] if namespace else []
        remapped = [f"{name}:=/{camera}/{name}" for name in CAMERA_TOPICS] if camera else []
        script = ROOT / "scripts" / "segmentation_node"
        return self.start(sys.executable, script, f"_bundle:={bundle.resolve()}", *parameters, *placed, *remapped)

    @staticmethod
    def end(process: subprocess.Popen) -> None:
        """End a process that was started here."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)

    def output(self) -> str:
        """The end of what the processes have written."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")[-4000:]


def camera(rate: float, width: int, height: int, name: str) -> None:
    """Publish a simulated scene until told to end."""
    import cv2
    import rospy
    from sensor_msgs.msg import CameraInfo, Image
    from std_msgs.msg import Header

    from rt_seg.cameras.frame import Intrinsics
    from rt_seg.ros.conversions import camera_info_message, image_message
    from rt_seg.simulation.recording import simulate_scene

    frame = simulate_scene(3)
    rendered = frame.intrinsics
    right, down = width / rendered.width, height / rendered.height
    intrinsics = Intrinsics(
        width, height, right * rendered.fx, down * rendered.fy, right * rendered.cx, down * rendered.cy
    )
    pixels = cv2.resize(frame.color, (width, height), interpolation=cv2.INTER_LINEAR)
    readings = cv2.resize(frame.depth, (width, height), interpolation=cv2.INTER_NEAREST)
    rospy.init_node(name)
    color = rospy.Publisher(f"/{name}/color/image_raw", Image, queue_size=1)
    depth = rospy.Publisher(f"/{name}/aligned_depth_to_color/image_raw", Image, queue_size=1)
    info = rospy.Publisher(f"/{name}/color/camera_info", CameraInfo, queue_size=1)
    began, number = time.monotonic(), 0
    while not rospy.is_shutdown():
        time.sleep(max(began + number / rate - time.monotonic(), 0.0))
        number += 1
        header = Header(stamp=rospy.Time.now(), frame_id=f"{name}_color_optical_frame")
        info.publish(camera_info_message(intrinsics, header))
        depth.publish(image_message(readings, header))
        color.publish(image_message(pixels, header))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=30.0, help="images per second (default: %(default)s)")
    parser.add_argument("--size", default="640x480", help="pixels, WIDTHxHEIGHT (default: %(default)s)")
    parser.add_argument("--name", default="camera", help="namespace (default: %(default)s)")
    given = parser.parse_args()
    camera(given.rate, *(int(side) for side in given.size.split("x")), given.name)
