"""Videos as cameras, and calibrations of webcams."""

import time

import cv2
import numpy as np
import pytest
from network_camera import NetworkCamera  # noqa: E402

from rt_seg.cameras.errors import CameraError  # noqa: E402
from rt_seg.cameras.frame import Intrinsics  # noqa: E402
from rt_seg.cameras.video import Video, Webcam, load_calibration, webcams  # noqa: E402

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
    path = tmp_path / "clip.avi"
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
    frames = iter(Video(film, loop=True, speed=25.0))
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
        (("plumb_bob", "equidistant"), "5 of the model 'equidistant'; accepted are 9 numbers in camera_matrix, and 5 "
                                       "coefficients for plumb_bob, 8 for rational_polynomial"),
        (("plumb_bob", "thin_prism"), "thin_prism"),
        (("64", "wide"), "wide"),
    ],
)  # fmt: skip
def test_what_is_no_calibration_is_named(tmp_path, change, message):
    path = tmp_path / "webcam.yaml"
    path.write_text(CALIBRATION.replace(*change))
    with pytest.raises(CameraError, match=message) as caught:
        load_calibration(path)
    assert str(path) in str(caught.value)


def test_what_does_not_open_is_named(tmp_path):
    (tmp_path / "clip.avi").write_text("no clip")
    with pytest.raises(CameraError, match="clip.avi"):
        Video(tmp_path / "clip.avi")
    with pytest.raises(CameraError, match="webcam 99.*dev/video"):
        Webcam("99")
    with pytest.raises(CameraError, match="webcam /dev/none.*dev/video"):
        Webcam("/dev/none")
    with pytest.raises(CameraError, match="http://localhost:1/stream cannot be opened: .*address"):
        Webcam("http://localhost:1/stream")


def test_an_unreadable_film_is_named_instead_of_looping_for_ever(tmp_path, film):
    film.write_bytes(film.read_bytes()[:1500])  # the header and no whole image
    with pytest.raises(CameraError, match="clip.avi"):
        list(Video(film, loop=True))


@pytest.mark.parametrize(
    "model, count, name", [("rational_polynomial", 8, "rational_polynomial"), ("fisheye", 4, "equidistant")]
)
def test_calibrations_of_wide_lenses_and_fisheyes_keep_their_model(tmp_path, model, count, name):
    path = tmp_path / "webcam.yaml"
    numbers = ", ".join(["0.01"] * count)
    path.write_text(CALIBRATION.replace("plumb_bob", model).replace("0.1, -0.2, 0, 0.001, 0", numbers))
    camera = load_calibration(path)
    assert (camera.distortion_model, len(camera.distortion)) == (name, count)


@pytest.fixture
def network_camera():
    with NetworkCamera() as camera:
        yield camera


def test_a_network_camera_streams_and_its_loss_is_named(network_camera):
    camera = Webcam(network_camera.address, CAMERA)
    frames = iter(camera)
    taken = [next(frames) for _ in range(12)]
    assert all(frame.color.shape == (48, 64, 3) and frame.color[..., 2].max() < 30 for frame in taken)
    assert len({int(frame.color[0, 0, 0]) for frame in taken}) > 5
    assert abs(taken[-1].stamp - time.time()) < 1.0 and camera.calibrated
    network_camera.plugged = False
    with pytest.raises(CameraError, match="stopped sending images; was it unplugged"):
        for _ in range(100):
            next(frames)
    camera.close()


def test_a_network_camera_that_stalls_is_lost_too(network_camera, monkeypatch):
    monkeypatch.setattr("rt_seg.cameras.video.NETWORK_PATIENCE", 700)
    camera = Webcam(network_camera.address)
    frames = iter(camera)
    next(frames)
    network_camera.stalled = True
    began = time.monotonic()
    with pytest.raises(CameraError, match="stopped sending images"):
        for _ in range(100):
            next(frames)
    assert time.monotonic() - began < 4.0
    camera.close()


def test_webcams_are_listed_by_their_names(tmp_path):
    for number, (name, index) in enumerate([("HD Webcam", 0), ("HD Webcam", 1), ("Microscope", 0)]):
        folder = tmp_path / "sys/class/video4linux" / f"video{number}"
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
        (folder / "index").write_text(f"{index}\n")
    assert webcams(tmp_path) == ["/dev/video0 (HD Webcam)", "/dev/video2 (Microscope)"]
