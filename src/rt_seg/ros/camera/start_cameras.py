"""Starts a driver and a segmentation node for each camera of a file: launch files cannot loop."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import List, Sequence, Tuple

import rospkg
import rospy
from tf2_msgs.msg import TFMessage

from rt_seg.command_line import BAD_INPUT, node_arguments
from rt_seg.ros.caller_folder import caller_bundle, caller_path
from rt_seg.ros.camera.cameras_file import EACH, ONE, CameraEntry, read_cameras_file
from rt_seg.ros.camera_frames import static_transform
from rt_seg.ros.launch_end import end_launch, init_node
from rt_seg.settings import SettingsError, read_settings, setting

EXAMPLE = """rosrun rt_seg start_cameras _cameras:=config/cameras.yaml _config:=config/segmentation.yaml

Usually started by: roslaunch rt_seg live.launch camera:=several cameras:=FILE"""

SHARED_NODE = "/segment_cameras"
"""The node of all cameras, with `processes: one`."""


@dataclass(frozen=True)
class StartSettings:
    """Private parameters: the file of the cameras, and what all their nodes share."""

    cameras: str = setting(help_text="camera file, like config/cameras.yaml")
    config: str = setting(help_text="settings of the segmentation nodes, like config/segmentation.yaml")
    mode: str = setting("live", "mode of the segmentation nodes")


def launch_files(
    cameras: Sequence[CameraEntry], settings: StartSettings, package: Path, processes: str = EACH
) -> List[Tuple[str, List[str]]]:
    """Launch file and arguments of everything to start."""
    files: List[Tuple[str, List[str]]] = []
    if processes == ONE:
        shared = [f"config:={settings.config}", f"mode:={settings.mode}"]
        files.append((str(package / "launch" / "segment_cameras.launch"), shared))
    for camera in cameras:
        segmentation = [f"camera_name:={camera.name}", f"namespace:=/{camera.name}", f"config:={settings.config}",
                        f"bundle:={caller_bundle(camera.bundle)}", f"mode:={settings.mode}"]  # fmt: skip
        if processes == EACH:
            files.append((str(package / "launch" / "segmentation.launch"), segmentation))
        driver = [f"camera:={camera.source}", f"camera_name:={camera.name}"]
        driver += [f"serial_no:={camera.serial}"] if camera.serial else []
        if camera.source == "recording":
            node = f"/{camera.name}/segmentation"
            consumer = node if processes == EACH else SHARED_NODE
            driver += [f"mode:={settings.mode}", f"consumer:={consumer}", f"result:={node}/mask"]
        driver += [f"{name}:={value}" for name, value in camera.arguments.items()]
        files.append((str(package / "launch" / "camera.launch"), driver))
    return files


def transforms(cameras: Sequence[CameraEntry]) -> TFMessage:
    """The extrinsics as static transforms."""
    return TFMessage(
        [static_transform(camera.extrinsic.parent, f"{camera.name}_link", camera.extrinsic.placement)
         for camera in cameras if camera.extrinsic is not None]
    )  # fmt: skip


def forget_settings(cameras: Sequence[CameraEntry]) -> None:
    """Delete what an earlier run on the same roscore has left in /NAME/segmentation.

    With `processes: one` nothing else does: what segment_cameras finds there precedes its settings, for it must
    survive a respawn of the node.
    """
    for camera in cameras:
        with contextlib.suppress(KeyError):
            rospy.delete_param(f"/{camera.name}/segmentation")
            rospy.loginfo(f"/{camera.name}/segmentation: parameters of an earlier run are deleted")


def main() -> int:
    """Start the cameras and wait; returns 2 when the file cannot be used."""
    node_arguments("start_cameras", __doc__, [StartSettings], EXAMPLE)
    init_node("start_cameras", disable_signals=True)
    try:
        settings = read_settings(StartSettings, rospy.get_param("~", {}), f"node {rospy.get_name()}")
        found = read_cameras_file(caller_path(settings.cameras))
        cameras = found.cameras
    except SettingsError as error:
        rospy.logfatal(str(error))
        end_launch(failed=True)
        return BAD_INPUT
    static = rospy.Publisher("/tf_static", TFMessage, queue_size=1, latch=True)
    static.publish(transforms(cameras))
    package = Path(rospkg.RosPack().get_path("rt_seg"))
    files = launch_files(cameras, settings, package, found.processes)
    if found.processes == ONE:
        forget_settings(cameras)
        bundles = {camera.name: str(caller_bundle(camera.bundle)) for camera in cameras}
        rospy.set_param(f"{SHARED_NODE}/cameras", bundles)
    import roslaunch  # a fifth of a second: not for --help

    # Signals are roslaunch's here: it ends the nodes that it started.
    parent = roslaunch.parent.ROSLaunchParent(rospy.get_param("/run_id"), files, is_core=False)
    try:
        parent.start()
    except roslaunch.RLException as error:
        rospy.logfatal(f"{settings.cameras}: roslaunch cannot start it: {error}")
        return 1
    rospy.loginfo(f"started {', '.join(camera.name for camera in cameras)}")
    try:
        parent.spin()
    finally:
        parent.shutdown()
        rospy.signal_shutdown("all camera nodes have ended")
    return 0
