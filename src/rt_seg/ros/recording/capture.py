"""The capture tool: images worth labelling out of a camera or a recording, near-duplicates left out.

ROS is imported for its topics and bags alone: cameras, videos and folders need none of it.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Iterator, List, Optional, Tuple

from rt_seg.command_line import BAD_INPUT, INTERRUPTED, command_parser

EXAMPLES = """
  rosrun rt_seg capture clip.mp4 --output captures --rate 2
  rosrun rt_seg capture recordings/kitchen.bag --output captures
  rosrun rt_seg capture topics --output captures --rate 1          # a running camera: roslaunch rt_seg live.launch …
  rosrun rt_seg capture realsense --output captures --on-key       # no ROS needed; space saves an image, q quits
  rosrun rt_seg capture webcam --output captures --change 8 --count 50

A run that was interrupted continues with the same command; no file is ever overwritten."""

LIVE_SOURCES = ("topics", "realsense", "webcam")


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "capture",
        description="Select the images worth labelling, with aligned depth and camera if the source has them: "
        "at a maximum rate, only when the view has changed, or on a key.",
        example=EXAMPLES,
    )
    parser.add_argument(
        "source", metavar="SOURCE",
        help="topics (of a camera running in ROS), realsense, webcam; a rosbag, a video, a recording of the "
        "RealSense SDK (.db3); a folder of colour images, or one with color/ (or rgb/) and depth/",
    )  # fmt: skip
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder to write rgb/ and depth/ to")
    parser.add_argument("--prefix", help="prefix of the names (default: the name of SOURCE)")
    what = parser.add_argument_group("what is kept")
    what.add_argument("--rate", type=float, default=0.0, help="maximum images per second; 0 = all (default: 0)")
    what.add_argument(
        "--change", type=float, default=2.0,
        help="minimum change of the view, in levels of 255; 0 keeps near-duplicates (default: %(default)s)",
    )  # fmt: skip
    what.add_argument("--on-key", action="store_true", help="save an image when space or Enter is pressed; q quits")
    what.add_argument("--count", type=int, default=0, help="stop after this many images (default: end of the source)")
    what.add_argument(
        "--roi", type=int, nargs=4, metavar=("LEFT", "TOP", "WIDTH", "HEIGHT"), help="crop to this part, in pixels"
    )
    source = parser.add_argument_group("the source")
    source.add_argument("--camera", default="camera", help="topics, rosbag: namespace of the camera (default: camera)")
    source.add_argument("--compressed", action="store_true", help="topics: subscribe to the compressed ones")
    source.add_argument("--serial", default="", help="realsense: serial number of one of several")
    source.add_argument("--width", type=int, default=640, help="realsense, webcam (default: 640)")
    source.add_argument("--height", type=int, default=480, help="realsense, webcam (default: 480)")
    source.add_argument("--fps", type=int, default=30, help="realsense, webcam (default: 30)")
    source.add_argument("--device", default="0", help="webcam: number, path, or rtsp:// address (default: 0)")
    source.add_argument(
        "--calibration", type=Path, metavar="YAML", help="webcam: calibration file of camera_calibration"
    )
    source.add_argument("--depth", type=Path, metavar="DIR", help="folder: depth images (16-bit PNG, mm), by name")
    source.add_argument("--intrinsics", type=Path, metavar="JSON", help="folder: its camera, in Open3D's format")
    source.add_argument("--source-rate", type=float, default=30.0, help="folder: images per second (default: 30)")
    return parser


def _open(options: argparse.Namespace) -> Tuple[Any, bool]:
    """The source of frames, and whether its frames are named by stamp and not by number.

    Raises CaptureError, CameraError and FolderError.
    """
    from rt_seg.capturing.selection import CaptureError
    from rt_seg.recordings.any_bag import kind_of_bag
    from rt_seg.recordings.bag_files import fault_of_bag

    source = options.source
    path = Path(source).expanduser()
    is_bag = path.suffix == ".bag" or (path.exists() and kind_of_bag(path) is not None)
    if path.suffix == ".active" or (path.suffix == ".mcap" and path.exists() and not is_bag):
        raise CaptureError(f"{source}: {fault_of_bag(path)}")
    if (options.depth or options.intrinsics) and (is_bag or not path.is_dir()):
        raise CaptureError("--depth and --intrinsics are for a folder of images")
    if source == "realsense" or (path.suffix == ".db3" and not is_bag):
        from rt_seg.cameras.realsense import RealSenseCamera, RealSenseSettings
        from rt_seg.cameras.realsense_device import find_device, open_recording

        device = find_device(options.serial) if source == "realsense" else open_recording(str(path))
        return RealSenseCamera(device, RealSenseSettings(options.width, options.height, options.fps)), True
    if source == "webcam":
        from rt_seg.cameras.video import Webcam, load_calibration

        calibration = load_calibration(options.calibration) if options.calibration else None
        return Webcam(options.device, calibration, options.width, options.height, options.fps), True
    if source == "topics" or is_bag:
        if is_bag and not path.exists():
            raise CaptureError(f"{source}: no such bag")
        try:
            from rt_seg.ros.recording.frame_source import BagFrames, TopicFrames
        except ImportError as error:
            raise CaptureError(f"{source}: needs ROS ({error}); source its setup.bash first") from error
        camera = options.camera.strip("/")
        return (BagFrames(path, camera) if is_bag else TopicFrames(camera, options.compressed)), True
    if path.is_dir():
        from rt_seg.cameras.image_folder import ImageFolder, open_recording_folder

        if any((path / name).is_dir() for name in ("color", "rgb", "images")):
            return open_recording_folder(path, options.source_rate), False
        return ImageFolder(path, options.depth, None, options.intrinsics, options.source_rate), False
    if not path.is_file():
        raise CaptureError(f"{source}: no such file or folder; accepted are paths, and {', '.join(LIVE_SOURCES)}")
    from rt_seg.cameras.video import FrameByFrame

    return FrameByFrame(path), False


def _capture(options: argparse.Namespace, source: Any, by_stamp: bool, asked: Any) -> Iterator[bool]:
    """Write what is kept; yields for each image whether it is new."""
    from rt_seg.capturing.capture_folder import CaptureFolder, stamp_name
    from rt_seg.capturing.selection import CaptureSettings, Selection
    from rt_seg.progress import progress_bar

    settings = CaptureSettings(options.rate, options.change, tuple(options.roi) if options.roi else None)
    # A recording of the SDK has no lasting names either: its stamps are of the time when it is played.
    is_live = options.source in LIVE_SOURCES or Path(options.source).suffix == ".db3"
    prefix = options.prefix or Path(options.source).resolve().stem
    folder = CaptureFolder(options.output, prefix)
    selection = Selection(settings, asked)
    if is_live and options.change and not asked:
        for picture in folder.pictures():
            selection.remember(picture)
    with progress_bar(iterable=source, unit="frame") as frames:
        used: Counter = Counter()
        for number, frame in selection.chosen(frames):
            name = stamp_name(prefix, frame.stamp) if by_stamp else f"{prefix}_{number:06d}"
            used[name] += 1
            if used[name] > 1:  # a recorder that gives several images one stamp
                name = f"{name}_{used[name]}"
            if folder.holds(name):
                yield False
                continue
            folder.write(name, frame, getattr(source, "calibrated", by_stamp))
            frames.set_postfix_str(name)
            yield True


def _check(options: argparse.Namespace) -> None:
    from rt_seg.capturing.selection import CaptureError

    if options.rate < 0 or options.change < 0 or options.source_rate <= 0 or options.count < 0:
        raise CaptureError("--rate, --change and --count must be at least 0, --source-rate above 0")
    if options.on_key and options.source not in LIVE_SOURCES:
        raise CaptureError(f"--on-key is only for {', '.join(LIVE_SOURCES)}, not for recordings")


def main(arguments: Optional[List[str]] = None) -> int:
    """Command line of capture; returns the exit status."""
    options = _parser().parse_args(arguments)
    from rt_seg.cameras.errors import CameraError
    from rt_seg.cameras.image_folder import FolderError
    from rt_seg.capturing.key_presses import KeyPresses
    from rt_seg.capturing.selection import CaptureError

    made = present = 0
    stopped = False
    try:
        _check(options)
        with contextlib.ExitStack() as stack:
            source, by_stamp = _open(options)
            stack.callback(getattr(source, "close", lambda: None))
            asked = None
            if options.on_key:
                asked = stack.enter_context(KeyPresses()).asked
                print("space or Enter saves an image, q quits", file=sys.stderr)
            try:
                for new in _capture(options, source, by_stamp, asked):
                    made, present = made + new, present + (not new)
                    if options.count and made + present >= options.count:
                        break
            except KeyboardInterrupt:
                stopped = True
    except (CaptureError, CameraError, FolderError, OSError) as error:
        print(f"capture: {error}", file=sys.stderr)
        if made:
            print(f"capture: {made} images were written before; run the same command again to resume", file=sys.stderr)
        return BAD_INPUT
    # A live source has no end of its own: Ctrl-C is the usual one.
    if stopped and options.source not in LIVE_SOURCES:
        print("capture: stopped; run the same command again to resume", file=sys.stderr)
        return INTERRUPTED
    for text, count in getattr(source, "notes", {}).items():
        if count:
            print(f"capture: {text} ({count})" if count > 1 else f"capture: {text}", file=sys.stderr)
    print(f"{options.output}: {made} images written, {present} already there")
    return 0
