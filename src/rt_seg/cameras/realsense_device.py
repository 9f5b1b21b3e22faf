"""Finds, describes, resets and sets up the devices of librealsense (PyPI pyrealsense2)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Optional

from rt_seg.cameras.errors import CameraError, CameraSettingError

RETURN = 10.0
"""Seconds in which a camera is back on the bus after a reset."""


def sdk() -> Any:
    """The module. Raises CameraError saying how to install it."""
    try:
        import pyrealsense2
    except ImportError as error:
        raise CameraError(f"pyrealsense2 cannot be imported ({error}). Install it: pip install pyrealsense2") from error
    return pyrealsense2


class DeviceInfo(NamedTuple):
    """What a camera reports; "" where it does not. `usb` is the type of its connection, as 3.2 or 2.1."""

    name: str
    serial: str
    firmware: str
    recommended_firmware: str
    usb: str

    def __str__(self) -> str:
        words = [self.name or "RealSense device", self.serial, self.firmware and f"firmware {self.firmware}",
                 self.usb and f"USB {self.usb}"]  # fmt: skip
        return ", ".join(word for word in words if word)


def describe(device: Any) -> DeviceInfo:
    """Read what a device reports."""
    kind = sdk().camera_info
    wanted = (kind.name, kind.serial_number, kind.firmware_version, kind.recommended_firmware_version,
              kind.usb_type_descriptor)  # fmt: skip
    return DeviceInfo(*(device.get_info(entry) if device.supports(entry) else "" for entry in wanted))


def connected_devices() -> List[Any]:
    """The cameras on this computer's USB. Raises CameraError without the SDK."""
    return list(sdk().context().query_devices())


def find_device(serial: str = "", devices: Optional[Iterable[Any]] = None) -> Any:
    """The camera with this serial number, or the first one, of `devices` (those connected). Raises CameraError naming
    those found."""
    found = list(connected_devices() if devices is None else devices)
    for device in found:
        if serial in ("", describe(device).serial):
            return device
    wanted = f"RealSense {serial}" if serial else "RealSense camera"
    raise CameraError(
        f"no {wanted} is connected; found: {'; '.join(str(describe(device)) for device in found) or 'none'}. "
        "Use a USB 3 port and cable, and give this user access to the device (librealsense's udev rules); "
        "`rosrun rt_seg doctor` checks both"
    )


def open_recording(path: str) -> Any:
    """A recording of the SDK (`.db3`, or `.bag` of its own kind) as a device. Raises CameraSettingError."""
    if not Path(path).is_file():
        raise CameraSettingError(f"{path}: no such file; sdk_recording:= must name a recording of the RealSense SDK")
    module = sdk()
    config = module.config()
    try:
        config.enable_device_from_file(path, repeat_playback=False)
        return config.resolve(module.pipeline_wrapper(module.pipeline())).get_device()
    except RuntimeError as error:
        raise CameraSettingError(
            f"{path}: is not a recording of the RealSense SDK: {error}. (For ROS bags use camera:=recording)"
        ) from error


def reset(device: Any) -> Any:
    """Restart the camera's firmware and wait for it to reconnect; returns the new device. Raises CameraError."""
    before = describe(device)
    try:
        device.hardware_reset()
    except RuntimeError as error:
        raise CameraError(f"{before}: cannot be reset: {error}. Reconnect it") from error
    # It stays in the list for a moment before it goes.
    deadline = time.monotonic() + RETURN
    time.sleep(min(2.0, RETURN / 2))
    while time.monotonic() < deadline:
        try:
            return find_device(before.serial)
        except CameraError:
            time.sleep(0.5)
    raise CameraError(f"{before}: did not reconnect within {RETURN:.0f} s after its reset. Reconnect it")


def load_preset(device: Any, path: str) -> None:
    """Load a JSON file of the RealSense viewer: all the settings of the depth module. Raises CameraSettingError."""
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CameraSettingError(f"{path}: cannot be read: {error}") from error
    module = sdk()
    try:
        module.rs400_advanced_mode(device).load_json(text)
    except (RuntimeError, TypeError) as error:
        raise CameraSettingError(f"{path}: cannot be loaded into {describe(device)}: {error}") from error


def parse_options(text: str) -> Dict[str, Dict[str, float]]:
    """`color.exposure=150, depth.laser_power=100` as {"color": {"exposure": 150.0}, …}. Raises CameraSettingError."""
    parsed: Dict[str, Dict[str, float]] = {"color": {}, "depth": {}}
    for entry in text.replace(",", " ").split():
        name, _, value = entry.partition("=")
        sensor, _, option = name.partition(".")
        try:
            number = float(value)
        except ValueError:
            number = None
        if sensor not in parsed or not option or number is None:
            raise CameraSettingError(
                f"options: {entry!r} is not valid; accepted is SENSOR.OPTION=NUMBER, such as color.exposure=150 or "
                "depth.laser_power=100"
            )
        parsed[sensor][option] = number
    return parsed


def set_options(sensor: Any, name: str, options: Dict[str, float]) -> None:
    """Set options of a sensor by their names in the SDK. Raises CameraSettingError naming what the sensor accepts."""
    module = sdk()
    for option, value in options.items():
        kind = getattr(module.option, option, None)
        if not isinstance(kind, module.option) or not sensor.supports(kind):
            known = sorted(entry.name for entry in sensor.get_supported_options())
            raise CameraSettingError(f"options: {name} has no {option}; accepted are {', '.join(known) or 'none'}")
        extent = sensor.get_option_range(kind)
        if not extent.min <= value <= extent.max:
            raise CameraSettingError(
                f"options: {name}.{option} is {value:g}; accepted is {extent.min:g} to {extent.max:g}, and its default "
                f"is {extent.default:g}"
            )
        try:
            sensor.set_option(kind, value)
        except RuntimeError as error:
            raise CameraSettingError(f"options: {name}.{option}={value:g} was rejected: {error}") from error
