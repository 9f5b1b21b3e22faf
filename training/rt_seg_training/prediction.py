"""Run a model bundle over pictures and videos: masks and overlays as files, with the very predictions of the node."""
from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v")

EXAMPLE = """examples:
  rosrun rt_seg predict models/tabletop photo.jpg --output predictions
  rosrun rt_seg predict models/tabletop photos/ drive.mp4 --output predictions

A picture a/b.jpg gives predictions/b_mask.png (class ids, one byte a pixel) and predictions/b_overlay.jpg; a video
c.mp4 gives predictions/c_overlay.mp4 and, with --video-masks, predictions/c_masks/000000.png and so on. What has its
results already is left out, so an interrupted run goes on with the same command; --overwrite makes all anew."""


class PredictionError(ValueError):
    """A picture or video cannot be read, or a result cannot be written."""


@dataclass(frozen=True)
class Task:
    """One picture or video, and the start of the names of its results."""

    source: Path
    target: Path
    """Output folder and stem; what is made is appended to it."""

    @property
    def is_video(self) -> bool:
        """Whether the source is a video by its suffix."""
        return self.source.suffix.lower() in VIDEO_SUFFIXES


def find_tasks(sources: list[Path], output: Path) -> list[Task]:
    """The pictures and videos that `sources` (files and folders, searched through) name, in order.

    A file of a folder keeps its place below it. Raises PredictionError for a source that does not exist, is of no known
    kind, or holds nothing, and when two files would give results of one name.
    """
    tasks: list[Task] = []
    for source in sources:
        if source.is_dir():
            found = [
                path for path in sorted(source.rglob("*"))
                if path.suffix.lower() in IMAGE_SUFFIXES + VIDEO_SUFFIXES and path.is_file()
            ]  # fmt: skip
            if not found:
                raise PredictionError(f"{source}: holds no pictures or videos")
            tasks += [Task(path, output / path.relative_to(source).with_suffix("")) for path in found]
        elif not source.is_file():
            raise PredictionError(f"{source}: no such file or folder")
        elif source.suffix.lower() not in IMAGE_SUFFIXES + VIDEO_SUFFIXES:
            accepted = ", ".join(IMAGE_SUFFIXES + VIDEO_SUFFIXES)
            raise PredictionError(f"{source}: neither a picture nor a video; accepted are {accepted}")
        else:
            tasks.append(Task(source, output / source.stem))
    earlier: dict[Path, Path] = {}
    for task in tasks:
        if task.target in earlier:
            raise PredictionError(
                f"{task.source} and {earlier[task.target]} would both give {task.target}_…; predict them into "
                "different --output folders"
            )
        earlier[task.target] = task.source
    return tasks


def _append(target: Path, ending: str) -> Path:
    return target.with_name(target.name + ending)


def read_picture(path: Path) -> np.ndarray:
    """A picture as uint8 (H, W, 3) RGB, upright by its EXIF. Raises PredictionError naming an unreadable file."""
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise PredictionError(f"{path}: cannot be decoded as a picture")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _write(path: Path, image: np.ndarray) -> None:
    """Write RGB or grey pixels, atomically."""
    import cv2

    pixels = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.unfinished")
    temporary.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    os.replace(temporary, path)


class _Predictor:
    def __init__(self, bundle_folder: Path, alpha: float) -> None:
        from rt_seg.bundle import load_bundle
        from rt_seg.products.overlay import Palette
        from rt_seg.segmenter import Segmenter

        bundle = load_bundle(bundle_folder)
        self.segmenter = Segmenter(bundle)
        self.palette = Palette(bundle.labels)
        self.alpha = alpha

    def __call__(self, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mask (H, W) and overlay (H, W, 3) of a picture."""
        mask = self.segmenter.segment(rgb).mask
        return mask, self.palette.blend(rgb, mask, self.alpha)


def _frames(path: Path) -> Iterator[tuple[np.ndarray, float, int]]:
    """Frames (H, W, 3) RGB of a video, each with the video's rate (Hz) and number of frames (0 if not known)."""
    import cv2

    capture = cv2.VideoCapture(str(path))
    try:
        rate, count = capture.get(cv2.CAP_PROP_FPS) or 30.0, max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
        good, frame = capture.read()
        if not good:
            raise PredictionError(f"{path}: no frame of it can be decoded as a video")
        while good:
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), rate, count
            good, frame = capture.read()
    finally:
        capture.release()


def _predict_video(task: Task, predict: _Predictor, masks: bool) -> None:
    import cv2
    from tqdm import tqdm

    result = _append(task.target, "_overlay.mp4")
    result.parent.mkdir(parents=True, exist_ok=True)
    # The suffix decides the format, so it stays at the end.
    temporary = result.with_name(f".unfinished.{result.name}")
    writer = progress = None
    try:
        for number, (frame, rate, count) in enumerate(_frames(task.source)):
            if writer is None:
                size = (frame.shape[1], frame.shape[0])
                writer = cv2.VideoWriter(str(temporary), cv2.VideoWriter_fourcc(*"mp4v"), rate, size)
                if not writer.isOpened():
                    raise PredictionError(f"{result}: OpenCV cannot write this video ({size[0]}x{size[1]}, MPEG-4)")
                progress = tqdm(total=count or None, unit="frame", desc=task.source.name)
            mask, overlay = predict(frame)
            writer.write(cv2.cvtColor(overlay, cv2.COLOR_RGB2BGR))
            if masks:
                _write(_append(task.target, "_masks") / f"{number:06d}.png", mask)
            progress.update()
        writer.release()
        os.replace(temporary, result)
    finally:
        if writer is not None:
            writer.release()
            progress.close()
        temporary.unlink(missing_ok=True)


def predict_all(tasks: list[Task], predict: _Predictor, overwrite: bool, video_masks: bool) -> tuple[int, list[str]]:
    """Make the results of all tasks; returns how many had theirs already, and a message for each that failed."""
    from tqdm import tqdm

    there, failures = 0, []
    pictures = [task for task in tasks if not task.is_video]
    for task in tqdm(pictures, unit="picture", disable=len(pictures) < 2):
        # The overlay is written last, so where it is the mask is too.
        overlay_file = _append(task.target, "_overlay.jpg")
        if overlay_file.exists() and not overwrite:
            there += 1
            continue
        try:
            mask, overlay = predict(read_picture(task.source))
        except PredictionError as error:
            failures.append(str(error))
            continue
        _write(_append(task.target, "_mask.png"), mask)
        _write(overlay_file, overlay)
    for task in tasks:
        if not task.is_video:
            continue
        if _append(task.target, "_overlay.mp4").exists() and not overwrite:
            there += 1
            continue
        try:
            _predict_video(task, predict, video_masks)
        except PredictionError as error:
            failures.append(str(error))
    return there, failures


def _share(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{value} is not a share; accepted are 0 to 1")
    return value


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns 0, 1 when a picture or video could not be used, or 2 when nothing could be begun."""
    parser = argparse.ArgumentParser(
        prog="predict",
        description="Segment pictures and videos with a model bundle, as the live node would.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=Path, help="folder of the model bundle")
    parser.add_argument("sources", type=Path, nargs="+", metavar="SOURCE", help="pictures, videos, folders of them")
    parser.add_argument(
        "--output", type=Path, default=Path("predictions"), help="folder of results (default: %(default)s)"
    )
    parser.add_argument("--alpha", type=_share, default=0.5, help="share of the class colour in overlays, 0 to 1")
    parser.add_argument("--video-masks", action="store_true", help="write the mask of each frame of a video too")
    parser.add_argument("--overwrite", action="store_true", help="make results anew that are there already")
    options = parser.parse_args(arguments)
    from rt_seg.bundle import BundleError

    try:
        tasks = find_tasks(options.sources, options.output)
        there, failures = predict_all(
            tasks, _Predictor(options.bundle, options.alpha), options.overwrite, options.video_masks
        )
    except (BundleError, PredictionError) as error:
        print(f"predict: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"predict: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("predict: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    for failure in failures:
        print(f"predict: {failure}", file=sys.stderr)
    made = len(tasks) - there - len(failures)
    print(f"{options.output}: {made} made, {there} were there, {len(failures)} failed")
    return 1 if failures else 0
