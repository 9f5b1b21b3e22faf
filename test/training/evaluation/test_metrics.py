"""The confusion matrix and the scores of it, against matrices counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rt_seg import confusion
from rt_seg.labels import Label, LabelSet
from rt_seg_training.evaluation.metrics import Scores

LABELS = LabelSet(tuple(Label(i, name, (i, i, i)) for i, name in enumerate(("sky", "road", "car", "boat"))), 255)


def test_matrix_and_scores_equal_those_counted_by_hand():
    truth = np.array([[0, 0, 0, 1], [1, 1, 2, 255]], np.uint8)
    prediction = np.array([[0, 0, 1, 1], [1, 2, 2, 0]], np.uint8)
    matrix = confusion.confusion_matrix(truth, prediction, 3)
    assert matrix.tolist() == [[2, 1, 0, 0], [0, 2, 1, 0], [0, 0, 1, 0]]
    assert confusion.class_iou(matrix) == pytest.approx([2 / 3, 2 / 4, 1 / 2])
    assert confusion.class_f1(matrix) == pytest.approx([4 / 5, 4 / 6, 2 / 3])
    assert confusion.class_precision(matrix) == pytest.approx([1, 2 / 3, 1 / 2])
    assert confusion.class_recall(matrix) == pytest.approx([2 / 3, 2 / 3, 1])
    assert confusion.mean_iou(matrix) == pytest.approx((2 / 3 + 1 / 2 + 1 / 2) / 3)
    assert confusion.pixel_accuracy(matrix) == pytest.approx(5 / 7)


def test_frequency_weighted_iou_weighs_each_class_by_its_share_of_the_truth():
    scores = Scores(LABELS)
    matrix = scores.add(
        np.array([[0, 0, 0, 1], [1, 1, 2, 255]], np.uint8), np.array([[0, 0, 1, 1], [1, 2, 2, 0]], np.uint8)
    )
    assert matrix.tolist() == scores.matrix.tolist()
    assert scores.frequency_weighted_iou == pytest.approx(3 / 7 * 2 / 3 + 3 / 7 * 2 / 4 + 1 / 7 * 1 / 2)
    assert scores.to_dict()["frequency_weighted_iou"] == pytest.approx(scores.frequency_weighted_iou, abs=1e-6)
    assert np.isnan(Scores(LABELS).frequency_weighted_iou)


def test_class_absent_from_truth_and_prediction_is_nan_and_not_in_the_mean():
    matrix = confusion.confusion_matrix(np.array([0, 1]), np.array([0, 1]), 4)
    assert np.isnan(confusion.class_iou(matrix)).tolist() == [False, False, True, True]
    assert confusion.mean_iou(matrix) == 1.0


def test_class_predicted_but_absent_from_truth_counts_as_zero():
    matrix = confusion.confusion_matrix(np.array([0, 0]), np.array([0, 1]), 2)
    assert confusion.class_iou(matrix).tolist() == [0.5, 0.0]
    assert confusion.mean_iou(matrix) == 0.25
    assert np.isnan(confusion.class_recall(matrix)[1])


def test_ignored_truth_is_left_out_whatever_its_id():
    matrix = confusion.confusion_matrix(np.array([0, 3, 3]), np.array([0, 1, 0]), 3, ignore_id=3)
    assert matrix.sum() == 1


def test_unlabelled_prediction_is_an_error_of_the_true_class():
    matrix = confusion.confusion_matrix(np.array([0, 0, 1]), np.array([0, 255, 1]), 2)
    assert matrix.tolist() == [[1, 0, 1], [0, 1, 0]]
    assert confusion.class_iou(matrix).tolist() == [0.5, 1.0]
    assert confusion.pixel_accuracy(matrix) == pytest.approx(2 / 3)


def test_counts_stay_exact_beyond_two_to_the_24_pixels():
    truth = np.zeros((4097, 4096), np.uint8)
    truth[0, 0] = 1
    assert truth.size > 2**24
    scores = Scores(LABELS)
    for _ in range(2):
        scores.add(truth, np.zeros_like(truth))
    assert scores.matrix[0, 0] == 2 * (truth.size - 1)
    assert scores.matrix[1, 0] == 2
    assert scores.matrix.dtype == np.int64


def test_matrix_of_no_pixels_has_no_scores():
    matrix = confusion.confusion_matrix(np.full(4, 255), np.zeros(4, int), 2)
    assert np.isnan(confusion.mean_iou(matrix))
    assert np.isnan(confusion.pixel_accuracy(matrix))


def test_unequal_shapes_and_unknown_ids_are_refused_by_name():
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 2\)"):
        confusion.confusion_matrix(np.zeros((3, 2), int), np.zeros((2, 3), int), 2)
    with pytest.raises(ValueError, match=r"id 7; accepted are 0\.\.1 and 255"):
        confusion.confusion_matrix(np.array([0, 7]), np.array([0, 1]), 2)


def test_scores_of_many_frames_are_of_one_matrix_not_a_mean_of_frames():
    scores = Scores(LABELS)
    scores.add(np.zeros((10, 10), np.uint8), np.zeros((10, 10), np.uint8))
    scores.add(np.zeros((1, 2), np.uint8), np.ones((1, 2), np.uint8))
    assert scores.frames == 2
    assert scores.iou[0] == pytest.approx(100 / 102)


def test_plain_numbers_mark_what_is_not_defined():
    scores = Scores(LABELS)
    scores.add(np.array([[0, 1]], np.uint8), np.array([[0, 1]], np.uint8))
    plain = scores.to_dict()
    assert plain["classes"][2]["iou"] is None
    assert plain["mean_iou"] == 1.0
    assert plain["confusion"][0] == [1, 0, 0, 0, 0]
