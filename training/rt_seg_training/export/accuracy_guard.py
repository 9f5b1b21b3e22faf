"""What quantisation costs, measured on labelled frames that it was not calibrated with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rt_seg.confusion import confusion_matrix, mean_iou
from rt_seg.labels import LabelSet
from rt_seg.segmenter import Segmenter
from rt_seg_training.datasets.labelled_frame import LabelledFrame

LOSS_LIMIT = 0.003
"""Largest accepted loss of mean IoU by quantisation: 0.3 points."""


@dataclass(frozen=True)
class FormScore:
    """The mean IoU, 0..1, of one form of a network."""

    form: str
    mean_iou: float


def score_segmenter(
    form: str, segmenter: Segmenter, frames: Sequence[LabelledFrame], labels: LabelSet, with_depth: bool = True
) -> FormScore:
    """Score a network on frames of any size as the live node would run it; releases the network."""
    matrix = np.zeros((len(labels), len(labels) + 1), np.int64)
    for frame in frames:
        mask = segmenter.segment(frame.color, depth=frame.depth if with_depth else None).mask
        matrix += confusion_matrix(frame.mask, mask, len(labels), labels.ignore_id)
    segmenter.close()
    return FormScore(form, mean_iou(matrix))


def loss_words(exact: FormScore, quantised: FormScore, frames: int) -> str:
    """Both scores and the difference in words, for messages."""
    return (
        f"{quantised.form} has a mean IoU of {100 * quantised.mean_iou:.2f} % and {exact.form} "
        f"{100 * exact.mean_iou:.2f} % on {frames} frames not used for calibration: "
        f"it loses {100 * (exact.mean_iou - quantised.mean_iou):.2f} points; the limit is {100 * LOSS_LIMIT:g}"
    )


def is_accepted(exact: FormScore, quantised: FormScore) -> bool:
    """Whether the loss is within the limit; no score at all (no class in any frame) is no acceptance."""
    return bool(exact.mean_iou - quantised.mean_iou <= LOSS_LIMIT)


def disjoint_frames(
    read: Callable[[], Iterable[Mapping[str, Any]]], calibration_names: set[str], count: int
) -> list[LabelledFrame]:
    """`count` of the examples whose name calibration has not, or all of them if there are fewer.

    They are spread evenly: neighbours show nearly the same. `read` starts to read the examples (mappings with image,
    label, name, and depth if any), and does so twice, so that only those taken are in memory.
    """
    others = [place for place, example in enumerate(read()) if _name(example) not in calibration_names]
    taken = {others[number * len(others) // count] for number in range(count)} if count < len(others) else set(others)
    frames: list[LabelledFrame] = []
    for place, example in enumerate(read()):
        if place not in taken:
            continue
        depth = example["depth"][..., 0] if "depth" in example else None
        frames.append(LabelledFrame(example["image"], example["label"][..., 0], depth))
    return frames


def _name(example: Mapping[str, Any]) -> str:
    name = example["name"]
    return name.decode("utf-8") if isinstance(name, bytes) else str(name)
