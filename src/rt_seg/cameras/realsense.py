"""RealSense cameras through librealsense (PyPI pyrealsense2): for machines without the realsense2_camera driver.

The sensors feed a syncer directly, as the SDK's pipeline does inside, because so a camera, a recording of the SDK and
its software_device are one kind of thing: a device.
"""
from __future__ import annotations

import time
from typing import Any, Callable, Iterator, List, Optional

import numpy as np

from rt_seg.cameras.clock_map import ClockMap
from rt_seg.cameras.errors import CameraError
from rt_seg.cameras.frame import Frame, Intrinsics

PATIENCE = 5.0
"""Seconds without a colour image after which the camera counts as lost."""


def _sdk() -> Any:
    try:
        import pyrealsense2
    except ImportError as error:
        raise CameraError(f"pyrealsense2 cannot be imported ({error}). Install it: pip install pyrealsense2") from error
    return pyrealsense2


def find_device(serial: str = "") -> Any:
    """The connected camera with this serial number, or the first one. Raises CameraError naming those found."""
    sdk = _sdk()
    devices = list(sdk.context().query_devices())
    found = [device.get_info(sdk.camera_info.serial_number) for device in devices]
    for device, number in zip(devices, found):
        if serial in ("", number):
            return device
    wanted = f"RealSense {serial}" if serial else "RealSense camera"
    raise CameraError(
        f"no {wanted} is connected; found: {', '.join(found) or 'none'}. Use a USB 3 port and cable, and give this "
        "user access to the device (librealsense's udev rules)"
    )


def open_recording(path: str) -> Any:
    """A recording of the SDK (`.db3`, or `.bag` of its own kind) as a device. Raises CameraError."""
    try:
        return _sdk().context().load_device(path)
    except RuntimeError as error:
        raise CameraError(f"{path}: is no recording of the RealSense SDK: {error}") from error


def to_millimetres(depth: np.ndarray, unit: float) -> np.ndarray:
    """Raw depth, uint16 (H, W) in units of `unit` metres, as uint16 millimetres; what does not fit becomes 0."""
    if abs(unit - 0.001) < 1e-9:
        return depth
    millimetres = np.rint(depth * np.float32(unit * 1000.0))
    return np.where(millimetres <= 65535, millimetres, 0).astype(np.uint16)


class RealSenseCamera:
    """Colour frames with depth aligned to them, from a device of the SDK."""

    def __init__(
        self,
        device: Any,
        width: int = 640,
        height: int = 480,
        rate: int = 30,
        patience: float = PATIENCE,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Open the sensors with one size and rate for colour (rgb8) and depth (z16); a device without depth gives
        colour alone. Raises CameraError naming the profiles that the camera has."""
        self._sdk = _sdk()
        self._patience = patience
        self._now = now
        self._clock = ClockMap()
        # Framesets wait here; without a queue a slow reader loses all but the last, which is what it should.
        self._syncer = self._sdk.syncer(1)
        self._align = self._sdk.align(self._sdk.stream.color)
        self._open_sensors: List[Any] = []
        sdk = self._sdk
        wanted = {sdk.stream.color: sdk.format.rgb8, sdk.stream.depth: sdk.format.z16}
        opened = set()
        try:
            for sensor in device.query_sensors():
                profiles = [p for p in sensor.get_stream_profiles() if p.stream_type() in set(wanted) - opened]
                chosen = [p for p in profiles if self._fits(p, wanted, width, height, rate)]
                if chosen:
                    self._start(sensor, chosen)
                    opened |= {profile.stream_type() for profile in chosen}
        except RuntimeError as error:
            self.close()
            raise CameraError(f"the camera cannot be started: {error}. Is another program using it?") from error
        if sdk.stream.color not in opened:
            self.close()
            known = sorted({_describe(p) for s in device.query_sensors() for p in s.get_stream_profiles()
                            if p.stream_type() == sdk.stream.color})  # fmt: skip
            raise CameraError(
                f"the camera has no colour of {width}x{height} at {rate} Hz; accepted are {', '.join(known) or 'none'}"
            )

    @staticmethod
    def _fits(profile: Any, wanted: Any, width: int, height: int, rate: int) -> bool:
        if profile.format() != wanted[profile.stream_type()] or profile.fps() != rate:
            return False
        video = profile.as_video_stream_profile()
        return (video.width(), video.height()) == (width, height)

    def _start(self, sensor: Any, profiles: List[Any]) -> None:
        sensor.open(profiles)
        self._open_sensors.append(sensor)
        sensor.start(self._syncer)

    def __iter__(self) -> Iterator[Frame]:
        """Frames as they come, stamped in seconds of the computer's clock. Raises CameraError when no colour image
        came for `patience` seconds: unplugged, or the stream has stalled."""
        last = time.monotonic()
        while True:
            arrived, frameset = self._syncer.try_wait_for_frames(200)
            color = frameset.get_color_frame() if arrived else None
            if not color:
                if time.monotonic() - last > self._patience:
                    raise CameraError(
                        f"no colour image for {self._patience:.0f} s: the camera was unplugged or its stream stalled"
                    )
                continue
            last = time.monotonic()
            yield self._frame(frameset, color)

    def _frame(self, frameset: Any, color: Any) -> Frame:
        depth: Optional[np.ndarray] = None
        if frameset.get_depth_frame():
            aligned = self._align.process(frameset)
            frame = aligned.get_depth_frame()
            depth = to_millimetres(np.array(frame.get_data()), frame.get_units())
            color = aligned.get_color_frame()
        stamp, now = color.get_timestamp() / 1000.0, self._now()
        if color.get_frame_timestamp_domain() == self._sdk.timestamp_domain.hardware_clock:
            stamp = self._clock.to_host(stamp, now)
        return Frame(np.array(color.get_data()), depth, None, _intrinsics(color), stamp)

    def close(self) -> None:
        """Stop the sensors, as far as the device is still there."""
        for sensor in self._open_sensors:
            try:
                sensor.stop()
                sensor.close()
            except RuntimeError:
                pass  # unplugged
        self._open_sensors.clear()


def _describe(profile: Any) -> str:
    video = profile.as_video_stream_profile()
    return f"{video.width()}x{video.height()} {profile.fps()} Hz"


def _intrinsics(frame: Any) -> Intrinsics:
    camera = frame.profile.as_video_stream_profile().intrinsics
    # librealsense's Brown-Conrady coefficients are k1, k2, p1, p2, k3, as plumb_bob's are.
    distortion = tuple(float(value) for value in camera.coeffs)
    return Intrinsics(camera.width, camera.height, camera.fx, camera.fy, camera.ppx, camera.ppy, distortion)
