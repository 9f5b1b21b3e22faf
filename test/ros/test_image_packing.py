"""Images packed by NumPy are those of cv_bridge, byte by byte."""
import io

import numpy as np
import pytest

pytest.importorskip("rospy", reason="ROS is not on the Python path")

from std_msgs.msg import Header  # noqa: E402

from rt_seg.ros import image_packing  # noqa: E402
from rt_seg.ros.image_packing import pack_by_numpy, pack_image  # noqa: E402

KINDS = [("mono8", np.uint8, ()), ("rgb8", np.uint8, (3,)), ("16UC1", np.uint16, ()), ("16SC1", np.int16, ()),
         ("32FC1", np.float32, ())]  # fmt: skip


def packed(message):
    buffer = io.BytesIO()
    message.serialize(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("encoding, dtype, channels", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (480, 640)])
def test_both_ways_give_the_same_bytes(encoding, dtype, channels, size):
    cv_bridge = pytest.importorskip("cv_bridge", reason="cv_bridge does not load here")
    pixels = np.random.default_rng(1).integers(0, 255, (*size, *channels)).astype(dtype)
    header = Header(seq=3, frame_id="camera_color_optical_frame")
    expected = cv_bridge.CvBridge().cv2_to_imgmsg(pixels, encoding, header)
    assert packed(pack_by_numpy(pixels, encoding, header)) == packed(expected)
    view = np.repeat(pixels, 2, axis=1)[:, ::2]  # not contiguous
    assert packed(pack_by_numpy(view, encoding, header)) == packed(expected)


def test_a_cv_bridge_that_does_not_load_is_said_once_and_done_without(monkeypatch):
    lines = []
    monkeypatch.setattr(image_packing.rospy, "loginfo", lines.append)
    monkeypatch.setitem(__import__("sys").modules, "cv_bridge", None)
    monkeypatch.setattr(image_packing, "_pack", None)
    for value in (1, 2):
        message = pack_image(np.full((2, 3), value, np.uint8), "mono8", Header())
        assert bytes(message.data) == bytes([value] * 6)
    assert len(lines) == 1 and "cv_bridge does not work" in lines[0]
