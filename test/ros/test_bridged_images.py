"""Bayer mosaics and 16-bit colour by cv_bridge; and our own messages against those of cv_bridge, byte by byte."""

import io
import sys

import numpy as np
import pytest

pytest.importorskip("sensor_msgs.msg", reason="ROS is not on the Python path")

from sensor_msgs.msg import Image  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from rt_seg.recordings.image_messages import ConversionError, color_image  # noqa: E402
from rt_seg.ros.bridged_images import color_to_rgb  # noqa: E402
from rt_seg.ros.conversions import image_message  # noqa: E402

PLACES = {"r": 0, "g": 1, "b": 2}


@pytest.fixture
def cv_bridge():
    return pytest.importorskip("cv_bridge", reason="cv_bridge does not load here")


def padded(pixels, encoding, padding, bigendian=False):
    """A message whose rows end in rubbish."""
    pixels = pixels.astype(pixels.dtype.newbyteorder(">" if bigendian else "<"))
    rows = pixels.reshape(pixels.shape[0], -1).view(np.uint8)
    rows = np.hstack([rows, np.full((len(rows), padding), 0xAB, np.uint8)])
    return Image(Header(), *pixels.shape[:2], encoding, int(bigendian), rows.shape[1], rows.tobytes())


@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize("order", ["rggb", "bggr", "gbrg", "grbg"])
def test_a_mosaic_of_one_colour_becomes_that_colour(cv_bridge, order, padding):
    color = (200, 120, 40)
    mosaic = np.tile(np.array([color[PLACES[letter]] for letter in order], np.uint8).reshape(2, 2), (8, 10))
    rgb = color_to_rgb(padded(mosaic, f"bayer_{order}8", padding))
    assert rgb.shape == (16, 20, 3)
    assert np.array_equal(rgb, np.broadcast_to(np.array(color, np.uint8), rgb.shape))


@pytest.mark.parametrize("bigendian", [False, True])
@pytest.mark.parametrize("encoding, order", [("rgb16", [0, 1, 2]), ("bgr16", [2, 1, 0])])
def test_colour_of_16_bits_becomes_its_upper_half(cv_bridge, encoding, order, bigendian):
    colors = np.random.default_rng(0).integers(0, 256, (4, 6, 3))
    message = padded((colors[..., order] * 257).astype(np.uint16), encoding, 4, bigendian)
    assert np.abs(color_to_rgb(message).astype(int) - colors).max() <= 1


def test_the_usual_encodings_are_views_of_the_message_as_without_ros():
    message = padded(np.random.default_rng(1).integers(0, 256, (4, 6, 3), np.uint8), "rgb8", 0)
    assert np.array_equal(color_to_rgb(message), color_image(message).rgb)
    assert np.shares_memory(color_to_rgb(message), np.frombuffer(message.data, np.uint8))


def test_without_cv_bridge_a_mosaic_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv_bridge", None)
    with pytest.raises(ConversionError, match="'bayer_rggb8' needs cv_bridge, which does not work"):
        color_to_rgb(padded(np.zeros((4, 4), np.uint8), "bayer_rggb8", 0))


@pytest.mark.parametrize("kind", [(np.uint8, (), "mono8"), (np.uint8, (3,), "rgb8"), (np.uint16, (), "16UC1"),
                                  (np.int16, (), "16SC1"), (np.float32, (), "32FC1")])  # fmt: skip
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (480, 640)])
def test_messages_are_those_of_cv_bridge_byte_by_byte(cv_bridge, kind, size):
    dtype, channels, encoding = kind
    pixels = np.random.default_rng(1).integers(0, 255, (*size, *channels)).astype(dtype)
    header = Header(seq=3, frame_id="camera_color_optical_frame")
    expected = cv_bridge.CvBridge().cv2_to_imgmsg(pixels, encoding, header)
    with_gaps = np.repeat(pixels, 2, axis=1)[:, ::2]
    for array in (pixels, with_gaps):
        ours, theirs = io.BytesIO(), io.BytesIO()
        image_message(array, header).serialize(ours)
        expected.serialize(theirs)
        assert ours.getvalue() == theirs.getvalue()
