"""RealSense cameras through librealsense (PyPI pyrealsense2): for machines without the realsense2_camera driver.

The sensors feed a syncer directly, as the SDK's pipeline does inside, because so a camera, a recording of the SDK and
its software_device are one kind of thing: a device.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np

from rt_seg.cameras.clock_map import LARGEST_DRIFT, ClockMap
from rt_seg.cameras.errors import CameraError, CameraFault
from rt_seg.cameras.frame import Frame, Intrinsics, Placement, RawDepth
from rt_seg.cameras.realsense_depth import clip, make_filters, read_filters, to_millimetres
from rt_seg.cameras.realsense_device import describe, load_preset, open_recording, parse_options, sdk, set_options
from rt_seg.cameras.realsense_geometry import color_placement, intrinsics_of

PATIENCE = 5.0
"""Seconds without a colour image after which the stream counts as stalled."""
CHECK = 1.0
"""Seconds without one after which the camera is looked for."""

LONGEST_APART = 0.75
"""Frame intervals between colour and depth of one frameset; half of one is normal, as each sensor has its pace."""
PLAYBACK_DRIFT = 0.1
"""Seconds by which a recording may lag: a slow computer plays it slowly, where a camera drops frames."""


@dataclass(frozen=True)
class RealSenseSettings:
    """One size and rate for colour (rgb8) and depth (z16), and what is done to them.

    filters        of depth: names of FILTERS, with commas
    clip_distance  metres beyond which depth is 0; negative: none
    options        of the sensors by the SDK's names, as in "color.exposure=150, depth.laser_power=100"
    json_file      settings that the RealSense viewer has saved
    loop           begin again at the end of a recording
    """

    width: int = 640
    height: int = 480
    rate: int = 30
    filters: str = ""
    clip_distance: float = -1.0
    options: str = ""
    json_file: str = ""
    loop: bool = False


class RealSenseCamera:
    """Colour frames with depth aligned to them, from a device of the SDK."""

    def __init__(
        self,
        device: Any,
        settings: RealSenseSettings = RealSenseSettings(),
        patience: float = PATIENCE,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Open the sensors; a device without depth gives RGB only, one that has it at other rates is refused.

        Depth of another size, the largest, is used where it has not that of colour. Raises CameraError naming the
        profiles, filters or options that there are, and CameraFault when the sensors do not start.
        """
        self._sdk = sdk()
        self._device = device
        self._settings = settings
        self._patience = patience
        self._now = now
        self._playback: Any = device.as_playback() if device.is_playback() else None
        self.description = str(describe(device))
        self._clock: Optional[ClockMap] = None
        self._filters = make_filters(read_filters(settings.filters), self._sdk)
        self._lens: Dict[Tuple[Any, int, int], Intrinsics] = {}
        # Framesets wait here; without a queue a slow reader loses all but the last, which is what it should.
        self._syncer = self._sdk.syncer(1)
        self._align = self._sdk.align(self._sdk.stream.color)
        self._sensors: List[Any] = []
        self.color_placement: Optional[Placement] = None
        """Where colour is in the camera's link; None for a camera without depth."""
        try:
            self._open()
        except RuntimeError as error:
            self.close()
            if "busy" in str(error).lower():
                raise CameraError(f"{self.description}: is in use by another program: {error}") from error
            raise CameraFault(f"{self.description}: cannot be started: {error}") from error
        except CameraError:
            self.close()
            raise

    def _open(self) -> None:
        streams = {"color": self._sdk.stream.color, "depth": self._sdk.stream.depth}
        chosen: Dict[str, Tuple[Any, Any]] = {}
        has_depth = False
        for sensor in self._device.query_sensors():
            profiles = sensor.get_stream_profiles()
            has_depth |= any(profile.format() == self._sdk.format.z16 for profile in profiles)
            for name in streams.keys() - chosen.keys():
                fitting = [profile for profile in profiles if self._fits(profile, name, streams[name])]
                if fitting:
                    chosen[name] = (sensor, max(fitting, key=self._preference))
        if "color" not in chosen:
            raise CameraError(self._no_profile("colour", streams["color"]))
        if "depth" not in chosen and has_depth:
            # Colour alone would look like a camera whose depth, filters and options do not work.
            raise CameraError(self._no_profile("depth", streams["depth"]))
        if self._settings.json_file:
            load_preset(self._device, self._settings.json_file)
        options = parse_options(self._settings.options)
        for name, (sensor, _) in chosen.items():
            if name == "color" and self._playback is None and sensor.supports(self._sdk.option.auto_exposure_priority):
                set_options(sensor, name, {"auto_exposure_priority": 0.0})  # else dim light halves the rate
            set_options(sensor, name, options[name])
        if "depth" in chosen:
            depth, color = chosen["depth"][1], chosen["color"][1]
            self.color_placement = color_placement(depth.get_extrinsics_to(color))
            video = depth.as_video_stream_profile()
            if (video.width(), video.height()) != (self._settings.width, self._settings.height):
                self.description += f" (depth of {video.width()}x{video.height()}, aligned to colour)"
        if "depth" in chosen and chosen["depth"][0] is chosen["color"][0]:
            groups = [(chosen["color"][0], [chosen["color"][1], chosen["depth"][1]])]
        else:
            groups = [(sensor, [profile]) for sensor, profile in chosen.values()]
        for sensor, profiles in groups:
            sensor.open(profiles)
            self._sensors.append(sensor)
        for sensor in self._sensors:
            sensor.start(self._syncer)

    def _fits(self, profile: Any, name: str, stream: Any) -> bool:
        pixel = self._sdk.format.rgb8 if name == "color" else self._sdk.format.z16
        if profile.stream_type() != stream or profile.format() != pixel or profile.fps() != self._settings.rate:
            return False
        video = profile.as_video_stream_profile()
        # Depth is aligned to colour, so it may have another size, as where colour alone has 1920x1080.
        return name == "depth" or (video.width(), video.height()) == (self._settings.width, self._settings.height)

    def _preference(self, profile: Any) -> Tuple[bool, int]:
        """The size that is wanted, else the largest."""
        video = profile.as_video_stream_profile()
        size = (video.width(), video.height())
        return size == (self._settings.width, self._settings.height), size[0] * size[1]

    def _no_profile(self, name: str, stream: Any) -> str:
        wanted = self._settings
        known = ", ".join(stream_profiles(self._device, stream))
        slow = ""
        if describe(self._device).usb.startswith("2"):
            slow = ". It is on USB 2, without the larger sizes and higher rates: use a USB 3 cable and port"
        return (
            f"{self.description}: has no {name} stream of {wanted.width}x{wanted.height} at {wanted.rate} Hz; "
            f"accepted are {known or 'none'}{slow}"
        )

    def __iter__(self) -> Iterator[Frame]:
        """Frames as they come, stamped in seconds of the computer's clock; ends with a recording. Raises CameraError
        when the camera is gone, and CameraFault when no colour image came for `patience` seconds."""
        last = checked = time.monotonic()
        seen = False
        while True:
            arrived, frameset = self._syncer.try_wait_for_frames(200)
            color = frameset.get_color_frame() if arrived else None
            if color:
                yield self._frame(frameset, color)
                last, seen = time.monotonic(), True  # not before: whoever takes the frame may take his time
                continue
            if self._playback is not None and self._playback.current_status() == self._sdk.playback_status.stopped:
                if not self._settings.loop:
                    return
                self._begin_again()
                last = time.monotonic()
            if time.monotonic() - max(last, checked) > CHECK:
                checked = time.monotonic()
                if not self._device.is_connected():
                    raise CameraError(f"{self.description}: was unplugged")
            if time.monotonic() - last > self._patience:
                state = "its stream stalled" if seen else "its stream did not start"
                raise CameraFault(f"{self.description}: no colour image for {self._patience:.0f} s: {state}")

    def _begin_again(self) -> None:
        """Open the recording again: a device of the SDK that has played to the end cannot be started again."""
        path = self._playback.file_name()
        self.close()
        self._device = open_recording(path)
        self._playback = self._device.as_playback()
        self._open()

    def _frame(self, frameset: Any, color: Any) -> Frame:
        depth: Optional[np.ndarray] = None
        raw: Optional[RawDepth] = None
        if self._same_moment(frameset.get_depth_frame(), color):
            for block in self._filters:
                frameset = block.process(frameset).as_frameset()
            frame = frameset.get_depth_frame()
            raw = RawDepth(self._millimetres(frame), self._intrinsics(frame))
            aligned = self._align.process(frameset)
            depth = self._millimetres(aligned.get_depth_frame())
            color = aligned.get_color_frame()
        return Frame(np.array(color.get_data()), depth, None, self._intrinsics(color), self._stamp(color), raw)

    def _same_moment(self, depth: Any, color: Any) -> bool:
        """Whether a frameset's depth belongs to its colour: where a frame is lost, the SDK takes the neighbour's."""
        if not depth:
            return False
        apart = abs(depth.get_timestamp() - color.get_timestamp()) / 1000.0
        one_clock = depth.get_frame_timestamp_domain() == color.get_frame_timestamp_domain()
        return not one_clock or apart < LONGEST_APART / self._settings.rate

    def _millimetres(self, frame: Any) -> np.ndarray:
        return clip(to_millimetres(np.array(frame.get_data()), frame.get_units()), self._settings.clip_distance)

    def _stamp(self, color: Any) -> float:
        if self._clock is None:
            hardware = color.get_frame_timestamp_domain() == self._sdk.timestamp_domain.hardware_clock
            drift = LARGEST_DRIFT if self._playback is None else PLAYBACK_DRIFT
            self._clock = ClockMap(synchronised=not hardware, largest_drift=drift)
        return self._clock.to_host(color.get_timestamp() / 1000.0, self._now())

    def _intrinsics(self, frame: Any) -> Intrinsics:
        profile = frame.profile
        video = profile.as_video_stream_profile()
        # Not by the profile's id: filters make profiles again.
        key = (profile.stream_type(), video.width(), video.height())
        if key not in self._lens:
            self._lens[key] = intrinsics_of(video.intrinsics, self._sdk)
        return self._lens[key]

    def close(self) -> None:
        """Stop the sensors, as far as the device is still there."""
        for sensor in self._sensors:
            for end in (sensor.stop, sensor.close):
                try:
                    end()
                except RuntimeError:
                    pass  # unplugged, or not started
        self._sensors.clear()


def stream_profiles(device: Any, stream: Any) -> List[str]:
    """Sizes and rates that a device has for a stream, as "640x480 30 Hz"."""
    found = set()
    for sensor in device.query_sensors():
        for profile in sensor.get_stream_profiles():
            if profile.stream_type() == stream:
                video = profile.as_video_stream_profile()
                found.add((video.width(), video.height(), profile.fps()))
    return [f"{width}x{height} {rate} Hz" for width, height, rate in sorted(found)]
