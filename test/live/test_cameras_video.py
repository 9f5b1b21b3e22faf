"""Videos as cameras, and calibrations of webcams."""
import time

import cv2
import numpy as np
import pytest

from rt_seg.cameras.errors import CameraError
from rt_seg.cameras.frame import Intrinsics
from rt_seg.cameras.video import Video, load_calibration

CAMERA = Intrinsics(64, 48, 60.0, 61.0, 31.0, 23.0, (0.1, -0.2, 0.0, 0.001, 0.0))
CALIBRATION = """image_width: 64
image_height: 48
camera_name: webcam
camera_matrix: {rows: 3, cols: 3, data: [60, 0, 31, 0, 61, 23, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0.1, -0.2, 0, 0.001, 0]}
"""


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 20.0, (64, 48))
    for number in range(10):
        image = np.zeros((48, 64, 3), np.uint8)
        image[..., 2] = 20 * number  # red
        writer.write(image)
    writer.release()
    return path


def test_a_video_gives_its_frames_in_order_as_rgb_and_at_its_pace(film):
    began = time.monotonic()
    frames = list(Video(film))
    assert 0.4 < time.monotonic() - began < 2.0
    assert len(frames) == 10
    for number, frame in enumerate(frames):
        assert abs(int(frame.color[24, 32, 0]) - 20 * number) < 8 and frame.color[24, 32, 2] < 8
        assert frame.depth is None
    assert (np.diff([frame.stamp for frame in frames]) > 0).all()


def test_a_video_loops_where_asked_to(film):
    frames = iter(Video(film, loop=True, rate=500.0))
    reds = [int(next(frames).color[24, 32, 0]) for _ in range(21)]
    assert abs(reds[20] - reds[0]) < 3 and reds[19] > 150


def test_a_calibration_belongs_to_the_frames_and_must_fit_their_size(film, tmp_path):
    path = tmp_path / "webcam.yaml"
    path.write_text(CALIBRATION)
    assert load_calibration(path) == CAMERA
    video = Video(film, load_calibration(path))
    assert video.calibrated and next(iter(video)).intrinsics == CAMERA
    assert not Video(film).calibrated
    with pytest.raises(CameraError, match="64x48.*calibrate at this size|for 32x24"):
        next(iter(Video(film, Intrinsics(32, 24, 30, 30, 16, 12))))


@pytest.mark.parametrize(
    "change, message",
    [
        (("camera_matrix", "matrix"), "camera_matrix"),
        (("plumb_bob", "equidistant"), "equidistant"),
        (("64", "wide"), "wide"),
    ],
)
def test_what_is_no_calibration_is_named(tmp_path, change, message):
    path = tmp_path / "webcam.yaml"
    path.write_text(CALIBRATION.replace(*change))
    with pytest.raises(CameraError, match=message) as caught:
        load_calibration(path)
    assert str(path) in str(caught.value)


def test_what_does_not_open_is_named(tmp_path):
    (tmp_path / "film.avi").write_text("no film")
    with pytest.raises(CameraError, match="film.avi"):
        Video(tmp_path / "film.avi")
    with pytest.raises(CameraError, match="webcam 99.*dev/video"):
        Video(99)
