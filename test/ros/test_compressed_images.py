"""Compressed colour and depth, as image_transport's plug-ins publish them."""
import struct

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage

from rt_seg.ros.compressed_images import compressed_depth_to_metres, compressed_to_rgb
from rt_seg.ros.conversions import ConversionError

RGB = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (32, 48, 3), np.uint8), (0, 0), 4)
DEPTH = np.random.default_rng(2).integers(300, 5000, (32, 48)).astype(np.uint16)
DEPTH[:4] = 0


def encoded(array, extension):
    return cv2.imencode(extension, array)[1].tobytes()


def depth_message(data, format, parameters=(0.0, 0.0)):
    return CompressedImage(format=format, data=struct.pack("<iff", 0, *parameters) + data)


def test_png_of_colour_is_exact_and_in_the_order_red_green_blue():
    data = encoded(cv2.cvtColor(RGB, cv2.COLOR_RGB2BGR), ".png")
    message = CompressedImage(format="rgb8; png compressed bgr8", data=data)
    np.testing.assert_array_equal(compressed_to_rgb(message), RGB)


def test_jpeg_of_colour_is_close():
    data = encoded(cv2.cvtColor(RGB, cv2.COLOR_RGB2BGR), ".jpg")
    rgb = compressed_to_rgb(CompressedImage(format="rgb8; jpeg compressed bgr8", data=data))
    assert np.abs(rgb.astype(int) - RGB).mean() < 3


def test_grey_becomes_three_equal_channels():
    rgb = compressed_to_rgb(CompressedImage(format="mono8; png compressed", data=encoded(RGB[..., 0], ".png")))
    np.testing.assert_array_equal(rgb, np.repeat(RGB[..., :1], 3, axis=2))


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff\xe0 no image", bytes(100)])
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(ConversionError, match="no JPEG or PNG"):
        compressed_to_rgb(CompressedImage(format="jpeg", data=data))


def test_depth_on_the_topic_of_colour_is_refused():
    with pytest.raises(ConversionError, match="uint16 is not a colour image"):
        compressed_to_rgb(CompressedImage(format="16UC1; png compressed", data=encoded(DEPTH, ".png")))


@pytest.mark.parametrize("format", ["16UC1; compressedDepth", "16UC1; compressedDepth png"])
def test_millimetres_become_metres_and_zero_unknown(format):
    metres = compressed_depth_to_metres(depth_message(encoded(DEPTH, ".png"), format))
    assert metres.dtype == np.float32
    assert np.isnan(metres[:4]).all()
    np.testing.assert_allclose(metres[4:], DEPTH[4:] / 1000, rtol=1e-6)


def test_metres_are_decoded_from_their_inverse():
    # compressed_depth_image_transport: quantised = a / depth + b, with a = q (q + 1) and b = 1 - a / maximum.
    quantisation, farthest = 100.0, 10.0
    scale = quantisation * (quantisation + 1.0)
    offset = 1.0 - scale / farthest
    metres = (DEPTH / 1000).astype(np.float32)
    quantised = np.where(DEPTH > 0, scale / np.maximum(metres, 0.1) + offset, 0).astype(np.uint16)
    message = depth_message(encoded(quantised, ".png"), "32FC1; compressedDepth png", (scale, offset))
    decoded = compressed_depth_to_metres(message)
    assert np.isnan(decoded[:4]).all()
    np.testing.assert_allclose(decoded[4:], metres[4:], rtol=0.01)


@pytest.mark.parametrize("format", ["16UC1; compressedDepth rvl", "rgb8; jpeg compressed", "8UC1; compressedDepth"])
def test_other_kinds_are_refused_with_what_to_do(format):
    with pytest.raises(ConversionError, match="png, or subscribe to the raw topic"):
        compressed_depth_to_metres(depth_message(encoded(DEPTH, ".png"), format))


@pytest.mark.parametrize("keep", [5, 12, 40])
def test_depth_that_was_cut_is_refused(keep):
    message = depth_message(encoded(DEPTH, ".png"), "16UC1; compressedDepth png")
    message.data = message.data[:keep]
    with pytest.raises(ConversionError):
        compressed_depth_to_metres(message)
