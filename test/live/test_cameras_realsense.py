"""The RealSense camera on the real SDK, whose software_device takes the place of the hardware."""
import threading
import time

import numpy as np
import pytest

rs = pytest.importorskip("pyrealsense2", reason="pyrealsense2 is not installed on this platform")

from rt_seg.cameras.errors import CameraError  # noqa: E402
from rt_seg.cameras.realsense import RealSenseCamera, find_device, open_recording, to_millimetres  # noqa: E402

WIDTH, HEIGHT = 160, 120
FOCAL = 150.0


class SoftwareCamera:
    """A device of the SDK that is fed here: depth taken from `baseline` metres beside colour."""

    def __init__(self, unit=0.001, baseline=0.0):
        self.device = rs.software_device()
        self.unit = unit
        self.sensors = {name: self.device.add_sensor(name) for name in ("depth", "color")}
        self.sensors["depth"].add_read_only_option(rs.option.depth_units, unit)
        kinds = {"depth": (rs.stream.depth, rs.format.z16, 2), "color": (rs.stream.color, rs.format.rgb8, 3)}
        self.profiles = {}
        for uid, (name, (stream, pixel, size)) in enumerate(kinds.items(), 1):
            video = rs.video_stream()
            video.type, video.index, video.uid, video.fmt, video.bpp = stream, 0, uid, pixel, size
            video.width, video.height, video.fps = WIDTH, HEIGHT, 30
            camera = rs.intrinsics()
            camera.width, camera.height, camera.fx, camera.fy = WIDTH, HEIGHT, FOCAL, FOCAL
            camera.ppx, camera.ppy, camera.model, camera.coeffs = 79.5, 59.5, rs.distortion.none, [0.0] * 5
            video.intrinsics = camera
            self.profiles[name] = self.sensors[name].add_video_stream(video)
        between = rs.extrinsics()
        between.rotation, between.translation = [1, 0, 0, 0, 1, 0, 0, 0, 1], [baseline, 0.0, 0.0]
        self.profiles["depth"].register_extrinsics_to(self.profiles["color"], between)
        self.device.create_matcher(rs.matchers.dlr_c)
        self.number = 0
        self.running = False

    def send(self, color, depth, stamp):
        """A frameset; None leaves a frame out. `stamp` in seconds of the camera's clock."""
        self.number += 1
        for name, pixels in (("depth", depth), ("color", color)):
            if pixels is None:
                continue
            frame = rs.software_video_frame()
            frame.pixels, frame.bpp = pixels, 2 if name == "depth" else 3
            frame.stride = WIDTH * frame.bpp
            frame.timestamp, frame.domain = stamp * 1000.0, rs.timestamp_domain.hardware_clock
            frame.frame_number = self.number
            frame.profile = self.profiles[name].as_video_stream_profile()
            if name == "depth":
                frame.depth_units = self.unit
            self.sensors[name].on_video_frame(frame)

    def stream(self, color, depth, skip=lambda number: ()):
        """Send at 30 Hz in a thread until stopped."""
        self.running = True

        def run():
            while self.running:
                kinds = {"color": color, "depth": depth}
                kinds.update(dict.fromkeys(skip(self.number)))
                self.send(kinds["color"], kinds["depth"], self.number / 30)
                time.sleep(1 / 30)

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def stop(self):
        self.running = False
        self.thread.join()


def taken(software, count, color, depth, **options):
    camera = RealSenseCamera(software.device, WIDTH, HEIGHT, 30, patience=3.0)
    software.stream(color, depth, **options)
    try:
        frames = []
        for frame in camera:
            frames.append(frame)
            if len(frames) == count:
                return frames
    finally:
        software.stop()
        camera.close()


def check_depth_of_one_metre(depth):
    # Where two pixels are rounded to one place, the SDK's alignment leaves the place beside it empty.
    assert (depth > 0).mean() > 0.95
    assert set(np.unique(depth[depth > 0])) == {1000}


COLOR = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def test_frames_have_colour_depth_intrinsics_and_stamps_of_the_computers_clock():
    frames = taken(SoftwareCamera(), 8, COLOR, np.full((HEIGHT, WIDTH), 1000, np.uint16))
    for frame in frames:
        np.testing.assert_array_equal(frame.color, COLOR)
        assert frame.intrinsics.fx == FOCAL and frame.intrinsics.cx == 79.5
    with_depth = [frame for frame in frames if frame.depth is not None]
    assert len(with_depth) >= 5
    check_depth_of_one_metre(with_depth[-1].depth)
    stamps = np.array([frame.stamp for frame in frames])
    assert abs(stamps[-1] - time.time()) < 10.0
    steps = np.diff(stamps) * 30
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-2)


def test_depth_is_moved_to_where_colour_sees_it():
    depth = np.zeros((HEIGHT, WIDTH), np.uint16)
    depth[50:70, 60:90] = 1000
    baseline = 0.1
    frames = taken(SoftwareCamera(baseline=baseline), 6, COLOR, depth)
    rows, columns = np.nonzero([frame.depth for frame in frames if frame.depth is not None][-1])
    # A point at 1 m moves by focal length times baseline: 15 pixels.
    assert abs(columns.min() - 75) <= 1 and abs(columns.max() - 104) <= 1
    assert rows.min() == 50 and rows.max() == 69


def test_depth_in_quarters_of_a_millimetre_becomes_millimetres():
    frames = taken(SoftwareCamera(unit=0.00025), 6, COLOR, np.full((HEIGHT, WIDTH), 4000, np.uint16))
    check_depth_of_one_metre([frame.depth for frame in frames if frame.depth is not None][-1])
    np.testing.assert_array_equal(to_millimetres(np.array([[0, 4, 65535]], np.uint16), 0.00025), [[0, 1, 16384]])
    np.testing.assert_array_equal(to_millimetres(np.array([[10, 60000]], np.uint16), 0.01), [[100, 0]])


def test_a_frameset_without_depth_gives_colour_alone_and_one_without_colour_nothing():
    frames = taken(SoftwareCamera(), 10, COLOR, np.full((HEIGHT, WIDTH), 500, np.uint16),
                   skip=lambda number: {1: ("depth",), 2: ("color",)}.get(number % 3, ()))  # fmt: skip
    assert any(frame.depth is None for frame in frames[2:])
    assert all(frame.color.shape == (HEIGHT, WIDTH, 3) for frame in frames)


def test_a_camera_that_falls_silent_is_an_error_and_can_be_opened_again():
    software = SoftwareCamera()
    camera = RealSenseCamera(software.device, WIDTH, HEIGHT, 30, patience=0.7)
    software.stream(COLOR, None)
    frames = iter(camera)
    next(frames)
    software.stop()
    with pytest.raises(CameraError, match="unplugged or its stream stalled"):
        for _ in range(10):
            next(frames)
    camera.close()
    assert taken(software, 3, COLOR, None)


def test_a_recording_of_the_sdk_plays_as_a_camera(tmp_path):
    path = str(tmp_path / "camera.db3")
    software = SoftwareCamera()
    recorder = rs.recorder(path, software.device)
    camera = RealSenseCamera(recorder, WIDTH, HEIGHT, 30, patience=3.0)
    software.stream(COLOR, np.full((HEIGHT, WIDTH), 1000, np.uint16))
    frames = iter(camera)
    for _ in range(20):
        next(frames)
    software.stop()
    camera.close()
    recorder.pause()
    del frames, camera, recorder  # the SDK writes the rest when the recorder goes
    played = RealSenseCamera(open_recording(path), WIDTH, HEIGHT, 30, patience=3.0)
    frames = iter(played)
    taken_frames = [next(frames) for _ in range(10)]
    played.close()
    for frame in taken_frames:
        np.testing.assert_array_equal(frame.color, COLOR)
    check_depth_of_one_metre([frame.depth for frame in taken_frames if frame.depth is not None][-1])


def test_a_file_that_is_no_recording_is_named(tmp_path):
    path = tmp_path / "camera.bag"
    path.write_text("nothing")
    with pytest.raises(CameraError, match="camera.bag: is no recording"):
        open_recording(str(path))


def test_a_size_that_the_camera_lacks_is_refused_with_those_it_has():
    with pytest.raises(CameraError, match=r"1280x720 at 30 Hz; accepted are 160x120 30 Hz"):
        RealSenseCamera(SoftwareCamera().device, 1280, 720, 30)


def test_without_a_camera_the_lack_is_named_with_what_to_look_at():
    with pytest.raises(CameraError, match="no RealSense 123 is connected; found: .*USB 3"):
        find_device("123")
