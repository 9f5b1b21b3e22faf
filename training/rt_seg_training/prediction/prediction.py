"""Run a model bundle over images, videos, bags or a camera: masks and overlays, the same as the node's."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rt_seg.atomic_file import atomic_file, write_atomically
from rt_seg.labelled_folder import IMAGE_SUFFIXES
from rt_seg.natural_order import natural_key
from rt_seg.recordings.any_bag import kind_of_bag
from rt_seg.recordings.bag import METADATA
from rt_seg.recordings.bag_files import fault_of_bag
from rt_seg_training.datasets.image_depth import is_color, read_picture_depth

VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v")
BAG_SUFFIXES = (".bag", ".mcap", ".db3")
"""And the folder of a rosbag2."""
SUFFIXES = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES, *BAG_SUFFIXES)

REALSENSE = "realsense"
"""The source that is a connected RealSense, with its depth."""
CAMERA_RATE = 30.0
"""Hz of a video made of a camera: a result is shown until the next one is there."""


class PredictionError(ValueError):
    """A source cannot be read, or a result cannot be written."""


@dataclass(frozen=True)
class Task:
    """One image, video, bag or camera, and the start of the names of its results."""

    source: Path
    target: Path
    """Output folder and stem; what is made is appended to it."""
    kind: str
    """image, video, bag or camera."""

    @property
    def result(self) -> Path:
        """The file that is written last: where it is, all results are."""
        bag = "_segmented" + ("" if self.source.is_dir() else self.source.suffix)
        endings = {"picture": "_overlay.jpg", "bag": bag}
        return _append(self.target, endings.get(self.kind, "_overlay.mp4"))

    @property
    def dated(self) -> Path:
        """The file whose size and date tell whether the source has changed."""
        return self.source / METADATA if self.source.is_dir() else self.source


def _kind(path: Path) -> str | None:
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return "picture"
    if suffix in VIDEO_SUFFIXES:
        return "video"
    # A file in the folder of a rosbag2 is part of that bag.
    return "bag" if suffix in BAG_SUFFIXES and not (path.parent / METADATA).is_file() else None


def _bags_and_files(folder: Path) -> list[Path]:
    """What is to be segmented in a folder, with those below it, in natural order."""
    if (folder / METADATA).is_file():
        return [folder]
    found = sorted(folder.rglob("*"), key=natural_key)
    bags = [path.parent for path in found if path.name == METADATA]
    return sorted([*bags, *(path for path in found if path.is_file() and _kind(path))], key=natural_key)


def find_tasks(sources: list[Path], output: Path) -> list[Task]:
    """The images, videos, bags and cameras that `sources` (files; folders, searched through; numbers) name, in order.

    A file of a folder keeps its place below it; a camera's results carry the time of day. Raises PredictionError for a
    source that does not exist, is of no known kind, or holds nothing, and when two would give results of one name.
    """
    tasks: list[Task] = []
    for source in sources:
        if source.is_dir():
            earlier_results = output if output != source else None
            found = [path for path in _bags_and_files(source) if is_color(path) and earlier_results not in path.parents]
            if not found:
                raise PredictionError(f"{source}: holds no images, videos or bags")
            for path in found:
                place = Path(source.name) if path == source else path.relative_to(source)
                kind = "bag" if path.is_dir() else str(_kind(path))
                tasks.append(Task(path, output / (place if path.is_dir() else place.with_suffix("")), kind))
        elif source.is_file():
            foreign = source.suffix == ".active" or (source.suffix in (".mcap", ".db3") and not kind_of_bag(source))
            if foreign:
                raise PredictionError(f"{source}: {fault_of_bag(source)}")
            if _kind(source) is None:
                raise PredictionError(
                    f"{source}: neither an image nor a video nor a bag; accepted are {', '.join(SUFFIXES)}"
                )
            tasks.append(Task(source, output / source.stem, str(_kind(source))))
        elif str(source).isdigit() or str(source) == REALSENSE:
            name = str(source) if str(source) == REALSENSE else f"camera{source}"
            tasks.append(Task(source, output / f"{name}_{time.strftime('%Y%m%d_%H%M%S')}", "camera"))
        else:
            raise PredictionError(f"{source}: no such file or folder")
    earlier: dict[Path, Path] = {}
    for task in tasks:
        if task.target in earlier:
            raise PredictionError(
                f"{task.source} and {earlier[task.target]} would both be written to {task.target}_…; predict them into "
                "different --output folders"
            )
        earlier[task.target] = task.source
    return tasks


def _append(target: Path, ending: str) -> Path:
    return target.with_name(target.name + ending)


def read_picture(path: Path) -> np.ndarray:
    """An image as uint8 (H, W, 3) RGB, upright by its EXIF, as data sets are read.

    Raises PredictionError naming a file that cannot be decoded or was cut.
    """
    from rt_seg_training.datasets.errors import DatasetError
    from rt_seg_training.datasets.images import read_image

    try:
        return read_image(path)
    except DatasetError as error:
        raise PredictionError(str(error)) from error


def _write(path: Path, image: np.ndarray) -> None:
    """Write RGB or grey pixels, atomically."""
    import cv2

    pixels = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    write_atomically(path, cv2.imencode(path.suffix, pixels)[1].tobytes())


class Predictor:
    """Masks and overlays by a bundle; with the `head` binary, of two classes only, else PredictionError.

    `threads`: of the network, 0 lets it take all cores. Attributes: with_depth, whether the bundle takes depth;
    without_depth, how many images it had to do without; judges, whether to compute the mean probability of each image's
    classes; confidence, that of the last image.
    """

    def __init__(self, bundle_folder: Path, alpha: float, head: str | None = None, threads: int = 0) -> None:
        from rt_seg.bundle import load_bundle
        from rt_seg.products.overlay import Palette
        from rt_seg.segmenter import load_segmenter

        bundle = load_bundle(bundle_folder)
        if head == "binary" and len(bundle.labels) != 2:
            raise PredictionError(
                f"{bundle_folder}: has {len(bundle.labels)} classes ({', '.join(bundle.labels.names)}), but "
                "binary_predict needs 2; use semantic_predict"
            )
        self.bundle = bundle
        self.segmenter = load_segmenter(bundle, threads=threads)
        self.with_depth = bundle.input.with_depth
        self.without_depth = 0
        self.palette = Palette(bundle.labels)
        self.alpha = alpha
        self.judges = False
        self.confidence = float("nan")

    def __call__(self, rgb: np.ndarray, depth: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Mask (H, W) and overlay (H, W, 3) of an image; `depth` as Segmenter takes it."""
        if depth is not None and depth.shape != rgb.shape[:2]:
            depth = None  # not aligned: its pixels are not those of the image
        self.without_depth += self.with_depth and depth is None
        segmentation = self.segmenter.segment(rgb, self.judges, depth)
        mask = segmentation.mask
        if segmentation.confidence is not None:
            self.confidence = float(segmentation.confidence.mean())
        return mask, self.palette.blend(rgb, mask, self.alpha)


def _frames(path: Path) -> Iterator[tuple[np.ndarray, float, int]]:
    """Frames (H, W, 3) RGB of a video, each with the video's rate (Hz) and number of frames (0 if not known)."""
    import cv2

    capture = cv2.VideoCapture(str(path))
    try:
        rate, count = capture.get(cv2.CAP_PROP_FPS) or 30.0, max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
        good, frame = capture.read()
        if not good:
            raise PredictionError(f"{path}: no frame could be decoded")
        while good:
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), rate, count
            good, frame = capture.read()
    finally:
        capture.release()


def _video_writer(temporary: Path, result: Path, frame: np.ndarray, rate: float):
    import cv2

    size = (frame.shape[1], frame.shape[0])
    writer = cv2.VideoWriter(str(temporary), cv2.VideoWriter_fourcc(*"mp4v"), rate, size)
    if not writer.isOpened():
        raise PredictionError(f"{result}: OpenCV cannot write this video ({size[0]}x{size[1]}, MPEG-4)")
    return writer


def predict_video(task: Task, predict: Predictor, masks: bool) -> list[str]:
    """Make the overlay video, and with `masks` the mask of each frame; returns what there is to say of it.

    Raises PredictionError.
    """
    import cv2

    from rt_seg.progress import progress_bar

    result = task.result
    writer: Any = None
    progress: Any = None
    number = count = 0
    with atomic_file(result, result.suffix) as unfinished:
        try:
            for number, (frame, rate, count) in enumerate(_frames(task.source)):
                if writer is None:
                    writer = _video_writer(unfinished, result, frame, rate)
                    progress = progress_bar(total=count or None, unit="frame", desc=task.source.name)
                mask, overlay = predict(frame)
                writer.write(cv2.cvtColor(overlay, cv2.COLOR_RGB2BGR))
                if masks:
                    _write(_append(task.target, "_masks") / f"{number:06d}.png", mask)
                progress.update()
        finally:
            if writer is not None:
                writer.release()
                progress.close()
    # Some containers only estimate how many frames they hold.
    if count - (number + 1) > max(2, 0.01 * count):
        return [f"{task.source}: only {number + 1} of {count} frames could be decoded"]
    return []


def record_camera(
    frames: Iterable[tuple[np.ndarray, np.ndarray | None]],
    target: Path,
    predict: Predictor,
    masks: bool,
    clock: Callable[[], float],
) -> None:
    """Make the overlay video `target`_overlay.mp4 of a camera's frames, which plays at their pace.

    `frames`: (H, W, 3) uint8 RGB, each with its depth or None.

    A frame is repeated until the next has come, at CAMERA_RATE by `clock`, in seconds. Ctrl-C ends the video. After any
    other interruption what there is of it is kept as `target`_overlay_interrupted.mp4, which PredictionError names.
    """
    import cv2

    result = _append(target, "_overlay.mp4")
    result.parent.mkdir(parents=True, exist_ok=True)
    temporary = result.with_name(f".unfinished.{result.name}")
    writer, written, started = None, 0, 0.0
    try:
        for number, (frame, depth) in enumerate(frames):
            if writer is None:
                writer, started = _video_writer(temporary, result, frame, CAMERA_RATE), clock()
            mask, overlay = predict(frame, depth)
            due = max(int((clock() - started) * CAMERA_RATE), written + 1)
            for _ in range(due - written):
                writer.write(cv2.cvtColor(overlay, cv2.COLOR_RGB2BGR))
            written = due
            if masks:
                _write(_append(target, "_masks") / f"{number:06d}.png", mask)
    except KeyboardInterrupt:
        pass
    except Exception as error:
        if writer is None:
            raise
        writer.release()
        partial = _append(target, "_overlay_interrupted.mp4")
        os.replace(temporary, partial)
        raise PredictionError(f"{error}; the video up to there, {number + 1} frames, is {partial}") from error
    if writer is not None:
        writer.release()
        os.replace(temporary, result)


def predict_camera(task: Task, predict: Predictor, masks: bool, frames: int) -> None:
    """Make the video of a camera, of so many `frames` or until Ctrl-C (0). Raises PredictionError."""
    from rt_seg.cameras.errors import CameraError
    from rt_seg.cameras.realsense import RealSenseCamera
    from rt_seg.cameras.realsense_device import find_device
    from rt_seg.cameras.video import Webcam

    try:
        realsense = str(task.source) == REALSENSE
        camera = RealSenseCamera(find_device()) if realsense else Webcam(str(task.source))
        try:
            images = ((frame.color, frame.depth) for frame in camera)
            limited = itertools.islice(images, frames) if frames else images
            record_camera(limited, task.target, predict, masks, time.monotonic)
        finally:
            camera.close()
    except CameraError as error:
        raise PredictionError(str(error)) from error


def predict_bag_file(task: Task, predict: Predictor, topic: str | None, summary: bool = False) -> list[str]:
    """Make the bag with masks and overlays; see bag_prediction.predict_bag. Returns what there is to say of its images.

    With `summary`, what it shows over time is written beside it, see BagSummary. Raises PredictionError.
    """
    from rt_seg_training.prediction.bag_prediction import BagError, count_images, predict_bag
    from rt_seg_training.prediction.bag_summary import BagSummary

    watch = None
    predict.judges = summary
    try:
        if summary:
            gathered = BagSummary(task.source.name, predict.bundle.labels, count_images(task.source, topic))

            def watch(time: int, mask: np.ndarray, overlay: np.ndarray) -> None:
                gathered.add(time, mask, overlay, predict.confidence)

        result = predict_bag(task.source, task.result, predict, topic, predict.with_depth, watch)
    except BagError as error:
        raise PredictionError(str(error)) from error
    if summary:
        gathered.write(task.target)
    return [f"{task.source}: {count} images {text}" for text, count in result.notes.items()]


def predict_picture(task: Task, predict: Predictor) -> None:
    """Make mask and overlay of an image, and an image of its depth where the model looks at it.

    Raises PredictionError.
    """
    from rt_seg.products.depth_picture import depth_picture
    from rt_seg_training.datasets.errors import DatasetError

    rgb = read_picture(task.source)
    try:
        depth = read_picture_depth(task.source, rgb.shape) if predict.with_depth else None
    except DatasetError as error:
        raise PredictionError(str(error)) from error
    mask, overlay = predict(rgb, depth)
    _write(_append(task.target, "_mask.png"), mask)
    if depth is not None:
        _write(_append(task.target, "_depth.png"), depth_picture(depth))
    _write(task.result, overlay)
