"""Reads the file of several cameras: which there are, where they are, and what each is segmented with."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, List, Mapping, Optional, Sequence, Tuple

import rospy

from rt_seg.cameras.errors import CameraError
from rt_seg.cameras.frame import Placement
from rt_seg.cameras.realsense_device import connected_devices, describe
from rt_seg.cameras.video import webcams
from rt_seg.settings import SettingsError, read_settings, read_yaml, setting, shown

SOURCES = ("realsense", "realsense_sdk", "webcam", "video", "recording", "simulated", "none")
KEYS = ("name", "source", "serial", "bundle", "extrinsic", "arguments")
CONNECTED = "connected"
"""In place of the list: whatever is plugged in."""
EACH, ONE = "each", "one"
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


def _check_camera(camera: CameraEntry, where: str) -> None:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", camera.name):
        raise SettingsError(
            f"{where}: name {shown(camera.name)} is not a namespace; accepted are letters, digits and _"
        )
    extrinsic = camera.extrinsic
    if extrinsic is not None and abs(sum(item * item for item in extrinsic.rotation) - 1.0) > 0.01:
        raise SettingsError(
            f"{where}: extrinsic: rotation {list(extrinsic.rotation)} is not a unit quaternion, such as [0, 0, 0, 1]"
        )
    for name, value in camera.arguments.items():
        if name in OWN_ARGUMENTS or not isinstance(value, (str, int, float)):
            raise SettingsError(
                f"{where}: arguments: {name}: {shown(value)} is not valid; accepted are arguments of camera.launch "
                f"other than {', '.join(OWN_ARGUMENTS)}, with a string or a number"
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
                f"{path}: cameras is {CONNECTED}, but no camera is connected; `rosrun rt_seg doctor` shows "
                "the cause. List cameras of other kinds in the file, see config/cameras.yaml"
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
            f"{path}: {len(drivers)} RealSense cameras need different serial numbers, got {drivers}; "
            "`rosrun rt_seg list_cameras` and rs-enumerate-devices show them"
        )
    return found
