"""The RealSense camera on the real SDK, whose software_device takes the place of the hardware."""

import itertools
import json
import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

rs = pytest.importorskip("pyrealsense2", reason="pyrealsense2 is not installed on this platform")

from software_camera import FOCAL, HEIGHT, WIDTH, SoftwareCamera, Unpluggable, ideal_lens, record  # noqa: E402

from rt_seg.cameras.clock_map import LARGEST_DRIFT  # noqa: E402
from rt_seg.cameras.errors import CameraError, CameraFault  # noqa: E402
from rt_seg.cameras.image_folder import open_recording_folder  # noqa: E402
from rt_seg.cameras.realsense import RealSenseCamera, RealSenseSettings  # noqa: E402
from rt_seg.cameras.realsense_depth import read_filters, to_millimetres  # noqa: E402
from rt_seg.cameras.realsense_device import describe, find_device, open_recording, reset  # noqa: E402
from rt_seg.cameras.realsense_geometry import color_placement, intrinsics_of  # noqa: E402
from rt_seg.ros.recording.capture import main as capture  # noqa: E402
from rt_seg.simulation import simulate_recording  # noqa: E402

DATA = Path(os.environ.get("RT_SEG_DATA", Path(__file__).resolve().parents[3] / ".." / "shared" / "data"))
SMALL = RealSenseSettings(WIDTH, HEIGHT, 30)


def taken(software, count, color, depth, settings=SMALL, **options):
    camera = RealSenseCamera(software.device, settings, patience=3.0)
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


def last_with_depth(frames):
    """A busy machine may tear a frameset apart, the last one too."""
    return [frame for frame in frames if frame.depth is not None][-1]


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
    steps = steps[steps < 30 * LARGEST_DRIFT]  # after a longer gap (a busy machine) the two clocks are compared again
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-2)


def recorded_frames():
    if not (DATA / "realsense_d435").is_dir():
        pytest.skip("the real recording is not here")
    return list(itertools.islice(open_recording_folder(DATA / "realsense_d435", 30.0), 3))


def simulated_frames():
    return list(simulate_recording(3, 3, 30.0, None, 160, 120))


@pytest.mark.parametrize("source", [recorded_frames, simulated_frames])
def test_real_and_simulated_frames_come_through_the_sdk_as_they_were(source):
    sent = source()
    camera = sent[0].intrinsics
    lens = rs.intrinsics()
    lens.width, lens.height, lens.fx, lens.fy = camera.width, camera.height, camera.fx, camera.fy
    lens.ppx, lens.ppy, lens.model, lens.coeffs = camera.cx, camera.cy, rs.distortion.none, [0.0] * 5
    size = (camera.width, camera.height)
    software = SoftwareCamera(lens=lens, size=size)
    opened = RealSenseCamera(software.device, RealSenseSettings(*size, 30), patience=10.0)
    frames = iter(opened)
    got = []
    for number in range(12):
        software.send(sent[number % 3].color, sent[number % 3].depth, number / 30)
        got += [next(frames)] if number > 1 else []
    opened.close()
    assert got[-1].intrinsics.fx == pytest.approx(camera.fx)
    for frame in got:
        matches = [kept for kept in sent if np.array_equal(kept.color, frame.color)]
        assert matches, "colour was changed on its way"
        if frame.depth is not None:
            both = (frame.depth > 0) & (matches[0].depth > 0)
            # The SDK's alignment rounds pixels; what it keeps is the depth that was sent there or beside.
            assert both.mean() > 0.5 * (matches[0].depth > 0).mean()
            assert (frame.depth[both] == matches[0].depth[both]).mean() > 0.6
    assert any(frame.depth is not None for frame in got)


def test_depth_is_moved_to_where_colour_sees_it():
    depth = np.zeros((HEIGHT, WIDTH), np.uint16)
    depth[50:70, 60:90] = 1000
    baseline = 0.1
    frames = taken(SoftwareCamera(baseline=baseline), 6, COLOR, depth)
    rows, columns = np.nonzero(last_with_depth(frames).depth)
    # A point at 1 m moves by focal length times baseline: 15 pixels.
    assert abs(columns.min() - 75) <= 1 and abs(columns.max() - 104) <= 1
    assert rows.min() == 50 and rows.max() == 69
    raw = last_with_depth(frames).raw_depth
    np.testing.assert_array_equal(raw.image, depth)
    assert raw.intrinsics.fx == FOCAL


def test_depth_in_quarters_of_a_millimetre_becomes_millimetres():
    frames = taken(SoftwareCamera(unit=0.00025), 6, COLOR, np.full((HEIGHT, WIDTH), 4000, np.uint16))
    check_depth_of_one_metre(last_with_depth(frames).depth)
    np.testing.assert_array_equal(to_millimetres(np.array([[0, 4, 65535]], np.uint16), 0.00025), [[0, 1, 16384]])
    np.testing.assert_array_equal(to_millimetres(np.array([[10, 60000]], np.uint16), 0.01), [[100, 0]])


def test_a_frameset_without_depth_gives_colour_alone_and_one_without_colour_nothing():
    frames = taken(SoftwareCamera(), 10, COLOR, np.full((HEIGHT, WIDTH), 500, np.uint16),
                   skip=lambda number: {1: ("depth",), 2: ("color",)}.get(number % 3, ()))  # fmt: skip
    assert any(frame.depth is None for frame in frames[2:])
    assert all(frame.color.shape == (HEIGHT, WIDTH, 3) for frame in frames)


def test_depth_of_the_neighbouring_frame_is_not_taken_for_that_of_a_lost_one():
    software = SoftwareCamera()
    number = iter(range(1, 10**6))
    plain_send = software.send

    def send(color, depth, stamp):
        """Each frameset shows its number in both images; colour or depth of some are lost."""
        shown = next(number) % 200
        lost = {1: "color", 2: "depth"}.get(shown % 4)
        plain_send(None if lost == "color" else np.full_like(color, shown),
                   None if lost == "depth" else np.full_like(depth, 1000 + shown), stamp)  # fmt: skip

    software.send = send
    frames = taken(software, 30, COLOR, np.zeros((HEIGHT, WIDTH), np.uint16))
    with_depth = [frame for frame in frames if frame.depth is not None]
    assert len(with_depth) > 5
    for frame in with_depth:
        assert frame.depth.max() == 1000 + frame.color[0, 0, 0]


def test_a_stream_that_stalls_is_a_fault_and_the_camera_can_be_opened_again():
    software = SoftwareCamera()
    camera = RealSenseCamera(software.device, SMALL, patience=0.7)
    software.stream(COLOR, None)
    frames = iter(camera)
    next(frames)
    software.stop()
    with pytest.raises(CameraFault, match="no colour image for 1 s: its stream stalled"):
        for _ in range(10):
            next(frames)
    camera.close()
    assert taken(software, 3, COLOR, None)


def test_a_stream_that_never_starts_is_a_fault():
    with pytest.raises(CameraFault, match="its stream did not start"):
        next(iter(RealSenseCamera(SoftwareCamera().device, SMALL, patience=0.3)))


def test_a_camera_that_is_unplugged_is_named_soon():
    software = SoftwareCamera()
    device = Unpluggable(software.device)
    camera = RealSenseCamera(device, SMALL, patience=30.0)
    software.stream(COLOR, None)
    frames = iter(camera)
    next(frames)
    software.stop()
    device.connected = False
    began = time.monotonic()
    with pytest.raises(CameraError, match="was unplugged"):
        for _ in range(10):
            next(frames)
    assert time.monotonic() - began < 3.0
    camera.close()


def test_a_camera_that_cannot_be_reset_is_named_with_what_to_do():
    software = SoftwareCamera()
    software.device.register_info(rs.camera_info.name, "Simulated D435")
    with pytest.raises(CameraError, match="Simulated D435: cannot be reset: .*Reconnect it"):
        reset(software.device)


class Resettable(Unpluggable):
    """The SDK's device with the reset that a software_device lacks: it is off the bus for a moment."""

    gone = 0

    def hardware_reset(self):
        self.gone = 2

    def on_the_bus(self):
        self.gone -= 1
        return [] if self.gone >= 0 else [self]


def test_a_reset_waits_until_the_camera_is_back_on_the_bus(monkeypatch):
    device = Resettable(SoftwareCamera().device)
    monkeypatch.setattr("rt_seg.cameras.realsense_device.RETURN", 3.0)
    monkeypatch.setattr("rt_seg.cameras.realsense_device.connected_devices", device.on_the_bus)
    assert reset(device) is device
    assert device.gone < 0
    device.hardware_reset = lambda: setattr(device, "gone", 1000)
    monkeypatch.setattr("rt_seg.cameras.realsense_device.RETURN", 0.5)
    with pytest.raises(CameraError, match="did not reconnect within 0 s after its reset. Reconnect it"):
        reset(device)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("sdk") / "camera.db3"
    record(path, COLOR, np.full((HEIGHT, WIDTH), 1000, np.uint16), count=15)
    return str(path)


def test_a_recording_of_the_sdk_plays_as_a_camera_and_ends(recording):
    camera = RealSenseCamera(open_recording(recording), SMALL, patience=3.0)
    frames = list(camera)
    camera.close()
    assert 10 <= len(frames) <= 15
    for frame in frames:
        np.testing.assert_array_equal(frame.color, COLOR)
    check_depth_of_one_metre(last_with_depth(frames).depth)
    assert abs(frames[0].stamp - time.time()) < 5.0


def test_a_recording_that_loops_goes_on_in_time(recording):
    camera = RealSenseCamera(open_recording(recording), RealSenseSettings(WIDTH, HEIGHT, 30, loop=True), patience=3.0)
    stamps = [frame.stamp for frame, _ in zip(camera, range(35))]
    camera.close()
    assert (np.diff(stamps) > 0).all()
    assert abs(stamps[-1] - time.time()) < 1.0


def test_capture_takes_pictures_out_of_a_recording_of_the_sdk(recording, tmp_path):
    options = [str(recording), "--output", str(tmp_path / "out"), "--width", str(WIDTH), "--height", str(HEIGHT)]
    assert capture(options) == 0 and capture(options) == 0
    (picture,) = (tmp_path / "out" / "rgb").iterdir()
    np.testing.assert_array_equal(cv2.imread(str(picture))[..., ::-1], COLOR)
    assert json.loads((tmp_path / "out" / "camera_info" / f"{picture.stem}.json").read_text())["width"] == WIDTH


def test_a_file_that_is_no_recording_is_named(tmp_path):
    path = tmp_path / "camera.bag"
    path.write_text("nothing")
    with pytest.raises(CameraError, match="camera.bag: is not a recording"):
        open_recording(str(path))


def test_a_size_that_the_camera_lacks_is_refused_with_those_it_has():
    with pytest.raises(CameraError, match=r"1280x720 at 30 Hz; accepted are 160x120 30 Hz"):
        RealSenseCamera(SoftwareCamera().device, RealSenseSettings(1280, 720, 30))


def test_where_only_colour_has_a_size_depth_of_another_one_is_aligned_to_it():
    software = SoftwareCamera(size=(1920, 1080), depth_size=(1280, 720))
    camera = RealSenseCamera(software.device, RealSenseSettings(1920, 1080, 30))
    (depth,) = software.sensors["depth"].get_active_streams()
    assert (depth.as_video_stream_profile().width(), depth.as_video_stream_profile().height()) == (1280, 720)
    assert "depth of 1280x720, aligned to colour" in camera.description
    camera.close()


def test_depth_of_another_rate_alone_is_refused():
    software = SoftwareCamera(depth_rate=15)
    with pytest.raises(CameraError, match=r"no depth stream of \d+x\d+ at 30 Hz; accepted are \d+x\d+ 15 Hz"):
        RealSenseCamera(software.device, RealSenseSettings(*software.size, 30))


def test_on_usb_2_a_size_that_is_lacking_is_explained():
    software = SoftwareCamera()
    software.device.register_info(rs.camera_info.usb_type_descriptor, "2.1")
    with pytest.raises(CameraError, match="USB 2, without the larger"):
        RealSenseCamera(software.device, RealSenseSettings(1280, 720, 30))


def test_without_a_camera_the_lack_is_named_with_what_to_look_at():
    with pytest.raises(CameraError, match="no RealSense 123 is connected; found: .*USB 3"):
        find_device("123")


def test_of_several_cameras_the_serial_number_chooses_and_those_found_are_named():
    cameras = [SoftwareCamera().device for _ in range(2)]
    for number, device in enumerate(cameras):
        device.register_info(rs.camera_info.serial_number, f"12{number}")
        device.register_info(rs.camera_info.firmware_version, "5.16.0.1")
    assert describe(find_device("121", cameras)).serial == "121"
    assert describe(find_device("", cameras)).serial == "120"
    with pytest.raises(CameraError, match="no RealSense 9 is connected; found: .*120, firmware 5.16.0.1; .*121"):
        find_device("9", cameras)


def test_filters_of_the_sdk_work_on_depth_before_it_is_aligned():
    noisy = np.full((HEIGHT, WIDTH), 1000, np.uint16)
    noisy[::3, ::3] = 0  # holes
    plain = last_with_depth(taken(SoftwareCamera(), 8, COLOR, noisy)).depth
    settings = RealSenseSettings(WIDTH, HEIGHT, 30, filters="temporal,spatial,hole_filling", clip_distance=2.0)
    filtered = last_with_depth(taken(SoftwareCamera(), 8, COLOR, noisy, settings)).depth
    assert (filtered == 0).mean() < (plain == 0).mean() / 2
    assert abs(np.median(filtered[filtered > 0]) - 1000) <= 5
    near = RealSenseSettings(WIDTH, HEIGHT, 30, filters="decimation", clip_distance=0.5)
    frame = last_with_depth(taken(SoftwareCamera(), 8, COLOR, noisy, near))
    assert frame.depth.shape == (HEIGHT, WIDTH) and not frame.depth.any()
    raw = frame.raw_depth
    assert raw.image.shape == (raw.intrinsics.height, raw.intrinsics.width) == (HEIGHT // 2, WIDTH // 2)
    assert raw.intrinsics.fx == FOCAL / 2


def test_an_unknown_filter_is_named_with_the_known_ones():
    assert read_filters("hole_filling, spatial") == ["spatial", "hole_filling"]
    with pytest.raises(CameraError, match="'colorizer' is not known; accepted are decimation, spatial"):
        RealSenseCamera(SoftwareCamera().device, RealSenseSettings(WIDTH, HEIGHT, 30, filters="colorizer"))


@pytest.mark.parametrize(
    "options, message",
    [
        ("color.exposure=9000", "color.exposure is 9000; accepted is 1 to 200, and its default is 100"),
        ("color.laser_power=1", "color has no laser_power; accepted are .*exposure"),
        ("colour.exposure=1", "'colour.exposure=1' is not valid"),
        ("color.exposure=much", "is not valid"),
    ],
)
def test_an_option_that_the_sensor_lacks_or_refuses_is_named(options, message):
    software = exposed()
    with pytest.raises(CameraError, match=message):
        RealSenseCamera(software.device, RealSenseSettings(WIDTH, HEIGHT, 30, options=options))


def exposed():
    software = SoftwareCamera()
    extent = rs.option_range()
    extent.min, extent.max, extent.default, extent.step = 1.0, 200.0, 100.0, 1.0
    software.sensors["color"].add_option(rs.option.exposure, extent, True)
    return software


def test_options_of_the_sensors_are_set():
    software = exposed()
    camera = RealSenseCamera(software.device, RealSenseSettings(WIDTH, HEIGHT, 30, options="color.exposure=42"))
    assert software.sensors["color"].get_option(rs.option.exposure) == 42.0
    camera.close()


@pytest.mark.parametrize(
    "model, coefficients, expected",
    [
        ("none", [0.0] * 5, (0.0,) * 5),
        ("brown_conrady", [0.1, -0.2, 0.001, 0.002, 0.05], (0.1, -0.2, 0.001, 0.002, 0.05)),
        ("kannala_brandt4", [0.1, 0.02, 0.003, 0.0, 0.0], (0.1, 0.02, 0.003, 0.0)),
        ("inverse_brown_conrady", [0.0] * 5, (0.0,) * 5),
    ],
)
def test_lens_models_get_their_ros_names(model, coefficients, expected):
    lens = ideal_lens(WIDTH, HEIGHT)
    lens.model, lens.coeffs = getattr(rs.distortion, model), coefficients
    found = intrinsics_of(lens, rs)
    assert found.distortion == pytest.approx(expected)
    assert found.distortion_model == ("equidistant" if model == "kannala_brandt4" else "plumb_bob")


@pytest.mark.parametrize("model", ["inverse_brown_conrady", "modified_brown_conrady"])
def test_lens_models_that_ros_lacks_become_the_nearest_that_it_has(model):
    lens = ideal_lens(640, 480)
    lens.fx = lens.fy = 600.0
    lens.model, lens.coeffs = getattr(rs.distortion, model), [0.1, -0.2, 0.001, -0.0005, 0.05]
    camera = intrinsics_of(lens, rs)
    for point in ([0.3, 0.2, 1.0], [-0.4, 0.3, 1.0], [0.0, -0.35, 1.0]):
        pixel, _ = cv2.projectPoints(np.array([point]), np.zeros(3), np.zeros(3), camera.matrix,
                                     np.array(camera.distortion))  # fmt: skip
        if model == "inverse_brown_conrady":
            back = rs.rs2_deproject_pixel_to_point(lens, pixel.ravel().tolist(), 1.0)
            assert np.abs(np.subtract(back, point)).max() * lens.fx < 0.1
        else:
            assert np.abs(pixel.ravel() - rs.rs2_project_point_to_pixel(lens, point)).max() < 0.1


def test_colour_is_placed_in_the_link_where_the_sdk_has_it():
    # Colour 15 mm to the left of depth, which the SDK says as where depth is seen from colour; turned about the view.
    turned = np.radians(10)
    between = rs.extrinsics()
    rotation = cv2.Rodrigues(np.array([0.0, 0.0, turned]))[0]
    between.rotation = rotation.T.ravel().tolist()  # column by column
    between.translation = (rotation @ [0.015, 0.0, 0.0]).tolist()
    placement = color_placement(between)
    assert placement.translation == pytest.approx((0.0, 0.015, 0.0), abs=1e-7)
    # About the optical z, which is the link's x, the other way round.
    assert placement.rotation == pytest.approx((-np.sin(turned / 2), 0.0, 0.0, np.cos(turned / 2)))
    camera = RealSenseCamera(SoftwareCamera(baseline=0.015).device, SMALL)
    assert camera.color_placement.translation == pytest.approx((0.0, 0.015, 0.0), abs=1e-7)
    camera.close()
