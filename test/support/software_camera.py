"""A device of the real RealSense SDK that a test feeds, in place of the hardware."""

import threading
import time

import pyrealsense2 as rs

WIDTH, HEIGHT = 160, 120
FOCAL = 150.0


def ideal_lens(width, height):
    """Intrinsics of the SDK: the focal length and centre that these tests know."""
    camera = rs.intrinsics()
    camera.width, camera.height, camera.fx, camera.fy = width, height, FOCAL, FOCAL
    camera.ppx, camera.ppy = (width - 1) / 2, (height - 1) / 2
    camera.model, camera.coeffs = rs.distortion.none, [0.0] * 5
    return camera


class SoftwareCamera:
    """A device of the SDK that is fed here: depth taken from `baseline` metres beside colour."""

    def __init__(
        self, unit=0.001, baseline=0.0, lens=None, size=(WIDTH, HEIGHT), rate=30, depth_size=None, depth_rate=None
    ):
        """`lens`: intrinsics of both, where they are not those of `ideal_lens`; `depth_size`, `depth_rate`: where they
        are not those of colour; such a camera is not fed."""
        self.size, self.rate = size, rate
        self.device = rs.software_device()
        self.unit = unit
        self.sensors = {name: self.device.add_sensor(name) for name in ("depth", "color")}
        self.sensors["depth"].add_read_only_option(rs.option.depth_units, unit)
        kinds = {"depth": (rs.stream.depth, rs.format.z16, 2), "color": (rs.stream.color, rs.format.rgb8, 3)}
        self.profiles = {}
        for uid, (name, (stream, pixel, bytes_of_pixel)) in enumerate(kinds.items(), 1):
            video = rs.video_stream()
            video.type, video.index, video.uid, video.fmt, video.bpp = stream, 0, uid, pixel, bytes_of_pixel
            width_height = depth_size if name == "depth" and depth_size else size
            (video.width, video.height) = width_height
            video.fps = depth_rate if name == "depth" and depth_rate else rate
            video.intrinsics = lens or ideal_lens(*width_height)
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
            frame.stride = self.size[0] * frame.bpp
            frame.timestamp, frame.domain = stamp * 1000.0, rs.timestamp_domain.hardware_clock
            frame.frame_number = self.number
            frame.profile = self.profiles[name].as_video_stream_profile()
            if name == "depth":
                frame.depth_units = self.unit
            self.sensors[name].on_video_frame(frame)

    def stream(self, color, depth, skip=lambda number: ()):
        """Send at the rate in a thread until stopped."""
        self.running = True

        def run():
            while self.running:
                kinds = {"color": color, "depth": depth}
                kinds.update(dict.fromkeys(skip(self.number)))
                self.send(kinds["color"], kinds["depth"], self.number / self.rate)
                time.sleep(1 / self.rate)

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def stop(self):
        self.running = False
        self.thread.join()


def record(path, color, depth, count=20, **options):
    """A recording of the SDK (.db3) with about `count` framesets."""
    software = SoftwareCamera(**options)
    recorder = rs.recorder(str(path), software.device)
    syncer = rs.syncer(100)
    sensors = recorder.query_sensors()
    for sensor in sensors:
        sensor.open(sensor.get_stream_profiles()[0])
        sensor.start(syncer)
    for number in range(count):
        software.send(color, depth, number / software.rate)
        time.sleep(1 / software.rate)
    for sensor in sensors:
        sensor.stop()
        sensor.close()
    recorder.pause()
    # The SDK writes the rest when the recorder goes, at the end of this function.


class Unpluggable:
    """The SDK's device, of which the bus can be told that it is gone: a software_device is on no bus."""

    def __init__(self, device):
        self._device, self.connected = device, True

    def __getattr__(self, name):
        return getattr(self._device, name)

    def is_connected(self):
        return self.connected
