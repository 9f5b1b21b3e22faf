"""What the node makes of a frameset: depth and camera info that do not fit the image are refused and counted."""

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo

from rt_seg.recordings.image_messages import ConversionError
from rt_seg.ros.conversions import image_message
from rt_seg.ros.node.complaints import CAMERA_INFO, DEPTH_IMAGE, Complaints
from rt_seg.ros.node.frame_reading import FrameReader
from rt_seg.ros.synchronizer import Pair

pytestmark = pytest.mark.ros


def color(height=48, width=64):
    return image_message(np.zeros((height, width, 3), np.uint8), None)


def depth(height=48, width=64, kind=np.uint16):
    return image_message(np.ones((height, width), kind), None)


def info(width=64, height=48, focal_length=50.0):
    return CameraInfo(width=width, height=height, K=[focal_length, 0, 32, 0, focal_length, 24, 0, 0, 1],
                      P=[focal_length, 0, 32, 0, 0, focal_length, 24, 0, 0, 0, 1, 0])  # fmt: skip


@pytest.fixture
def reader():
    reader = FrameReader("/depth", "/info", Complaints())
    reader.camera_info = info()
    return reader


def counts(reader):
    return reader.depth_refused, reader.info_refused, reader.without_depth


@pytest.mark.parametrize(("kind", "millimetres"), [(np.uint16, True), (np.float32, False)])
def test_what_belongs_together_is_read(reader, kind, millimetres):
    inputs = reader.read(Pair(0, color(), depth(kind=kind)), uses_depth=True, takes_depth=True)
    assert inputs.image.size == (48, 64) and inputs.depth_image.readings.shape == (48, 64)
    assert inputs.intrinsics.fx == 50.0 and inputs.depth_in_millimetres == millimetres
    assert counts(reader) == (0, 0, 0)


def test_rectified_images_have_the_projection_matrix_of_the_camera_info():
    reader = FrameReader("/depth", "/info", Complaints(), rectified=True)
    reader.camera_info = info()
    reader.camera_info.P[0], reader.camera_info.D = 45.0, [-0.3, 0.1, 0.0, 0.0, 0.0]
    intrinsics = reader.read(Pair(0, color(), depth()), uses_depth=True, takes_depth=True).intrinsics
    assert intrinsics.fx == 45.0 and not any(intrinsics.distortion)


def test_depth_of_another_size_is_refused_with_a_complaint_and_the_frame_is_read_without(reader):
    inputs = reader.read(Pair(0, color(), depth(24, 32)), uses_depth=False, takes_depth=True)
    assert inputs.depth_image is None and counts(reader) == (1, 0, 1)
    assert "continuing with RGB only" in reader._complaints.texts[DEPTH_IMAGE]


def test_a_frame_without_depth_is_counted_for_a_model_that_takes_it_alone(reader):
    reader.read(Pair(0, color(), None), uses_depth=True, takes_depth=False)
    assert counts(reader) == (0, 0, 0)
    reader.read(Pair(0, color(), None), uses_depth=True, takes_depth=True)
    assert counts(reader) == (0, 0, 1)


@pytest.mark.parametrize("wrong", [info(width=32), info(focal_length=0.0)])
def test_camera_info_that_does_not_fit_or_is_no_calibration_gives_no_intrinsics(reader, wrong):
    reader.camera_info = wrong
    inputs = reader.read(Pair(0, color(), depth()), uses_depth=True, takes_depth=False)
    assert inputs.intrinsics is None and counts(reader) == (0, 1, 0)
    assert reader._complaints.texts[CAMERA_INFO].startswith("/info: ")


def test_a_colour_image_that_cannot_be_read_is_an_error(reader):
    broken = color()
    broken.encoding = "rgb17"
    with pytest.raises(ConversionError):
        reader.read(Pair(0, broken, None), uses_depth=False, takes_depth=False)
