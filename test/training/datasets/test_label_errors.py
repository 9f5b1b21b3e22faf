"""Planted label errors are found where a model contradicts them."""

from __future__ import annotations

import cv2
import numpy as np

from rt_seg_training.datasets.label_errors import LabelErrors

CLASSES, SIZE = 4, (120, 160)


def _frame(number):
    """The true ids of a frame: four fields whose borders wander, and a disc."""
    random = np.random.default_rng(number)
    truth = np.zeros(SIZE, np.uint8)
    truth[: random.integers(40, 80)] = 1
    truth[:, : random.integers(20, 60)] = 2
    center = (int(random.integers(60, 150)), int(random.integers(10, 110)))
    cv2.circle(truth, center, 12, 3, cv2.FILLED)
    return truth, center


def _judged(truth, number):
    """Probabilities of a model that is blurred at borders, confuses 1 with 2 here and there, and is noisy."""
    random = np.random.default_rng(1000 + number)
    scores = np.stack([cv2.GaussianBlur((truth == c).astype(np.float32), (0, 0), 3) for c in range(CLASSES)], axis=-1)
    blob = np.zeros(SIZE, np.float32)
    cv2.circle(blob, (int(random.integers(0, 160)), int(random.integers(0, 120))), 14, 0.6, cv2.FILLED)
    scores[..., 2] += blob * (truth == 1)
    scores += 0.1 * random.random(scores.shape)
    return (scores / scores.sum(axis=-1, keepdims=True)).astype(np.float32)


def _planted(number, truth, center):
    label = truth.copy()
    if number % 10 == 3:  # the object was forgotten
        label[truth == 3] = truth[(center[1] + 15) % SIZE[0], center[0] - 15]
    if number % 10 == 6:  # the object has the name of another
        label[truth == 3] = 0 if truth[center[1] - 13, center[0]] else 1
    return label


def test_planted_errors_come_first_with_their_place_and_what_is_seen_there():
    planted = {number for number in range(100) if number % 10 in (3, 6)}
    errors = LabelErrors(CLASSES, 255)
    for number in range(100):
        truth, center = _frame(number)
        errors.add(number, _planted(number, truth, center), _judged(truth, number))
    ranked = errors.ranked(30)
    found = [doubt.frame for doubt in ranked if doubt.frame in planted]
    assert len(found) >= 18 and {doubt.frame for doubt in ranked[:10]} <= planted
    for doubt in ranked[:10]:
        center = _frame(doubt.frame)[1]
        left, top, right, bottom = doubt.box
        assert doubt.predicted == 3 and doubt.label != 3
        assert left * 160 - 2 <= center[0] <= right * 160 + 2 and top * 120 - 2 <= center[1] <= bottom * 120 + 2
    assert [doubt.score for doubt in ranked] == sorted((doubt.score for doubt in ranked), reverse=True)


def test_what_is_ignored_and_what_lies_on_a_border_is_not_doubted():
    truth = np.zeros((60, 80), np.uint8)
    truth[30:] = 1
    moved = np.roll(truth, 1, axis=0)  # by one pixel
    moved[0] = 0
    ignored = np.where(truth == 1, 255, truth).astype(np.uint8)
    probabilities = np.where(np.arange(2) == truth[..., np.newaxis], 0.98, 0.02).astype(np.float32)
    errors = LabelErrors(2, 255)
    errors.add("moved", moved, probabilities)
    errors.add("ignored", ignored, probabilities)
    assert errors.ranked(5) == []
