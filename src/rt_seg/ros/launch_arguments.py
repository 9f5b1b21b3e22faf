"""Checks arguments of live.launch while roslaunch reads the file, before any node starts."""

from __future__ import annotations

import sys
from typing import Dict, List, Optional

from rt_seg.command_line import BAD_INPUT, DONE, command_parser
from rt_seg.ros.caller_folder import caller_folder, caller_path

DEMO = "demo"
"""What `recording` is called that nobody made: it is rendered where it is first played."""
FILES_OF_CAMERA = {
    "recording": ("recording",),
    "replay": ("recording",),
    "video": ("video", "calibration"),
    "webcam": ("calibration",),
    "simulated": ("recipe",),
    "realsense": ("json_file",),
    "realsense_sdk": ("json_file", "sdk_recording"),
    "several": ("cameras",),
}
"""Source of images → the arguments of live.launch that name its files."""
NEEDED = {"recording": "a bag, a folder with color/ and depth/, or demo", "video": "a video file"}
"""Arguments that may not be empty → what they name."""


def faults(values: Dict[str, str]) -> List[str]:
    """What is wrong with arguments of live.launch, by name, each in a sentence; empty when nothing is."""
    found = []
    for name in FILES_OF_CAMERA.get(values.get("camera", ""), ()):
        text = values.get(name, "")
        if name == "recording" and text == DEMO:
            continue
        if not text:
            if name in NEEDED:
                found.append(f"camera:={values['camera']} needs {name}:= with {NEEDED[name]}")
            continue
        path = caller_path(text)
        is_split = name == "recording" and any(path.parent.glob(f"{path.name}_*.bag"))
        if not path.exists() and not is_split:
            found.append(f"{name}:={text}: no such file: {path}")
    return found


def main(arguments: Optional[List[str]] = None) -> int:
    """Print the caller's folder; returns 2 after saying on stderr what is wrong."""
    parser = command_parser(
        "check_arguments",
        description="Check arguments of live.launch: whether the named files exist.",
        example="rosrun rt_seg check_arguments camera:=video video:=clip.mp4",
    )
    parser.add_argument("arguments", nargs="*", metavar="NAME:=VALUE")
    given = dict(entry.split(":=", 1) for entry in parser.parse_args(arguments).arguments if ":=" in entry)
    found = faults(given)
    for fault in found:
        print(f"\nrt_seg: {fault}", file=sys.stderr)
    print(caller_folder())
    return BAD_INPUT if found else DONE
