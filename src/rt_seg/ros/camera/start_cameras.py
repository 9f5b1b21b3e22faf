"""Starts a driver and a segmentation node for each camera of a file: launch files cannot loop."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, List, Mapping, Optional, Sequence, Tuple

import roslaunch
import rospkg
import rospy
from tf2_msgs.msg import TFMessage

from rt_seg.cameras.errors import CameraError
from rt_seg.cameras.frame import Placement
from rt_seg.cameras.realsense_device import connected_devices, describe
from rt_seg.cameras.video import webcams
from rt_seg.command_line import BAD_INPUT, node_arguments
from rt_seg.ros.caller_folder import caller_bundle, caller_path
from rt_seg.ros.camera_frames import static_transform
from rt_seg.ros.launch_end import end_launch, init_node
from rt_seg.settings import SettingsError, read_settings, read_yaml, setting, shown

EXAMPLE = """rosrun rt_seg start_cameras _cameras:=config/cameras.yaml _config:=config/segmentation.yaml

Usually started by: roslaunch rt_seg live.launch camera:=several cameras:=FILE"""

SOURCES = ("realsense", "realsense_sdk", "webcam", "video", "recording", "simulated", "none")
KEYS = ("name", "source", "serial", "bundle", "extrinsic", "arguments")
CONNECTED = "connected"
"""In place of the list: whatever is plugged in."""
EACH, ONE = "each", "one"
SHARED_NODE = "/segment_cameras"
"""The node of all cameras, with `processes: one`."""
OWN_ARGUMENTS = ("camera", "camera_name", "serial_no", "consumer", "result")
"""Of camera.launch, what other keys give."""


@dataclass(frozen=True)
class Extrinsic:
    """Where a camera's link frame is in `parent`."""

    parent: str
    translation: Tuple[float, float, float] = setting(help_text="metres")
    rotation: Tuple[float, float, float, float] = setting(help_text="unit quaternion x y z w, as [0, 0, 0, 1]")

    @property
    def placement(self) -> Placement:
        """Translation and rotation."""
        return Placement(self.translation, self.rotation)


@dataclass(frozen=True)
class CameraEntry:
    """One camera of the file."""

    name: str = setting(help_text="namespace of its topics")
    source: str = setting("realsense", accepted=SOURCES)
    serial: str = ""
    bundle: str = "tabletop"
    extrinsic: Optional[Extrinsic] = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Of camera.launch."""


@dataclass(frozen=True)
class CamerasFile:
    """The file of the cameras."""

    cameras: Tuple[CameraEntry, ...] = setting(help_text="list of cameras, or connected; see config/cameras.yaml")
    processes: str = setting(
        EACH, "each: a segmentation node for each camera; one: one for all, with one engine", accepted=(EACH, ONE)
    )


@dataclass(frozen=True)
class StartSettings:
    """Private parameters: the file of the cameras, and what all their nodes share."""

    cameras: str = setting(help_text="file of the cameras, as config/cameras.yaml")
    config: str = setting(help_text="settings of the segmentation nodes, as config/segmentation.yaml")
    mode: str = setting("live", "of the segmentation nodes")


def _check_camera(camera: CameraEntry, where: str) -> None:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", camera.name):
        raise SettingsError(f"{where}: name {shown(camera.name)} is no name of a namespace: letters, digits and _")
    extrinsic = camera.extrinsic
    if extrinsic is not None and abs(sum(item * item for item in extrinsic.rotation) - 1.0) > 0.01:
        raise SettingsError(
            f"{where}: extrinsic: rotation {list(extrinsic.rotation)} is no unit quaternion x y z w, as [0, 0, 0, 1] is"
        )
    for name, value in camera.arguments.items():
        if name in OWN_ARGUMENTS or not isinstance(value, (str, int, float)):
            raise SettingsError(
                f"{where}: arguments: {name}: {shown(value)} cannot be meant; accepted are arguments of camera.launch "
                f"other than {', '.join(OWN_ARGUMENTS)}, with a text or a number"
            )


def connected_cameras() -> List[CameraEntry]:
    """The RealSense cameras that the SDK finds, and the webcams: named camera, camera_2 and so on, in this order."""
    found: List[Tuple[str, str, str]] = []
    try:
        found += [("realsense_sdk", describe(device).serial, "") for device in connected_devices()]
    except (CameraError, RuntimeError) as error:
        rospy.logwarn(f"RealSense cameras cannot be listed: {error}")
    # The kernel has a RealSense as a webcam, too.
    found += [("webcam", "", text.split(" ")[0]) for text in webcams() if "realsense" not in text.lower()]
    return [
        CameraEntry(
            name="camera" if number == 1 else f"camera_{number}",
            source=source,
            serial=serial,
            bundle="things" if source == "realsense_sdk" else "tabletop",
            arguments={"device": device} if device else {},
        )
        for number, (source, serial, device) in enumerate(found, 1)
    ]


def read_cameras(path: Path) -> Sequence[CameraEntry]:
    """The cameras of a YAML file; see `read_cameras_file`."""
    return read_cameras_file(path).cameras


def read_cameras_file(path: Path) -> CamerasFile:
    """A YAML file of cameras. Raises SettingsError naming file, camera, key and what is accepted."""
    data = read_yaml(path)
    if isinstance(data, dict) and data.get("cameras") == CONNECTED:
        # The other keys are read beside a list that cannot be empty.
        others = read_settings(CamerasFile, {**data, "cameras": []}, str(path))
        connected = connected_cameras()
        if not connected:
            raise SettingsError(
                f"{path}: cameras is {CONNECTED}, and no camera is plugged in here; `rosrun rt_seg doctor` looks for "
                "the reason. Cameras of other kinds are listed in the file, as it shows"
            )
        return replace(others, cameras=tuple(connected))
    found = read_settings(CamerasFile, data, str(path))
    cameras = found.cameras
    if not cameras:
        raise SettingsError(f"{path}: cameras: expected a list of cameras, or {CONNECTED}; see config/cameras.yaml")
    for index, camera in enumerate(cameras):
        _check_camera(camera, f"{path}: cameras[{index}]")
    names = [camera.name for camera in cameras]
    if len(set(names)) != len(names):
        raise SettingsError(f"{path}: the names {', '.join(names)} must differ")
    drivers = [
        camera.serial
        for camera in cameras
        if camera.source in ("realsense", "realsense_sdk") and "sdk_recording" not in camera.arguments
    ]
    if len(drivers) > 1 and ("" in drivers or len(set(drivers)) != len(drivers)):
        raise SettingsError(
            f"{path}: {len(drivers)} RealSense need serial numbers that differ, and have {drivers}; "
            "`rosrun rt_seg list_cameras` and rs-enumerate-devices show them"
        )
    return found


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
        bundles = {camera.name: str(caller_bundle(camera.bundle)) for camera in cameras}
        rospy.set_param(f"{SHARED_NODE}/cameras", bundles)
    # Signals are roslaunch's here: it ends the nodes that it started.
    parent = roslaunch.parent.ROSLaunchParent(rospy.get_param("/run_id"), files, is_core=False)
    try:
        parent.start()
    except roslaunch.RLException as error:
        rospy.logfatal(f"{settings.cameras}: roslaunch refuses it: {error}")
        return 1
    rospy.loginfo(f"started {', '.join(camera.name for camera in cameras)}")
    try:
        parent.spin()
    finally:
        parent.shutdown()
        rospy.signal_shutdown("the cameras have ended")
    return 0
