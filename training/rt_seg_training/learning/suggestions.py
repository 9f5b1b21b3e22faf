"""The frames of a recording to label next, in a folder of their own with the model's masks to begin with."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.labels import LabelSet
from rt_seg.progress import progress
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.images import read_depth, read_image
from rt_seg_training.datasets.labelled_frame import encode, write_labels
from rt_seg_training.labelling.captures import Capture, copy_into_set, find_captures, mask_file
from rt_seg_training.learning.frame_choice import choose_frames
from rt_seg_training.learning.frame_features import FrameJudge

TABLE = "suggestions.csv"


@dataclass(frozen=True)
class Suggestions:
    """How many frames were written, of how many that could be read; `labelled` ones were left out.

    `failures`: why others could not be read.
    """

    written: int
    readable: int
    labelled: int
    failures: tuple[str, ...]


@dataclass(frozen=True)
class _Judged:
    """A frame that was read: its mask as PNG, how unsure the model is (0 to 1), and what the frame looks like."""

    capture: Capture
    mask: bytes
    doubt: float
    feature: np.ndarray


def suggest_frames(
    judge: FrameJudge, recording: Path, output: Path, count: int, labelled: Sequence[Path] = ()
) -> Suggestions:
    """Write the `count` frames that are the most worth a label to the folder `output`, a labelled folder.

    Args:
        judge: gives masks, doubts and features.
        recording: a folder with rgb/ or color/, and depth/ where there is depth.
        output: gets labels.yaml, rgb/, gt/, depth/, and suggestions.csv with rank, name and doubt of each frame.
        count: 1 or more.
        labelled: labelled folders. A frame with a name from there is left out, and one that looks like those ranks low.

    Frames that cannot be read are left out, and named. Raises LabellingError for a folder without images, OSError.
    """
    captures = find_captures(recording)
    known_captures = [capture for folder in labelled for capture in find_captures(folder)]
    names = {capture.name for capture in known_captures}
    fresh = [capture for capture in captures if capture.name not in names]
    failures: list[str] = []
    judged = list(_judged(judge, progress(fresh, unit="frame", leave=False), failures))
    known = [frame.feature for frame in _judged(judge, known_captures, failures)]
    chosen: list[int] = []
    if judged:
        doubts, features = np.array([frame.doubt for frame in judged]), np.array([frame.feature for frame in judged])
        chosen = choose_frames(doubts, features, count, np.array(known) if known else None)
    _write(output, judge.bundle.labels, [judged[number] for number in chosen])
    return Suggestions(len(chosen), len(judged), len(captures) - len(fresh), tuple(failures))


def _judged(judge: FrameJudge, captures: Iterable[Capture], failures: list[str]) -> Iterable[_Judged]:
    """The frames that can be read; why the others cannot goes into `failures`."""
    for capture in captures:
        try:
            color = read_image(capture.color)
            takes_depth = judge.bundle.input.with_depth and capture.depth is not None
            depth = read_depth(capture.depth, color.shape) if takes_depth else None
        except DatasetError as error:
            failures.append(str(error))
            continue
        mask, doubt, feature = judge.judge(color, depth)
        yield _Judged(capture, encode(".png", mask), doubt, feature)


def _write(output: Path, labels: LabelSet, frames: Sequence[_Judged]) -> None:
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["rank", "name", "doubt"])
    write_labels(output, labels)
    for rank, frame in enumerate(frames, 1):
        write_atomically(mask_file(output, frame.capture), frame.mask)
        copy_into_set(frame.capture, output)
        writer.writerow([rank, frame.capture.name, f"{frame.doubt:.4f}"])
    write_atomically(output / TABLE, table.getvalue().encode())
