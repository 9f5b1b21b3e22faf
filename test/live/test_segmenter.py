"""The segmenter with the default bundle, against a slow reference of what its head must compute."""

from pathlib import Path

import cv2
import numpy as np
import openvino
import pytest

from rt_seg.bundle import BundleError, load_bundle
from rt_seg.segmenter import load_segmenter

BUNDLE = Path(__file__).parents[2] / "models" / "tabletop"


@pytest.fixture(scope="module")
def bundle():
    return load_bundle(BUNDLE)


@pytest.fixture(scope="module")
def segmenter(bundle):
    segmenter = load_segmenter(bundle, precision="f32")
    yield segmenter
    segmenter.close()


def _image(height, width, seed=0):
    """Blobs of colour: more like a scene than noise is."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 40 + 2, width // 40 + 2, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def _bilinear(logits, height, width):
    """Half-pixel bilinear resize of (h, w, C) in float64, one axis after the other, by the definition."""

    def weights(target, source):
        matrix = np.zeros((target, source))
        for row in range(target):
            position = min(max((row + 0.5) * source / target - 0.5, 0), source - 1)
            low = int(position)
            high = min(low + 1, source - 1)
            matrix[row, low] += 1 - (position - low)
            matrix[row, high] += position - low
        return matrix

    rows, columns = weights(height, logits.shape[0]), weights(width, logits.shape[1])
    return np.einsum("ah,hwc,bw->abc", rows, logits.astype(np.float64), columns, optimize=True)


@pytest.mark.parametrize("size", [(240, 320), (480, 640), (360, 500), (720, 1280)])
def test_mask_is_the_arg_max_of_bilinear_logits_at_the_image_size(bundle, segmenter, size):
    image = _image(*size)
    # Shrinking averages over areas, so that nothing aliases; enlarging is bilinear.
    shrinks = size[0] > bundle.input.height
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    small = cv2.resize(image, (bundle.input.width, bundle.input.height), interpolation=interpolation)
    core = openvino.Core()
    network = core.read_model(str(bundle.engine("openvino").path))
    logits = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(small[np.newaxis])[0][0]
    full = _bilinear(logits, *size)
    mask = segmenter.segment(image).mask
    assert mask.shape == size
    assert mask.dtype == np.uint8
    differs = mask != full.argmax(-1)
    best = np.sort(full, axis=-1)
    margin = (best[..., -1] - best[..., -2])[differs]
    assert differs.mean() < 1e-3
    assert (margin < 1e-2 * np.abs(full).max()).all(), "masks may differ only where two classes tie"


def test_confidence_is_the_softmax_of_the_class_in_the_mask_and_leaves_the_mask_as_it_is(bundle, segmenter):
    image = _image(480, 640, seed=5)
    result = segmenter.segment(image, confidence=True)
    assert segmenter.segment(image).confidence is None
    np.testing.assert_array_equal(result.mask, segmenter.segment(image).mask)
    core = openvino.Core()
    network = core.read_model(str(bundle.engine("openvino").path))
    logits = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(image[np.newaxis])[0][0]
    powers = np.exp(_bilinear(logits, 480, 640))
    expected = powers.max(-1) / powers.sum(-1)
    assert result.confidence.shape == (480, 640)
    assert result.confidence.dtype == np.float32
    assert np.abs(result.confidence - expected).max() < 2e-3


def test_the_same_image_gives_the_same_mask_in_another_segmenter(bundle, segmenter):
    image = _image(480, 640, seed=3)
    other = load_segmenter(bundle, precision="f32")
    np.testing.assert_array_equal(segmenter.segment(image).mask, other.segment(image).mask)
    other.close()


def test_earlier_masks_are_not_overwritten_by_later_ones(segmenter):
    first = segmenter.segment(_image(480, 640, seed=1)).mask
    kept = first.copy()
    segmenter.segment(_image(480, 640, seed=2))
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)]
)
def test_other_arrays_are_refused_with_their_shape_and_type(segmenter, image):
    with pytest.raises(ValueError, match=r"accepted: \(height, width, 3\) uint8 RGB"):
        segmenter.segment(image)


def test_unknown_runtime_and_precision_are_refused(bundle):
    with pytest.raises(BundleError, match="runtime 'cuda' is not known; accepted: auto, openvino"):
        load_segmenter(bundle, runtime="cuda")
    with pytest.raises(BundleError, match="precision 'int4' is not known"):
        load_segmenter(bundle, precision="int4")
