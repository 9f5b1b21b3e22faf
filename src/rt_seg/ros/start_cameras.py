"""Starts a driver and a segmentation node for each camera of a file: launch files cannot loop."""
from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, List, Optional, Tuple

import roslaunch
import rospkg
import rospy
import yaml
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from tf2_msgs.msg import TFMessage

from rt_seg.ros.model import bundle_folder
from rt_seg.ros.settings import SettingsError, read_settings

SOURCES = ("realsense", "none")
KEYS = ("name", "source", "serial", "bundle", "extrinsic")


@dataclass(frozen=True)
class Extrinsic:
    """Pose of a camera's link frame in `parent`: metres, and a unit quaternion x, y, z, w."""

    parent: str
    translation: Tuple[float, float, float]
    rotation: Tuple[float, float, float, float]


@dataclass(frozen=True)
class CameraEntry:
    """One camera of the file."""

    name: str
    source: str = "realsense"
    serial: str = ""
    bundle: str = "tabletop"
    extrinsic: Optional[Extrinsic] = None


@dataclass(frozen=True)
class StartSettings:
    """Private parameters: the file of the cameras, and what all their nodes share."""

    cameras: str
    config: str
    mode: str = "live"


def _numbers(value: Any, count: int, where: str) -> Tuple[float, ...]:
    if not isinstance(value, list) or len(value) != count or not all(type(item) in (int, float) for item in value):
        raise SettingsError(f"{where} is {value!r}; accepted are {count} numbers")
    return tuple(float(item) for item in value)


def _read_extrinsic(value: Any, where: str) -> Extrinsic:
    if not isinstance(value, dict) or set(value) != {"parent", "translation", "rotation"}:
        raise SettingsError(f"{where} is {value!r}; accepted are exactly parent, translation and rotation")
    rotation = _numbers(value["rotation"], 4, f"{where}: rotation")
    if abs(sum(item * item for item in rotation) - 1.0) > 0.01:
        raise SettingsError(f"{where}: rotation {list(rotation)} is no unit quaternion x y z w, as [0, 0, 0, 1] is")
    return Extrinsic(str(value["parent"]), _numbers(value["translation"], 3, f"{where}: translation"), rotation)


def read_cameras(path: Path) -> List[CameraEntry]:
    """The cameras of a YAML file. Raises SettingsError naming file, camera, key and what is accepted."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    entries = data.get("cameras") if isinstance(data, dict) and set(data) == {"cameras"} else None
    if not isinstance(entries, list) or not entries:
        raise SettingsError(f"{path}: expected the one key 'cameras' with a list of cameras; see config/cameras.yaml")
    cameras = []
    for index, entry in enumerate(entries):
        where = f"{path}: cameras[{index}]"
        unknown = sorted(set(entry) - set(KEYS)) if isinstance(entry, dict) else [repr(entry)]
        if unknown:
            raise SettingsError(f"{where}: unknown key {unknown[0]}; accepted are {', '.join(KEYS)}")
        values = {"source": "realsense", "serial": "", "bundle": "tabletop", "extrinsic": None, **entry}
        for key in ("name", "source", "serial", "bundle"):
            if not isinstance(values.get(key), str):
                raise SettingsError(f"{where}: {key} is {values.get(key)!r}; accepted is text (digits in quotes)")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", values["name"]):
            raise SettingsError(f"{where}: name {values['name']!r} is no name of a namespace: letters, digits and _")
        if values["source"] not in SOURCES:
            raise SettingsError(f"{where}: source {values['source']!r} is not known; accepted are {', '.join(SOURCES)}")
        if values["extrinsic"] is not None:
            values["extrinsic"] = _read_extrinsic(values["extrinsic"], f"{where}: extrinsic")
        cameras.append(CameraEntry(**values))
    names = [camera.name for camera in cameras]
    if len(set(names)) != len(names):
        raise SettingsError(f"{path}: the names {', '.join(names)} must differ")
    drivers = [camera.serial for camera in cameras if camera.source == "realsense"]
    if len(drivers) > 1 and ("" in drivers or len(set(drivers)) != len(drivers)):
        raise SettingsError(
            f"{path}: {len(drivers)} RealSense need serial numbers that differ, and have {drivers}; "
            "rs-enumerate-devices lists them"
        )
    return cameras


def launch_files(cameras: List[CameraEntry], settings: StartSettings, package: Path) -> List[Tuple[str, List[str]]]:
    """Launch file and arguments of everything to start."""
    files = []
    for camera in cameras:
        segmentation = [f"camera_name:={camera.name}", f"namespace:=/{camera.name}", f"config:={settings.config}",
                        f"bundle:={bundle_folder(camera.bundle)}", f"mode:={settings.mode}"]  # fmt: skip
        files.append((str(package / "launch" / "segmentation.launch"), segmentation))
        driver = [f"camera:={camera.source}", f"camera_name:={camera.name}"]
        driver += [f"serial_no:={camera.serial}"] if camera.serial else []
        files.append((str(package / "launch" / "camera.launch"), driver))
    return files


def transforms(cameras: List[CameraEntry]) -> TFMessage:
    """The extrinsics as static transforms."""
    message = TFMessage()
    for camera in cameras:
        if camera.extrinsic is not None:
            entry = TransformStamped(child_frame_id=f"{camera.name}_link")
            entry.header.stamp, entry.header.frame_id = rospy.Time.now(), camera.extrinsic.parent
            entry.transform = Transform(Vector3(*camera.extrinsic.translation), Quaternion(*camera.extrinsic.rotation))
            message.transforms.append(entry)
    return message


def main() -> int:
    """Start the cameras and wait; returns 1 when the file cannot be used."""
    rospy.init_node("start_cameras", disable_signals=True)
    try:
        settings = read_settings(StartSettings, rospy.get_param("~", {}), f"node {rospy.get_name()}")
        cameras = read_cameras(Path(settings.cameras).expanduser())
    except SettingsError as error:
        rospy.logfatal(str(error))
        return 1
    static = rospy.Publisher("/tf_static", TFMessage, queue_size=1, latch=True)
    static.publish(transforms(cameras))
    package = Path(rospkg.RosPack().get_path("rt_seg"))
    files = launch_files(cameras, settings, package)
    # Signals are roslaunch's here: it ends the nodes that it started.
    parent = roslaunch.parent.ROSLaunchParent(rospy.get_param("/run_id"), files, is_core=False)
    parent.start()
    rospy.loginfo(f"started {', '.join(camera.name for camera in cameras)}")
    try:
        parent.spin()
    finally:
        parent.shutdown()
        rospy.signal_shutdown("the cameras have ended")
    return 0
