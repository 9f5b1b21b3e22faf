"""Compressed colour and depth, as image_transport's plug-ins publish them."""

import struct
from types import SimpleNamespace as CompressedImage

import cv2
import numpy as np
import pytest

from rt_seg.recordings.image_messages import ConversionError, color_to_rgb, depth_to_metres
from rt_seg.recordings.rvl import RvlError, decode_rvl

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
    np.testing.assert_array_equal(color_to_rgb(message), RGB)


def test_jpeg_of_colour_is_close():
    data = encoded(cv2.cvtColor(RGB, cv2.COLOR_RGB2BGR), ".jpg")
    rgb = color_to_rgb(CompressedImage(format="rgb8; jpeg compressed bgr8", data=data))
    assert np.abs(rgb.astype(int) - RGB).mean() < 3


def test_grey_becomes_three_equal_channels():
    rgb = color_to_rgb(CompressedImage(format="mono8; png compressed", data=encoded(RGB[..., 0], ".png")))
    np.testing.assert_array_equal(rgb, np.repeat(RGB[..., :1], 3, axis=2))


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff\xe0 no image", bytes(100)])
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(ConversionError, match="not a JPEG or PNG|a truncated JPEG"):
        color_to_rgb(CompressedImage(format="jpeg", data=data))


def test_depth_on_the_topic_of_colour_is_refused():
    with pytest.raises(ConversionError, match="uint16 is not a colour image"):
        color_to_rgb(CompressedImage(format="16UC1; png compressed", data=encoded(DEPTH, ".png")))


def test_a_mosaic_is_refused_and_not_taken_for_grey():
    with pytest.raises(ConversionError, match="is a Bayer mosaic in a CompressedImage.*image_proc"):
        color_to_rgb(CompressedImage(format="bayer_rggb8; jpeg compressed ", data=encoded(RGB[..., 0], ".jpg")))
    data = encoded(cv2.cvtColor(RGB, cv2.COLOR_RGB2BGR), ".png")  # of a publisher that has removed the mosaic
    message = CompressedImage(format="bayer_rggb8; png compressed bgr8", data=data)
    np.testing.assert_array_equal(color_to_rgb(message), RGB)


@pytest.mark.parametrize("format", ["16UC1; compressedDepth", "16UC1; compressedDepth png"])
def test_millimetres_become_metres_and_zero_unknown(format):
    metres = depth_to_metres(depth_message(encoded(DEPTH, ".png"), format))
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
    decoded = depth_to_metres(message)
    assert np.isnan(decoded[:4]).all()
    np.testing.assert_allclose(decoded[4:], metres[4:], rtol=0.01)


@pytest.mark.parametrize("format", ["16UC1; compressedDepth zstd", "rgb8; jpeg compressed", "8UC1; compressedDepth"])
def test_other_kinds_are_refused_with_what_to_do(format):
    with pytest.raises(ConversionError, match="png, or subscribe to the raw topic"):
        depth_to_metres(depth_message(encoded(DEPTH, ".png"), format))


@pytest.mark.parametrize("keep", [5, 12, 40])
def test_depth_that_was_cut_is_refused(keep):
    message = depth_message(encoded(DEPTH, ".png"), "16UC1; compressedDepth png")
    message.data = message.data[:keep]
    with pytest.raises(ConversionError):
        depth_to_metres(message)


@pytest.mark.parametrize("extension", [".jpg", ".png"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_picture_that_was_cut_is_refused_and_not_half_grey(extension, kept):
    data = encoded(cv2.cvtColor(RGB, cv2.COLOR_RGB2BGR), extension)
    with pytest.raises(ConversionError, match="a truncated"):
        color_to_rgb(CompressedImage(format="rgb8; compressed bgr8", data=data[: int(kept * len(data))]))


def test_a_jpeg_with_a_preview_is_whole_only_with_its_own_end_and_may_be_padded():
    preview = encoded(RGB, ".jpg")
    data = encoded(RGB, ".jpg")
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(preview) + 2) + preview + data[2:]
    assert color_to_rgb(CompressedImage(format="jpeg", data=data + bytes(7))).shape == RGB.shape
    with pytest.raises(ConversionError, match="a truncated JPEG"):
        color_to_rgb(CompressedImage(format="jpeg", data=data[:-20]))


def test_a_png_with_a_changed_byte_is_refused():
    data = bytearray(encoded(RGB, ".png"))
    data[200] ^= 1
    with pytest.raises(ConversionError, match="a PNG with a damaged part"):
        color_to_rgb(CompressedImage(format="png", data=bytes(data)))


def rvl(depth):
    """The stream of the paper (Wilson 2017), nibble by nibble: the reference of these tests."""
    nibbles = []

    def put(number):
        while True:
            nibbles.append((number & 7) | (8 if number > 7 else 0))
            number >>= 3
            if not number:
                return

    pixels, place, previous = depth.ravel().tolist(), 0, 0
    while place < len(pixels):
        start = place
        while place < len(pixels) and not pixels[place]:
            place += 1
        put(place - start)
        start = place
        while place < len(pixels) and pixels[place]:
            place += 1
        put(place - start)
        for value in pixels[start:place]:
            difference = value - previous
            put((difference << 1) ^ (difference >> 63))
            previous = value
    nibbles += [0] * (-len(nibbles) % 8)
    words = [int("".join(f"{nibble:x}" for nibble in nibbles[i : i + 8]), 16) for i in range(0, len(nibbles), 8)]
    return struct.pack(f"<{len(words)}I", *words)


def _depths():
    random = np.random.default_rng(5)
    smooth = (1500 + 40 * np.cumsum(random.standard_normal((24, 40)), axis=1)).clip(300, 5000).astype(np.uint16)
    holes = np.where(random.random((24, 40)) < 0.3, 0, smooth).astype(np.uint16)
    return {"smooth": smooth, "holes": holes, "empty": smooth * 0, "extremes": random.choice([0, 1, 65535], (9, 7)),
            "one": np.full((1, 1), 7), "DEPTH": DEPTH}  # fmt: skip


@pytest.mark.parametrize("name", list(_depths()))
def test_rvl_gives_the_very_depth(name):
    depth = _depths()[name].astype(np.uint16)
    np.testing.assert_array_equal(decode_rvl(rvl(depth), *depth.shape), depth)
    body = struct.pack("<ii", depth.shape[1], depth.shape[0]) + rvl(depth)
    metres = depth_to_metres(depth_message(body, "16UC1; compressedDepth rvl"))
    np.testing.assert_array_equal(np.nan_to_num(metres), depth * np.float32(0.001))


@pytest.mark.parametrize("size", [(0, 5), (-1, 5), (2**20, 2**20), (33, 48), (31, 48)])
def test_rvl_of_another_size_is_refused(size):
    with pytest.raises(RvlError):
        decode_rvl(rvl(DEPTH[4:]), *size)


def test_rvl_of_rubbish_is_depth_or_a_refusal():
    random = np.random.default_rng(1)
    for length in range(0, 400, 7):
        try:
            assert decode_rvl(random.bytes(length), 16, 16).shape == (16, 16)
        except RvlError:
            continue
