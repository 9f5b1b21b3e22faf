"""Images of cameras are made smaller first, and converted after, with the values of the other order."""

import cv2
import numpy as np
import pytest

from rt_seg.camera_image import CameraDepth, CameraImage, resize_image
from rt_seg.segmenter import network_depth

RANDOM = np.random.default_rng(0)
CODES = {cv2.COLOR_BGR2RGB: 3, cv2.COLOR_RGBA2RGB: 4, cv2.COLOR_BGRA2RGB: 4, cv2.COLOR_GRAY2RGB: 1,
         cv2.COLOR_YUV2RGB_YUYV: 2, None: 3}  # fmt: skip


@pytest.mark.parametrize("size", [(24, 32), (20, 30), (48, 64), (60, 80), (48, 60)])
@pytest.mark.parametrize("code", CODES)
def test_the_network_is_fed_as_if_the_whole_image_had_been_converted(code, size):
    channels = CODES[code]
    pixels = RANDOM.integers(0, 256, (48, 64, channels) if channels > 1 else (48, 64), np.uint8)
    expected = resize_image(CameraImage(pixels, code).rgb, *size)
    image = CameraImage(pixels, code)
    np.testing.assert_array_equal(image.at_size(*size), expected)
    assert image.size == (48, 64) and image.at_size(*size).flags.c_contiguous


def test_a_large_image_is_not_converted_at_full_size_for_the_network(monkeypatch):
    converted = []
    convert = cv2.cvtColor
    monkeypatch.setattr(cv2, "cvtColor", lambda image, code: converted.append(image.shape) or convert(image, code))
    CameraImage(RANDOM.integers(0, 256, (720, 1280, 3), np.uint8), cv2.COLOR_BGR2RGB).at_size(480, 640)
    assert converted == [(480, 640, 3)]


def test_gaps_between_rows_do_not_matter():
    wide = RANDOM.integers(0, 256, (48, 70, 3), np.uint8)
    image = CameraImage(wide[:, :64])
    np.testing.assert_array_equal(image.rgb, wide[:, :64])
    np.testing.assert_array_equal(image.at_size(24, 32), resize_image(np.ascontiguousarray(wide[:, :64]), 24, 32))


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
@pytest.mark.parametrize("size", [(48, 64), (24, 32), (20, 30)])
def test_depth_reaches_the_network_as_if_all_of_it_had_been_brought_into_metres(kind, size):
    readings = RANDOM.integers(0, 4000, (48, 64)).astype(kind)
    if kind == np.float32:
        readings = readings / np.float32(1000.0)
        readings[0, :4] = np.nan, np.inf, -1.0, 0.0
    depth = CameraDepth(readings)
    expected = network_depth(depth.metres, *size, (0.3, 3.0))
    np.testing.assert_array_equal(network_depth(readings, *size, (0.3, 3.0)), expected)
    assert expected.max() > 0.0 and np.isfinite(expected).all()
