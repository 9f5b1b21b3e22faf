"""Image messages to arrays and back."""

import cv2
import numpy as np
import pytest

pytest.importorskip("sensor_msgs.msg", reason="ROS is not on the Python path")

from sensor_msgs.msg import Image  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from rt_seg.cameras.frame import Intrinsics  # noqa: E402
from rt_seg.recordings.image_messages import (  # noqa: E402
    ConversionError,
    check_depth,
    color_to_rgb,
    depth_to_metres,
    mask_from_message,
)
from rt_seg.ros.conversions import (  # noqa: E402
    camera_info_message,
    image_message,
    intrinsics_from_message,
    is_rectified,
)

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)


def message_of(array, encoding, padding=0, bigendian=False):
    """An image message whose rows end in `padding` bytes of rubbish."""
    array = array.astype(array.dtype.newbyteorder(">" if bigendian else "<"))
    rows = array.reshape(array.shape[0], -1).view(np.uint8)
    rows = np.hstack([rows, np.full((rows.shape[0], padding), 0xAB, np.uint8)])
    return Image(
        height=array.shape[0],
        width=array.shape[1],
        encoding=encoding,
        is_bigendian=int(bigendian),
        step=rows.shape[1],
        data=rows.tobytes(),
    )


@pytest.mark.parametrize("padding", [0, 1, 2, 3, 16])
@pytest.mark.parametrize(
    "encoding, code",
    [
        ("rgb8", None),
        ("bgr8", cv2.COLOR_RGB2BGR),
        ("rgba8", cv2.COLOR_RGB2RGBA),
        ("bgra8", cv2.COLOR_RGB2BGRA),
    ],
)
def test_colour_of_every_accepted_encoding_and_padding_becomes_the_same_rgb(encoding, code, padding):
    array = RGB if code is None else cv2.cvtColor(RGB, code)
    rgb = color_to_rgb(message_of(array, encoding, padding))
    assert np.array_equal(rgb, RGB)
    assert rgb.flags.c_contiguous and rgb.dtype == np.uint8


@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("encoding, order", [("yuv422", "uyvy"), ("yuv422_yuy2", "yuyv")])
def test_yuv_pixels_share_the_colour_of_their_pair(encoding, order, padding):
    random = np.random.default_rng(3)
    luma = random.integers(16, 236, (4, 6)).astype(np.float64)
    blue, red = (random.integers(96, 160, (4, 3)).astype(np.float64) for _ in range(2))
    packed = np.zeros((4, 12), np.uint8)
    places = {"u": blue, "v": red}
    seen = 0
    for place, letter in enumerate(order):
        if letter == "y":
            packed[:, place::4] = luma[:, seen::2]
            seen += 1
        else:
            packed[:, place::4] = places[letter]
    rows = np.hstack([packed, np.full((4, padding), 99, np.uint8)])
    message = Image(height=4, width=6, encoding=encoding, step=12 + padding, data=rows.tobytes())
    # ITU-R BT.601, studio range.
    y, u, v = 1.164 * (luma - 16), np.repeat(blue, 2, axis=1) - 128, np.repeat(red, 2, axis=1) - 128
    expected = np.stack([y + 1.596 * v, y - 0.813 * v - 0.391 * u, y + 2.018 * u], axis=-1).clip(0, 255)
    assert np.abs(color_to_rgb(message) - expected).max() <= 2


def test_yuv_of_an_odd_width_is_refused():
    message = Image(height=1, width=5, encoding="yuv422", step=10, data=bytes(10))
    with pytest.raises(ConversionError, match="5 columns"):
        color_to_rgb(message)


def test_mono8_becomes_grey():
    rgb = color_to_rgb(message_of(RGB[:, :, 0], "mono8", 3))
    assert np.array_equal(rgb, np.repeat(RGB[:, :, :1], 3, axis=2))


@pytest.mark.parametrize("encoding", ["16UC1", "32FC1", "8UC3", "bayer_rggb8", "yuv444", ""])
def test_other_encodings_are_refused_by_name(encoding):
    message = message_of(RGB, "rgb8")
    message.encoding = encoding
    with pytest.raises(ConversionError, match=f"'{encoding}' is not a colour image; accepted are rgb8, bgr8"):
        color_to_rgb(message)


def test_a_message_that_is_cut_is_refused_with_both_sizes():
    message = message_of(RGB, "rgb8")
    message.data = message.data[:-1]
    with pytest.raises(ConversionError, match="holds 104 bytes; needed are 105"):
        color_to_rgb(message)


def test_a_step_shorter_than_a_row_is_refused():
    message = message_of(RGB, "rgb8")
    message.step = 20
    with pytest.raises(ConversionError, match="step 20 is too short for 7 pixels of rgb8: at least 21"):
        color_to_rgb(message)


def test_an_empty_image_is_refused():
    with pytest.raises(ConversionError, match="0x0 pixels"):
        color_to_rgb(Image(encoding="rgb8"))


@pytest.mark.parametrize("bigendian", [False, True])
@pytest.mark.parametrize("padding", [0, 2, 5])
@pytest.mark.parametrize("encoding", ["16UC1", "mono16"])
def test_millimetres_become_metres_and_zero_becomes_nan(encoding, padding, bigendian):
    depth = np.array([[0, 1, 1500], [65535, 300, 2]], np.uint16)
    metres = depth_to_metres(message_of(depth, encoding, padding, bigendian))
    assert metres.dtype == np.float32
    assert np.isnan(metres[0, 0])
    np.testing.assert_allclose(metres[depth > 0], depth[depth > 0] / 1000, rtol=1e-6)


def test_metres_stay_and_what_is_no_reading_becomes_nan():
    depth = np.array([[0.5, np.nan, np.inf], [-1.0, 0.0, 2.25]], np.float32)
    metres = depth_to_metres(message_of(depth, "32FC1", 4))
    assert metres[0, 0] == np.float32(0.5) and metres[1, 2] == np.float32(2.25)
    assert np.isnan(metres).sum() == 4


def test_colourised_depth_is_refused_with_the_cause():
    with pytest.raises(ConversionError, match="'rgb8' is not a depth image.*colorizer"):
        check_depth(message_of(RGB, "rgb8"), 7, 5)


def test_depth_of_another_size_is_refused_with_both_sizes():
    with pytest.raises(ConversionError, match="depth is 3x2 and colour 7x5 pixels.*align_depth:=true"):
        check_depth(message_of(np.ones((2, 3), np.uint16), "16UC1"), 7, 5)


@pytest.mark.parametrize(
    "array, encoding",
    [
        (RGB, "rgb8"),
        (RGB[:, :, 0], "mono8"),
        (RGB[:, :, 0].astype(np.uint16) * 100, "16UC1"),
        (RGB[:, :, 0].astype(np.float32), "32FC1"),
    ],
)
def test_an_array_becomes_a_packed_message_with_the_given_header(array, encoding):
    header = Header(seq=3, frame_id="camera_color_optical_frame")
    message = image_message(array, header)
    assert (message.encoding, message.width, message.height) == (encoding, 7, 5)
    assert message.step * message.height == len(message.data) == array.size * array.itemsize
    assert message.header is header
    assert np.array_equal(np.frombuffer(message.data, array.dtype).reshape(array.shape), array)


def test_an_array_without_an_encoding_is_refused():
    with pytest.raises(ConversionError, match="float64 has no image encoding"):
        image_message(np.zeros((2, 2)), Header())


def test_masks_go_there_and_back():
    mask = RGB[:, :, 1]
    assert np.array_equal(mask_from_message(image_message(mask, Header())), mask)
    with pytest.raises(ConversionError, match="'rgb8' is not a mask"):
        mask_from_message(image_message(RGB, Header()))


def test_camera_info_is_that_of_an_unrectified_pinhole_camera():
    info = camera_info_message(Intrinsics(640, 480, 610.0, 611.0, 320.5, 240.5, (0.1, 0.2, 0.3, 0.4, 0.5)), Header())
    assert np.array(info.K).reshape(3, 3).tolist() == [[610.0, 0, 320.5], [0, 611.0, 240.5], [0, 0, 1]]
    assert np.array_equal(np.array(info.P).reshape(3, 4)[:, :3], np.array(info.K).reshape(3, 3))
    assert list(info.D) == [0.1, 0.2, 0.3, 0.4, 0.5] and info.distortion_model == "plumb_bob"


def test_a_camera_info_gives_the_camera_it_was_made_of():
    camera = Intrinsics(640, 480, 610.5, 611.5, 321.25, 239.75, (0.1, -0.2, 0.001, 0.002, 0.05))
    assert intrinsics_from_message(camera_info_message(camera, Header())) == camera


@pytest.mark.parametrize(
    "change, message",
    [
        ({"K": [0.0] * 9}, "is not a calibration; accepted are fx and fy from 1"),
        ({"K": [1e-300, 0, 0, 0, 1e-300, 0, 0, 0, 1]}, "is not a calibration"),
        ({"K": [600.0, 0, 1e30, 0, 600.0, 240.0, 0, 0, 1]}, "is not a calibration"),
        ({"K": [float("nan")] * 9}, "is not a calibration"),
        ({"width": 0}, "camera info of 0x480 pixels"),
        ({"D": [float("inf")]}, "accepted are finite numbers"),
        ({"D": [0.1] * 6, "distortion_model": "thin_prism"}, "'thin_prism' with 6 coefficients.*zeros, and K from P"),
        ({"D": [0.1] * 4}, "lens model 'plumb_bob' with 4 coefficients; accepted are plumb_bob with 5, rational"),
    ],
)
def test_a_camera_info_that_cannot_be_meant_is_refused(change, message):
    info = camera_info_message(Intrinsics(640, 480, 600.0, 600.0, 320.0, 240.0), Header())
    for name, value in change.items():
        setattr(info, name, value)
    with pytest.raises(ConversionError, match=message):
        intrinsics_from_message(info)


def test_rectified_images_have_the_projection_of_their_camera_info_and_no_distortion():
    info = camera_info_message(Intrinsics(640, 480, 600.0, 600.0, 320.0, 240.0, (-0.3, 0.1, 0.0, 0.0, 0.0)), Header())
    info.P = [540.0, 0, 318.0, 0, 0, 550.0, 241.0, 0, 0, 0, 1, 0]
    assert intrinsics_from_message(info, rectified=True) == Intrinsics(640, 480, 540.0, 550.0, 318.0, 241.0)
    assert intrinsics_from_message(info).distortion[0] == -0.3
    info.P = [0.0] * 12
    with pytest.raises(ConversionError, match="is not a calibration"):
        intrinsics_from_message(info, rectified=True)
    info.D = [0.0] * 5
    assert intrinsics_from_message(info, rectified=True).fx == 600.0


def test_rectified_images_are_known_by_their_topic():
    topics = {"/front/rgb/image_rect_color": True, "/rgb/image_rect/compressed": True, "/camera/color/image_raw": False}
    assert {topic: is_rectified(topic) for topic in topics} == topics


def test_another_lens_model_without_distortion_is_taken():
    info = camera_info_message(Intrinsics(640, 480, 600.0, 600.0, 320.0, 240.0), Header())
    info.distortion_model = "inverse_brown_conrady"
    assert intrinsics_from_message(info).fx == 600.0


@pytest.mark.parametrize("model, count", [("plumb_bob", 5), ("rational_polynomial", 8), ("equidistant", 4)])
def test_lens_models_go_into_a_camera_info_by_their_names_and_come_back(model, count):
    camera = Intrinsics(640, 480, 600.0, 601.0, 320.0, 240.0, tuple(0.01 * (index + 1) for index in range(count)))
    info = camera_info_message(camera, Header())
    assert info.distortion_model == model
    assert intrinsics_from_message(info) == camera
