"""Score a segmenter on labelled frames: classes, outlines, confidence and time, and the frames that it does worst."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rt_seg import confusion
from rt_seg.labels import LabelSet
from rt_seg.segmenter import Segmenter
from rt_seg_training.evaluation.boundary_iou import BoundaryCounts
from rt_seg_training.evaluation.calibration import Calibration
from rt_seg_training.evaluation.metrics import Scores

TIMED_FRAMES = 200
"""Frames of which the segment call is timed; each is segmented once more, as the node does it: without confidence."""
WORST_FRAMES = 8
PERCENTILES = (50, 95, 99)


class EvaluationError(ValueError):
    """A segmenter and a data set do not fit each other, or the results cannot be written as asked."""


@dataclass(frozen=True, order=True)
class WorstFrame:
    """A frame with its own mean IoU, its image (H, W, 3) uint8 RGB, ground truth and prediction (H, W) uint8 ids,
    and the depth that the segmenter was given, (H, W) uint16 millimetres."""

    mean_iou: float
    name: str
    image: np.ndarray = field(compare=False)
    truth: np.ndarray = field(compare=False)
    prediction: np.ndarray = field(compare=False)
    depth: np.ndarray | None = field(default=None, compare=False)


@dataclass
class Evaluation:
    """The results: `seconds` of the timed segment calls, `worst` frames, the worst first."""

    scores: Scores
    boundary: BoundaryCounts
    calibration: Calibration
    seconds: list[float]
    worst: list[WorstFrame]

    @property
    def latency(self) -> dict[str, float]:
        """Milliseconds of the segment call: p50, p95, p99."""
        return {f"p{p}": float(np.percentile(self.seconds, p)) * 1000 for p in PERCENTILES}

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON; None where a score is not defined."""
        result = self.scores.to_dict()
        for entry, value in zip(result["classes"], self.boundary.iou):
            entry["boundary_iou"] = None if np.isnan(value) else round(float(value), 6)
        mean = self.boundary.mean_iou
        return {
            "mean_iou": result.pop("mean_iou"),
            "mean_boundary_iou": None if np.isnan(mean) else round(mean, 6),
            **result,
            "calibration": self.calibration.to_dict(),
            "latency_ms": {**{k: round(v, 3) for k, v in self.latency.items()}, "frames": len(self.seconds)},
            "worst_frames": [{"name": frame.name, "mean_iou": round(frame.mean_iou, 6)} for frame in self.worst],
        }

    def class_columns(self) -> dict[str, np.ndarray]:
        """Head of each column of the table of classes, and its values, (classes,) of 0..1 or NaN."""
        scores = self.scores
        return {
            "IoU": scores.iou, "boundary IoU": self.boundary.iou, "F1": scores.f1, "precision": scores.precision,
            "recall": scores.recall, "share": scores.share,
        }  # fmt: skip

    def summary(self) -> dict[str, str]:
        """What the frames give together, in words: name and value."""
        scores = self.scores
        return {
            "mean IoU": _percent(scores.mean_iou),
            "mean boundary IoU": _percent(self.boundary.mean_iou),
            "frequency-weighted IoU": _percent(scores.frequency_weighted_iou),
            "pixel accuracy": _percent(scores.pixel_accuracy),
            "expected calibration error": _percent(self.calibration.expected_error),
            **{f"segment call, {name}": f"{value:.1f} ms" for name, value in self.latency.items()},
        }

    def table(self) -> str:
        """Text table: per class the columns in percent (recall is the accuracy of the class), then the summary."""
        names = self.scores.labels.names
        columns, summary = self.class_columns(), self.summary()
        width = max(map(len, [*names, *summary])) + 1
        lines = [f"{'class, in %':<{width}}" + "".join(f"{head:>14}" for head in columns)]
        for index, name in enumerate(names):
            lines.append(f"{name:<{width}}" + "".join(f"{_percent(v[index], ''):>14}" for v in columns.values()))
        return "\n".join(lines + [f"{name:<{width}}{value:>14}" for name, value in summary.items()])


def _percent(value: float, unit: str = " %") -> str:
    return "-" if np.isnan(value) else f"{100 * value:.2f}{unit}"


def evaluate_segmenter(
    segmenter: Segmenter,
    examples: Iterable[Mapping[str, Any]],
    labels: LabelSet,
    on_prediction: Callable[[str, np.ndarray], None] | None = None,
    with_depth: bool = False,
) -> Evaluation:
    """Score `segmenter` on all `examples` with one confusion matrix.

    Args:
        segmenter: called with the image of an example, and with `with_depth` its `depth`, uint16 (H,W) millimetres.
        examples: mappings with image, uint8 (H,W,3); label, integer ids (H,W) or (H,W,1); name, text or bytes; and
            for `with_depth` depth, uint16 (H,W) or (H,W,1) millimetres. That is what
            `tensorflow_datasets.as_numpy(dataset.examples(split))` yields.
        labels: classes and ignore id of the labels.
        on_prediction: called with the name and mask of each example.

    Raises EvaluationError, naming the example, if a mask does not have its label's size or a label is not of the set,
    and when there are no examples.
    """
    result = Evaluation(Scores(labels), BoundaryCounts(len(labels)), Calibration(), [], [])
    worst: list[tuple[float, int, WorstFrame]] = []
    for number, example in enumerate(examples):
        name = example["name"].decode("utf-8") if isinstance(example["name"], bytes) else str(example["name"])
        image, label = np.asarray(example["image"]), np.asarray(example["label"])
        truth = label[..., 0] if label.ndim == 3 else label
        depth = np.asarray(example["depth"]).reshape(image.shape[:2]) if with_depth else None
        found = segmenter.segment(image, confidence=True, depth=depth)
        assert found.confidence is not None  # asked for
        try:
            frame_matrix = result.scores.add(truth, found.mask)
        except ValueError as error:
            raise EvaluationError(f"example {name!r}: {error}") from error
        result.boundary.add(truth, found.mask, labels.ignore_id)
        result.calibration.add(truth, found.mask, found.confidence, labels.ignore_id)
        if number < TIMED_FRAMES:  # after the call above, so that the first one is no cold start
            started = time.perf_counter()
            segmenter.segment(image, depth=depth)
            result.seconds.append(time.perf_counter() - started)
        if frame_matrix.any():
            frame = WorstFrame(confusion.mean_iou(frame_matrix), name, image, truth, found.mask, depth)
            # A heap whose first is the best of the worst; the number decides between equals.
            heapq.heappush(worst, (-frame.mean_iou, number, frame))
            if len(worst) > WORST_FRAMES:
                heapq.heappop(worst)
        if on_prediction is not None:
            on_prediction(name, found.mask)
    if not result.scores.frames:
        raise EvaluationError("there is no example to evaluate on; choose a split that is not empty")
    result.worst = [frame for _, _, frame in sorted(worst, key=lambda entry: (-entry[0], entry[1]))]
    return result
