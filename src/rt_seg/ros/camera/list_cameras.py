"""Lists the connected cameras, with the values that live.launch needs."""

from __future__ import annotations

from typing import Any, List, Optional

from rt_seg.command_line import command_parser

EPILOG = """
  rosrun rt_seg list_cameras            # then: roslaunch rt_seg live.launch camera:=realsense_sdk serial_no:=NUMBER

`rosrun rt_seg doctor` shows why a camera is missing."""


def _realsense(device: Any) -> List[str]:
    from rt_seg.cameras.realsense import stream_profiles
    from rt_seg.cameras.realsense_device import describe, sdk

    info = describe(device)
    lines = [f"{info}    camera:=realsense_sdk serial_no:={info.serial}"]
    for name in ("color", "depth"):
        profiles = stream_profiles(device, getattr(sdk().stream, name))
        lines += [f"    {name}: {', '.join(profiles)}"] if profiles else []
    return lines


def main(arguments: Optional[List[str]] = None) -> int:
    """Print the list; returns 1 when there is no camera."""
    command_parser(
        "list_cameras", description=__doc__, example=EPILOG,
    ).parse_args(arguments)  # fmt: skip
    from rt_seg.cameras.errors import CameraError
    from rt_seg.cameras.realsense_device import connected_devices
    from rt_seg.cameras.video import webcams

    lines: List[str] = []
    try:
        for device in connected_devices():
            lines += _realsense(device)
    except (CameraError, RuntimeError) as error:
        print(f"RealSense cameras cannot be listed: {error}")
    lines += [f"{webcam}    camera:=webcam device:={webcam.split(' ')[0]}" for webcam in webcams()]
    print("\n".join(lines) or "no camera is connected; `rosrun rt_seg doctor` shows the cause")
    return 0 if lines else 1
