"""Large messages have genpy's wire format, and the bytes of an image are copied once at most on their way."""

import io
import struct
import tracemalloc

import numpy as np
import pytest

pytest.importorskip("rospy", reason="ROS is not on the Python path")

from rospy.msg import deserialize_messages, serialize_message  # noqa: E402
from sensor_msgs.msg import Image, PointCloud2, PointField  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from rt_seg.bundle import InputSpec  # noqa: E402
from rt_seg.products.point_cloud import POINT  # noqa: E402
from rt_seg.recordings.image_messages import color_image, depth_image  # noqa: E402
from rt_seg.ros.array_messages import ArrayCloud, ArrayImage, bytes_of  # noqa: E402
from rt_seg.ros.conversions import image_message  # noqa: E402
from rt_seg.ros.node.messages import point_cloud_message  # noqa: E402
from rt_seg.segmenter import Segmenter  # noqa: E402

RGB = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
KINDS = [("mono8", np.uint8, ()), ("rgb8", np.uint8, (3,)), ("16UC1", np.uint16, ()), ("16SC1", np.int16, ()),
         ("32FC1", np.float32, ()), ("32FC6", np.float32, (6,))]  # fmt: skip


def packed(message):
    buffer = io.BytesIO()
    message.serialize(buffer)
    return buffer.getvalue()


def sent_and_received(message, kind):
    """The message as rospy's publisher writes it into its buffer, and its subscriber reads it out of its own."""
    buffer, queue = io.BytesIO(), []
    serialize_message(buffer, 1, message)
    deserialize_messages(buffer, queue, kind)
    return queue[0]


@pytest.mark.parametrize("encoding, dtype, channels", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (48, 64)])
def test_images_are_those_of_cv_bridge_byte_by_byte(encoding, dtype, channels, size):
    pixels = np.random.default_rng(1).integers(0, 255, (*size, *channels)).astype(dtype)
    header = Header(seq=3, frame_id="camera_color_optical_frame")
    try:
        from cv_bridge import CvBridge

        expected = CvBridge().cv2_to_imgmsg(pixels, "passthrough" if channels == (6,) else encoding, header)
    except Exception:  # its compiled half does not load with every NumPy
        expected = Image(header, *size, encoding, 0, pixels.nbytes // size[0], pixels.tobytes())
    assert packed(image_message(pixels, header)) == packed(expected)
    view = np.repeat(pixels, 2, axis=1)[:, ::2]  # not contiguous
    assert packed(image_message(view, header)) == packed(expected)


def test_clouds_are_those_of_genpy_byte_by_byte():
    points = np.zeros((3, 4), POINT)
    points["x"] = np.arange(12).reshape(3, 4)
    message = point_cloud_message(points, Header(frame_id="a"))
    plain = PointCloud2(*(getattr(message, name) for name in PointCloud2.__slots__))
    plain.data = points.tobytes()
    assert isinstance(message, ArrayCloud) and message.fields[0].name == PointField("x", 0, 7, 1).name
    assert packed(message) == packed(plain)


def test_what_is_read_has_all_fields_and_the_data():
    message = image_message(RGB, Header(seq=7, frame_id="camera"))
    found, expected = ArrayImage().deserialize(packed(message)), Image().deserialize(packed(message))
    for name in Image.__slots__:
        assert bytes(found.data) == expected.data if name == "data" else getattr(found, name) == getattr(expected, name)


@pytest.mark.parametrize("length", [0, 5, 20, 45, 60])
def test_a_message_that_is_cut_off_is_refused(length):
    message = packed(image_message(RGB[:4, :4], Header(frame_id="camera")))
    with pytest.raises(Exception) as caught:
        found = ArrayImage().deserialize(message[:length])
        color_image(found)
    assert isinstance(caught.value, (struct.error, ValueError)) or "genpy" in type(caught.value).__module__


class _Recorder:
    """An engine that notes what it is given."""

    runtime = description = "recorder"

    def logits(self, rgb, depth=None):
        self.rgb = rgb
        return np.zeros((60, 80, 3), np.float32)

    def close(self):
        pass


def test_no_byte_of_an_image_is_copied_between_the_receiver_and_the_engine():
    received = sent_and_received(image_message(RGB, Header()), ArrayImage)
    engine = _Recorder()
    spec = InputSpec(480, 640, "rgb", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    Segmenter(spec, engine).segment(color_image(received))
    assert np.shares_memory(engine.rgb, np.frombuffer(received.data, np.uint8))
    np.testing.assert_array_equal(engine.rgb, RGB)


def test_no_byte_of_depth_is_copied_before_its_size_is_that_of_the_network():
    received = sent_and_received(image_message(np.full((480, 640), 900, np.uint16), Header()), ArrayImage)
    readings = depth_image(received).readings
    assert np.shares_memory(readings, np.frombuffer(received.data, np.uint8))


@pytest.mark.parametrize("make", [lambda: image_message(RGB, Header()),
                                  lambda: point_cloud_message(np.zeros((240, 320), POINT), Header())])  # fmt: skip
def test_the_bytes_of_a_result_are_copied_once_on_their_way_out(make):
    # Into the buffer of rospy, whose contents go to the sockets; the buffer has its size from the message before.
    buffer = io.BytesIO()
    serialize_message(buffer, 1, make())
    buffer.getvalue()
    size = len(make().data)
    buffer.seek(0)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        serialize_message(buffer, 2, make())
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    copies = peak / size
    assert copies < 1.1, f"{copies:.1f} times the bytes of the message were allocated"


def test_the_message_is_a_view_of_the_pixels():
    assert np.shares_memory(np.frombuffer(image_message(RGB, Header()).data, np.uint8), RGB)
    assert len(bytes_of(RGB[:, ::2])) == RGB.nbytes // 2
