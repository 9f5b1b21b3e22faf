"""The capture tool: pictures worth labelling out of a video or of folders of images, near-duplicates left out."""
from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rt_seg.cameras.frame import Frame, Intrinsics

THUMBNAIL = (64, 48)


class CaptureError(ValueError):
    """Nothing can be captured as asked; the text says why and what to do."""


@dataclass(frozen=True)
class CaptureSettings:
    """What is kept of a stream."""

    rate: float = 0.0
    """Most pictures a second of the recording; 0 = every one."""
    change: float = 2.0
    """Least mean difference to the picture kept before, in levels of 255, at 64x48 grey pixels; 0 = any."""
    roi: tuple[int, int, int, int] | None = None
    """Left, top, width and height of the part that is kept, in pixels."""


def frames_of_video(path: Path) -> Iterator[Frame]:
    """Frames of a video file, stamped in seconds from its start. Raises CaptureError when it cannot be read."""
    import cv2

    capture = cv2.VideoCapture(str(path))
    try:
        rate = capture.get(cv2.CAP_PROP_FPS) or 30.0
        number = 0
        while True:
            good, image = capture.read()
            if not good:
                break
            height, width = image.shape[:2]
            # A camera that is not known; nothing is written of it.
            camera = Intrinsics(width, height, float(width), float(width), (width - 1) / 2, (height - 1) / 2)
            yield Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), None, None, camera, number / rate)
            number += 1
        if not number:
            raise CaptureError(f"{path}: no frame of it can be decoded as a video")
    finally:
        capture.release()


def cropped(frame: Frame, roi: tuple[int, int, int, int]) -> Frame:
    """The part left, top, width, height of a frame, with intrinsics that fit. Raises CaptureError if it is outside."""
    left, top, width, height = roi
    whole = frame.intrinsics
    if left < 0 or top < 0 or width < 1 or height < 1 or left + width > whole.width or top + height > whole.height:
        raise CaptureError(
            f"--roi {left} {top} {width} {height}: is not within the image of {whole.width}x{whole.height} pixels"
        )
    window = (slice(top, top + height), slice(left, left + width))
    camera = Intrinsics(width, height, whole.fx, whole.fy, whole.cx - left, whole.cy - top, whole.distortion)
    depth = None if frame.depth is None else frame.depth[window]
    return Frame(np.ascontiguousarray(frame.color[window]), depth, None, camera, frame.stamp)


def chosen(frames: Iterable[Frame], settings: CaptureSettings) -> Iterator[tuple[int, Frame]]:
    """The frames to keep, each with its number in the stream. Raises CaptureError."""
    import cv2

    due = -np.inf
    last = None
    for number, frame in enumerate(frames):
        # Half a millisecond: stamps are multiples of a period that has no exact number.
        if settings.rate and frame.stamp < due - 0.0005:
            continue
        if settings.roi is not None:
            frame = cropped(frame, settings.roi)
        gray = cv2.cvtColor(frame.color, cv2.COLOR_RGB2GRAY)
        thumbnail = cv2.resize(gray, THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)
        if last is not None and np.abs(thumbnail - last).mean() < settings.change:
            continue
        last = thumbnail
        due = frame.stamp + (1 / settings.rate if settings.rate else 0)
        yield number, frame


def capture(
    frames: Iterable[Frame], output: Path, prefix: str, settings: CaptureSettings, with_camera: bool = False
) -> tuple[int, int]:
    """Write the chosen frames to rgb/ (PNG), depth/ (16-bit PNG, mm) and, if `with_camera`, camera_info/ of `output`.

    A file is named by `prefix` and the frame's number in the stream, so the same command goes on where it was broken
    off; what is there is never overwritten. Returns how many were written and how many were there. Raises
    CaptureError, OSError, and what `frames` raises.
    """
    from rt_seg.atomic_file import write_atomically
    from rt_seg_training.labelled_frame import encode

    made = present = 0
    for number, frame in chosen(frames, settings):
        name = f"{prefix}_{number:06d}"
        target = output / "rgb" / f"{name}.png"
        if target.exists():
            present += 1
            continue
        if frame.depth is not None:
            write_atomically(output / "depth" / f"{name}.png", encode(".png", frame.depth))
        if with_camera:
            camera = frame.intrinsics
            data = {
                "width": camera.width,
                "height": camera.height,
                "intrinsic_matrix": camera.matrix.T.ravel().tolist(),
                "distortion": list(camera.distortion),
            }
            write_atomically(output / "camera_info" / f"{name}.json", json.dumps(data).encode("utf-8"))
        # Last: with its picture the frame is complete.
        write_atomically(target, encode(".png", frame.color))
        made += 1
    return made, present


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="capture",
        description="Take the pictures worth labelling out of a video, or out of a folder of images with depth: at "
        "most so many a second, and only when the view has changed.",
        epilog="example: rosrun rt_seg capture clip.mp4 --output captures --rate 2",
    )
    parser.add_argument("source", type=Path, metavar="PATH", help="video file, or folder of colour images")
    parser.add_argument("--depth", type=Path, metavar="DIR", help="folder of depth images (16-bit PNG, mm), by name")
    parser.add_argument("--intrinsics", type=Path, metavar="JSON", help="the folder's camera, as Open3D writes it")
    parser.add_argument("--source-rate", type=float, default=30.0, help="images a second of a folder (default: 30)")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder to write rgb/ and depth/ to")
    parser.add_argument("--prefix", help="start of the names (default: the name of PATH)")
    parser.add_argument("--rate", type=float, default=0.0, help="most pictures a second; 0 = all (default: 0)")
    parser.add_argument(
        "--change", type=float, default=CaptureSettings.change,
        help="least change of the view, in levels of 255; 0 keeps near-duplicates (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--roi", type=int, nargs=4, metavar=("LEFT", "TOP", "WIDTH", "HEIGHT"), help="keep this part, in pixels"
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line of capture; returns the exit status."""
    options = _parser().parse_args(arguments)
    from rt_seg.cameras.image_folder import FolderError, ImageFolder

    try:
        if options.rate < 0 or options.change < 0 or options.source_rate <= 0:
            raise CaptureError("--rate and --change must be at least 0, --source-rate above 0")
        if options.source.is_dir():
            frames = ImageFolder(
                options.source, options.depth, intrinsics=options.intrinsics, rate=options.source_rate
            )
        elif options.depth or options.intrinsics:
            raise CaptureError("--depth and --intrinsics go with a folder of images, and a video has none")
        elif not options.source.is_file():
            raise CaptureError(f"{options.source}: no such video or folder")
        else:
            frames = frames_of_video(options.source)
        settings = CaptureSettings(options.rate, options.change, tuple(options.roi) if options.roi else None)
        prefix = options.prefix or options.source.resolve().stem
        made, present = capture(frames, options.output, prefix, settings, options.intrinsics is not None)
    except (CaptureError, FolderError, OSError) as error:
        print(f"capture: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("capture: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    print(f"{options.output}: {made} pictures written, {present} were there")
    return 0
