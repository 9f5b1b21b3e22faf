"""The head that up-samples only where classes meet, against the definition computed everywhere in float64."""

import cv2
import numpy as np
import pytest

from rt_seg.engines import class_id_head
from rt_seg.engines.class_id_head import class_ids, confidences, probabilities


def _bilinear(logits, height, width):
    """Half-pixel bilinear resize of (h, w, C) in float64, by the definition."""

    def weights(target, source):
        position = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
        low = position.astype(int)
        matrix = np.zeros((target, source))
        np.add.at(matrix, (np.arange(target), low), 1 - (position - low))
        np.add.at(matrix, (np.arange(target), np.minimum(low + 1, source - 1)), position - low)
        return matrix

    rows, columns = weights(height, logits.shape[0]), weights(width, logits.shape[1])
    return np.einsum("ah,hwc,bw->abc", rows, logits.astype(np.float64), columns, optimize=True)


def _logits(rows, columns, classes, blob, seed=0):
    """Random logits in regions of about `blob` cells, so that few or all cells have unlike corners."""
    coarse = np.random.default_rng(seed).normal(size=(classes, rows // blob + 2, columns // blob + 2)) * 4
    planes = [cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_CUBIC) for plane in coarse]
    return np.stack(planes, axis=-1).astype(np.float32)


@pytest.mark.parametrize("blob", [1, 6, 20])
@pytest.mark.parametrize("size", [(96, 128), (48, 64), (24, 32), (60, 48), (36, 80), (100, 130), (12, 16), (5, 9)])
def test_ids_are_the_arg_max_of_the_resized_logits_at_whole_odd_and_broken_scales(size, blob):
    logits = _logits(12, 16, 7, blob)
    full = _bilinear(logits, *size)
    ids = class_ids(logits, *size)
    assert ids.shape == size
    assert ids.dtype == np.uint8
    differs = ids != full.argmax(-1)
    best = np.sort(full, axis=-1)
    assert ((best[..., -1] - best[..., -2])[differs] < 1e-5).all(), "ids may differ only where two classes tie"


@pytest.mark.parametrize("blob", [1, 20])
def test_cells_alone_and_whole_planes_give_the_same_ids(monkeypatch, blob):
    logits = _logits(60, 80, 6, blob)
    results = []
    for share in (-1.0, 2.0):
        monkeypatch.setattr(class_id_head, "DENSE_SHARE", share)
        results.append(class_ids(logits, 480, 640))
    assert (results[0] != results[1]).mean() < 1e-5


def test_a_single_class_everywhere_and_two_equal_ones_give_the_lowest_id():
    logits = np.zeros((4, 4, 3), np.float32)
    assert (class_ids(logits, 32, 32) == 0).all()
    logits[..., 1:] = 1.0
    assert (class_ids(logits, 32, 32) == 1).all()
    assert (class_ids(logits[..., :1], 32, 32) == 0).all()


def test_ids_do_not_depend_on_how_the_logits_lie_in_memory():
    logits = _logits(12, 16, 7, 6)
    np.testing.assert_array_equal(class_ids(np.asfortranarray(logits), 96, 128), class_ids(logits, 96, 128))


@pytest.mark.parametrize("size", [(96, 128), (100, 130)])
def test_confidence_is_the_largest_softmax_probability_and_large_logits_do_not_overflow(size):
    logits = 50 * _logits(12, 16, 7, 6)
    full = _bilinear(logits, *size)
    powers = np.exp(full - full.max(-1, keepdims=True))
    result = confidences(logits, *size)
    assert result.dtype == np.float32
    assert np.abs(result - 1 / powers.sum(-1)).max() < 1e-3


@pytest.mark.parametrize("size", [(96, 128), (100, 130)])
def test_probabilities_are_the_softmax_of_the_resized_logits_for_the_classes_asked_for_in_their_order(size):
    logits = _logits(12, 16, 5, 6)
    full = _bilinear(logits, *size)
    softmax = np.exp(full - full.max(-1, keepdims=True))
    softmax /= softmax.sum(-1, keepdims=True)
    for classes in (range(5), (3, 0), (4,)):
        found = probabilities(logits, *size, classes)
        assert found.dtype == np.float32 and found.shape == (*size, len(classes))
        np.testing.assert_allclose(found, softmax[..., list(classes)], atol=1e-5)
