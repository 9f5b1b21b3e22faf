"""Evaluation of a segmenter: what is scored, what is timed, which frames are kept, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from rt_seg.labels import Label, LabelSet
from rt_seg.segmenter import Segmentation
from rt_seg_training.evaluation.evaluation import WORST_FRAMES, EvaluationError, evaluate_segmenter

LABELS = LabelSet((Label(0, "dark", (0, 0, 0)), Label(1, "bright", (250, 250, 250))), 255)


class IsBright:
    """A complete segmenter of two classes: the mean of the channels against one half; surer where it is brighter."""

    calls = 0

    def segment(self, rgb, confidence=False, depth=None):
        self.calls += 1
        mean = rgb.mean(axis=-1)
        return Segmentation((mean > 127).astype(np.uint8), np.full(mean.shape, 0.75) if confidence else None)


def example(name, image_values, label_values):
    image = np.repeat(np.array(image_values, np.uint8)[..., np.newaxis], 3, axis=-1)
    return {"image": image, "label": np.array(label_values, np.uint8)[..., np.newaxis], "name": name}


EXAMPLES = [
    example(b"first", [[0, 250], [0, 250]], [[0, 1], [1, 255]]),
    example("second", [[0, 0, 250]], [[0, 0, 1]]),
]


def test_frames_of_several_sizes_are_scored_in_one_matrix():
    masks = {}
    result = evaluate_segmenter(IsBright(), EXAMPLES, LABELS, masks.__setitem__)
    assert result.scores.matrix.tolist() == [[3, 0, 0], [1, 2, 0]]
    assert result.scores.frames == 2
    assert result.scores.mean_iou == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert masks["first"].tolist() == [[0, 1], [0, 1]]
    assert masks["second"].tolist() == [[0, 0, 1]]


def test_outlines_confidence_and_time_are_measured_on_the_same_frames():
    segmenter = IsBright()
    result = evaluate_segmenter(segmenter, EXAMPLES, LABELS)
    assert result.boundary.truth.tolist() == [3, 3]  # in images so small all pixels are near an outline
    assert result.calibration.expected_error == pytest.approx(abs(5 / 6 - 0.75))
    assert len(result.seconds) == 2 and segmenter.calls == 4
    assert 0 < result.latency["p50"] <= result.latency["p95"] <= result.latency["p99"]


def test_the_worst_frames_are_kept_the_worst_first():
    frames = [example(f"frame{wrong}", [[0] * 20], [[1] * wrong + [0] * (20 - wrong)]) for wrong in range(12)]
    frames.append(example("unknown", [[0] * 20], [[255] * 20]))
    result = evaluate_segmenter(IsBright(), frames[::-1], LABELS)
    assert [frame.name for frame in result.worst] == [f"frame{wrong}" for wrong in range(11, 11 - WORST_FRAMES, -1)]
    assert result.worst[0].mean_iou == pytest.approx((9 / 20 + 0) / 2)
    assert result.worst[0].truth.tolist() == [[1] * 11 + [0] * 9]


def test_depth_comes_in_millimetres_where_it_is_asked_for():
    seen = []

    class TakesDepth(IsBright):
        def segment(self, rgb, confidence=False, depth=None):
            seen.append(depth)
            return super().segment(rgb, confidence)

    evaluate_segmenter(
        TakesDepth(), [{**EXAMPLES[1], "depth": np.array([[[0], [1500], [4000]]], np.uint16)}], LABELS, with_depth=True
    )
    assert seen[0].dtype == np.uint16
    assert seen[0].tolist() == [[0, 1500, 4000]]


def test_table_and_plain_numbers_mark_what_is_not_defined():
    result = evaluate_segmenter(IsBright(), [example("dark", [[0, 0]], [[0, 0]])], LABELS)
    lines = result.table().splitlines()
    assert lines[1].split() == ["dark", *["100.00"] * 6]
    assert lines[2].split() == ["bright", *["-"] * 5, "0.00"]
    plain = result.to_dict()
    assert plain["classes"][1]["boundary_iou"] is None
    assert plain["mean_boundary_iou"] == 1.0


def test_mask_of_another_size_is_refused_with_the_name_of_the_frame():
    class Cuts(IsBright):
        def segment(self, rgb, confidence=False, depth=None):
            found = super().segment(rgb, confidence)
            return Segmentation(found.mask[:1], found.confidence)

    with pytest.raises(EvaluationError, match=r"example 'first': .*\(1, 2\).*\(2, 2\)"):
        evaluate_segmenter(Cuts(), EXAMPLES, LABELS)


def test_label_outside_the_class_list_is_refused_with_the_name_of_the_frame():
    with pytest.raises(EvaluationError, match=r"example 'odd': ground truth holds id 4"):
        evaluate_segmenter(IsBright(), [example("odd", [[0, 0]], [[0, 4]])], LABELS)


def test_no_examples_is_an_error_not_a_score():
    with pytest.raises(EvaluationError, match="no example"):
        evaluate_segmenter(IsBright(), [], LABELS)
