"""Records a camera into bags that `live.launch` plays: the required topics, split by size, with a disk space limit."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from pathlib import Path
from typing import List, Optional

from rt_seg.command_line import BAD_INPUT, command_parser, old_spelling
from rt_seg.ros.camera_topics import COLOR, COLOR_COMPRESSED, COLOR_INFO, DEPTH, DEPTH_COMPRESSED, DEPTH_INFO

EXAMPLE = """
  rosrun rt_seg record recordings/kitchen
  rosrun rt_seg record recordings/kitchen --split-size 1000 --compression lz4    # bags of 1000 MB, until Ctrl-C
  rosrun rt_seg record recordings/kitchen --seconds 60
  rosrun rt_seg record recordings/kitchen --format mcap      # for viewers of MCAP
  rosrun rt_seg record recordings/long --compressed         # JPEG and PNG: a tenth of the space

Play all parts with: roslaunch rt_seg live.launch recording:=$PWD/recordings/kitchen"""

SPLIT_SIZE = 2000
"""Megabytes of a bag."""


def topics(camera: str, compressed: bool) -> List[str]:
    """The topics of a camera that the segmentation node uses."""
    color, depth = (COLOR_COMPRESSED, DEPTH_COMPRESSED) if compressed else (COLOR, DEPTH)
    return [f"/{camera}/{topic}" for topic in (color, COLOR_INFO, depth, DEPTH_INFO)]


def command(options: argparse.Namespace) -> List[str]:
    """The call of rosbag for these options."""
    # rosbag's recorder itself: the command `rosbag record` does not know --min-space.
    arguments = ["rosrun", "rosbag", "record", "--tcpnodelay", f"--output-name={options.output}"]
    arguments.append(f"--min-space={options.free}M")
    # rosbag splits at a duration, instead of ending at it, when it is told to split: it cannot do both.
    size = options.split_size or SPLIT_SIZE
    arguments += [f"--duration={options.seconds}"] if options.seconds else ["--split", f"--size={size}"]
    if options.compression != "none":
        arguments.append(f"--{options.compression}")
    return arguments + topics(options.camera.strip("/"), options.compressed)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "record", description=__doc__, example=EXAMPLE,
    )  # fmt: skip
    parser.add_argument("output", type=Path, help="bags to write, without extension: OUTPUT_0.bag, OUTPUT_1.bag …, "
                        "or with --seconds OUTPUT.bag")  # fmt: skip
    parser.add_argument("--camera", default="camera", help="namespace of the camera's topics (default: camera)")
    parser.add_argument("--seconds", type=int, default=0, help="one bag that ends after this time (default: Ctrl-C)")
    parser.add_argument("--split-size", type=int, help=f"megabytes of a bag (default: {SPLIT_SIZE})")
    parser.add_argument("--free", type=int, default=1000, help="stop when fewer MB are free (default: %(default)s)")
    parser.add_argument("--compression", choices=("none", "lz4", "bz2"), default="none",
                        help="compression of the bag; lz4 is fast (default: none)")  # fmt: skip
    parser.add_argument("--format", choices=("bag", "mcap"), default="bag",
                        help="mcap: OUTPUT.mcap, of ROS 1 messages, not split (default: %(default)s)")  # fmt: skip
    parser.add_argument(
        "--compressed", action="store_true", help="record the compressed topics instead of the raw ones"
    )
    old_spelling(parser, "--split", "--split-size")
    return parser


def main(arguments: Optional[List[str]] = None) -> int:
    """Check what is in the way, then become rosbag; returns 2 when something is."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.seconds and options.split_size:
        parser.error("--seconds writes one bag and --split-size several: use only one of them")
    if options.format == "mcap" and (options.split_size or options.compression != "none"):
        parser.error("--format mcap writes one file, uncompressed: --split-size and --compression are for bags; "
                     "--compressed records compressed topics")  # fmt: skip
    folder, name = options.output.parent, options.output.name
    numbered = re.compile(re.escape(name) + r"(_\d+)?\.(bag(\.active)?|mcap(\.part)?)")
    present = sorted(path for path in folder.glob("*") if numbered.fullmatch(path.name))
    if present:
        print(f"record: {present[0]} already exists; choose another name, nothing is overwritten", file=sys.stderr)
        return BAD_INPUT
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"record: {folder} cannot be created: {error.strerror}", file=sys.stderr)
        return BAD_INPUT
    free = shutil.disk_usage(str(folder)).free // 2**20
    if free < options.free:
        print(f"record: only {free} MB free in {folder}, --free is {options.free} MB; free up disk space",
              file=sys.stderr)  # fmt: skip
        return BAD_INPUT
    import rosgraph

    if not rosgraph.is_master_online():
        print("record: no ROS master; start the camera first: roslaunch rt_seg live.launch camera:=realsense",
              file=sys.stderr)  # fmt: skip
        return BAD_INPUT
    published = {topic for topic, _ in rosgraph.Master("/record").getPublishedTopics("")}
    missing = [topic for topic in topics(options.camera.strip("/"), options.compressed) if topic not in published]
    if missing:
        print(f"record: not published yet: {', '.join(missing)}; recorded as soon as published", file=sys.stderr)
    if options.format == "mcap":
        from rt_seg.ros.recording.mcap_recorder import record_mcap

        return record_mcap(
            topics(options.camera.strip("/"), options.compressed), folder / f"{name}.mcap", options.seconds,
            options.free,
        )  # fmt: skip
    call = command(options)
    try:
        os.execvp(call[0], call)
    except OSError as error:
        print(f"record: {call[0]}: {error.strerror}; sudo apt install python3-rosbag", file=sys.stderr)
        return BAD_INPUT
