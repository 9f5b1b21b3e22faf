"""Calibration against bins filled by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rt_seg_training.evaluation.calibration import BINS, Calibration


def test_error_and_curve_equal_those_counted_by_hand():
    calibration = Calibration()
    truth = np.array([[0, 0, 1, 1, 1, 255]])
    prediction = np.array([[0, 1, 1, 1, 0, 0]])
    confidence = np.array([[0.62, 0.64, 0.98, 0.96, 1.0, 0.97]], np.float32)
    calibration.add(truth, prediction, confidence, 255)
    # Two pixels in the bin 9/15..10/15, one of them right; three in the last, two of them right; one ignored.
    assert calibration.pixels[9] == 2 and calibration.right[9] == 1
    assert calibration.pixels[BINS - 1] == 3 and calibration.right[BINS - 1] == 2
    assert calibration.pixels.sum() == 5
    first, last = abs(0.5 - 0.63), abs(2 / 3 - 0.98)
    assert calibration.expected_error == pytest.approx(2 / 5 * first + 3 / 5 * last, abs=1e-6)
    plain = calibration.to_dict()
    assert plain["bins"][0] == {"pixels": 2, "confidence": pytest.approx(0.63), "accuracy": 0.5}
    assert len(plain["bins"]) == 2


def test_a_segmenter_that_is_as_right_as_it_says_has_no_error():
    random = np.random.default_rng(0)
    confidence = random.uniform(0.2, 1, (400, 500))
    calibration = Calibration()
    for _ in range(3):
        right = random.uniform(size=confidence.shape) < confidence
        calibration.add(np.ones(confidence.shape), right.astype(int), confidence, 255)
    assert calibration.expected_error < 0.005
    confident = Calibration()
    confident.add(np.ones(confidence.shape), right.astype(int), np.ones(confidence.shape), 255)
    assert confident.expected_error == pytest.approx(0.4, abs=0.01)


def test_no_pixels_have_no_error():
    calibration = Calibration()
    assert np.isnan(calibration.expected_error)
    assert calibration.to_dict() == {"expected_error": None, "bins": []}
