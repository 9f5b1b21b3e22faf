"""Starts RViz with the topics and frame of the cameras: an RViz configuration file has only one."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Sequence

import numpy as np
import rospkg
import rospy
import yaml
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from rt_seg.command_line import BAD_INPUT, node_arguments
from rt_seg.recordings.image_messages import ConversionError, depth_to_metres
from rt_seg.ros.caller_folder import caller_path
from rt_seg.ros.camera.cameras_file import CameraEntry, read_cameras
from rt_seg.ros.camera_topics import COLOR, DEPTH
from rt_seg.ros.launch_end import init_node
from rt_seg.ros.viewer.rviz_config import TEMPLATE_COLOR, Framing, View, configure
from rt_seg.settings import SettingsError, read_settings, setting

EXAMPLE = """rosrun rt_seg rviz_view

Usually started by: roslaunch rt_seg live.launch viewer:=rviz"""

PATIENCE = 20.0
"""Seconds that RViz waits for the first image, which knows the frame."""
DEPTH_PATIENCE = 2.0


@dataclass(frozen=True)
class RvizSettings:
    """Private parameters."""

    template: str = setting(help_text="RViz configuration to start from")
    node: str = setting("/segmentation", "the segmentation node")
    color_topic: str = setting(TEMPLATE_COLOR, "its input images")
    depth_topic: str = setting(f"/camera/{DEPTH}", "depth aligned to them")
    cameras: str = setting("", "camera file; empty: one camera")


def frame_of(topic: str, patience: float) -> Optional[str]:
    """The frame id of the next image on a topic, raw or compressed; None when none comes within `patience` seconds."""
    for name in (topic, f"{topic}/compressed"):
        try:
            # Of any type: the header comes first in all that has one, and the pixels are not wanted.
            message = rospy.wait_for_message(name, rospy.AnyMsg, patience if name == topic else 0.5)
        except rospy.ROSException:
            continue
        header = Header()
        header.deserialize(message._buff)
        return header.frame_id
    return None


def framing_of(topic: str) -> Optional[Framing]:
    """A view of what lies before the camera, by the next depth image; None without one."""
    try:
        metres = depth_to_metres(rospy.wait_for_message(topic, Image, DEPTH_PATIENCE))
    except (rospy.ROSException, ConversionError):
        return None
    known = metres[np.isfinite(metres)]
    if known.size < 0.01 * metres.size:
        return None
    middle, far = (float(value) for value in np.percentile(known, (50, 90)))
    # As far away as the camera itself, or farther where the scene is deep.
    return Framing(middle, max(middle, 0.6 * far))


def views_of(settings: RvizSettings, cameras: Sequence[CameraEntry]) -> List[View]:
    """What to show: one camera, or those of a file."""
    if not cameras:
        return [View(settings.color_topic, settings.node)]
    return [View(f"/{camera.name}/{COLOR}", f"/{camera.name}/segmentation", camera.name) for camera in cameras]


def main() -> int:
    """Write the configuration and become RViz; returns 1 where that cannot be."""
    node_arguments("rviz_view", __doc__, [RvizSettings], EXAMPLE)
    init_node("rviz_view", anonymous=True)
    try:
        settings = read_settings(RvizSettings, rospy.get_param("~", {}), f"node {rospy.get_name()}")
        cameras = read_cameras(caller_path(settings.cameras)) if settings.cameras else []
    except SettingsError as error:
        rospy.logerr(str(error))
        return BAD_INPUT
    if not os.environ.get("DISPLAY"):
        rospy.logerr("RViz needs a display, but DISPLAY is not set; use viewer:=web for a live view in a browser")
        return 1
    program = shutil.which("rviz")
    if program is None:
        rospy.logerr("rviz is not installed: sudo apt install rviz (ros-noetic-rviz); or pass viewer:=web")
        return 1
    template = caller_path(settings.template)
    if template.parent == Path(rospkg.RosPack().get_path("rt_seg")) / "rviz":
        template = _write(_configuration(template, settings, cameras))
    if rospy.is_shutdown():
        return 0  # RViz would outlast the launch that ends
    rospy.signal_shutdown("RViz replaces this process")
    # With the name and the log of this node.
    os.execv(program, [program, "-d", str(template), *sys.argv[1:]])


def _configuration(template: Path, settings: RvizSettings, cameras: Sequence[CameraEntry]) -> dict:
    views = views_of(settings, cameras)
    frame = frame_of(views[0].color_topic, PATIENCE)
    if not frame:
        frame = f"{views[0].color_topic.strip('/').split('/')[0]}_color_optical_frame"
        if not rospy.is_shutdown():
            rospy.logwarn(
                f"no image received on {views[0].color_topic} within {PATIENCE:.0f} s; RViz uses the frame {frame}"
            )
    framing = framing_of(settings.depth_topic if not cameras else f"/{cameras[0].name}/{DEPTH}")
    parents = {camera.extrinsic.parent for camera in cameras if camera.extrinsic is not None}
    if len(cameras) > 1 and len(parents) == 1 and all(camera.extrinsic for camera in cameras):
        frame = parents.pop()  # in which all of them have a place
    return configure(yaml.safe_load(template.read_text(encoding="utf-8")), views, frame, framing)


def _write(config: dict) -> Path:
    """Into a folder of this user; one file for each process, as several may run."""
    folder = Path(tempfile.gettempdir()) / f"rt_seg_rviz_{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for old in folder.glob("*.rviz"):
        if time.time() - old.stat().st_mtime > 86400.0:
            old.unlink()
    path = folder / f"{os.getpid()}.rviz"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return path
