#!/usr/bin/env python3
"""The topic contract of realsense2_camera, kept by each kind of camera; all of them run side by side.

A webcam is a network camera here: V4L2 devices need a kernel module. The RealSense is a recording of its SDK.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import cv2
import numpy as np
import rospy
import rostest
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_msgs.msg import TFMessage

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from network_camera import NetworkCamera  # noqa: E402

from rt_seg.cameras.frame import Frame, Intrinsics  # noqa: E402
from rt_seg.recordings.image_messages import (  # noqa: E402  # noqa: E402
    color_to_rgb,
    compressed_depth_to_metres,
    depth_to_metres,
)
from rt_seg.ros import camera_topics  # noqa: E402
from rt_seg.ros.conversions import intrinsics_from_message  # noqa: E402
from rt_seg.ros.recording.bag_writer import write_recording  # noqa: E402

try:
    from software_camera import record as record_with_the_sdk
except ImportError:  # no pyrealsense2 for this platform
    record_with_the_sdk = None

FRAMES = 25
CALIBRATION = """image_width: 64
image_height: 48
camera_matrix: {rows: 3, cols: 3, data: [60, 0, 31, 0, 61, 23, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0.1, 0, 0, 0, 0]}
"""
TOPICS = {
    camera_topics.COLOR: Image,
    camera_topics.COLOR_INFO: CameraInfo,
    camera_topics.DEPTH: Image,
    camera_topics.DEPTH_INFO: CameraInfo,
}


def frames(count, rate):
    intrinsics = Intrinsics(80, 60, 75.0, 76.0, 39.5, 29.5)
    for number in range(count):
        color = np.full((60, 80, 3), 5 * number, np.uint8)
        yield Frame(color, np.full((60, 80), 500 + number, np.uint16), None, intrinsics, number / rate)


def make_sources(folder, address):
    """Kind of camera → (arguments of camera.launch, has depth, (width, height), Hz or None for what comes)."""
    (folder / "webcam.yaml").write_text(CALIBRATION)
    film = cv2.VideoWriter(str(folder / "clip.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 20.0, (64, 48))
    for number in range(30):
        film.write(np.full((48, 64, 3), 8 * number, np.uint8))
    film.release()
    write_recording(frames(30, 15.0), folder / "scene.bag")
    for number, frame in enumerate(frames(30, 20.0)):
        for name, image in (("color", frame.color), ("depth", frame.depth)):
            (folder / "images" / name).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / "images" / name / f"{number:03d}.png"), image)
    calibrated = f"calibration:={folder / 'webcam.yaml'}"
    sources = {
        "webcam": (["camera:=webcam", f"device:={address}", calibrated], False, (64, 48), 20.0),
        "video": (["camera:=video", f"video:={folder / 'clip.avi'}", "loop:=true", calibrated], False, (64, 48), 20.0),
        "recording_bag": (
            ["camera:=recording", f"recording:={folder / 'scene.bag'}", "loop:=true", "consumer:="],
            True, (80, 60), 15.0,
        ),
        "recording_folder": (
            ["camera:=recording", f"recording:={folder / 'images'}", "fps:=20", "loop:=true", "consumer:="],
            True, (80, 60), 20.0,
        ),
        "simulated": (["camera:=simulated", "width:=96", "height:=72", "fps:=15"], True, (96, 72), None),
    }  # fmt: skip
    if record_with_the_sdk is not None:
        color, depth = np.full((120, 160, 3), 90, np.uint8), np.full((120, 160), 1000, np.uint16)
        record_with_the_sdk(folder / "camera.db3", color, depth, count=25)
        arguments = ["camera:=realsense_sdk", f"sdk_recording:={folder / 'camera.db3'}", "loop:=true", "width:=160",
                     "height:=120"]  # fmt: skip
        sources["realsense_sdk"] = (arguments, True, (160, 120), 30.0)
    return sources


def launch_file(sources):
    """A launch file with each source under its own name."""
    text = "<launch>"
    for name, (arguments, *_) in sources.items():
        text += '<include file="$(find rt_seg)/launch/camera.launch">'
        for argument in (*arguments, f"camera_name:={name}"):
            key, value = argument.split(":=", 1)
            text += f'<arg name="{key}" value="{value}"/>'
        text += "</include>"
    return text + "</launch>"


class ContractTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        path = Path(folder.name)
        camera = NetworkCamera()
        camera.__enter__()
        cls.addClassCleanup(camera.__exit__)
        cls.sources = make_sources(path, camera.address)
        (path / "cameras.launch").write_text(launch_file(cls.sources))
        cls.lock = threading.Lock()
        cls.received = {name: {topic: [] for topic in TOPICS} for name in cls.sources}
        cls.packed = {name: {} for name in cls.sources}
        cls.ages = {name: [] for name in cls.sources}
        cls.transforms, cls.status = {}, {}
        for name in cls.sources:
            for topic, kind in TOPICS.items():
                rospy.Subscriber(f"/{name}/{topic}", kind, cls.receive, (name, topic), queue_size=None)
        for topic in (camera_topics.COLOR_COMPRESSED, camera_topics.DEPTH_COMPRESSED):
            rospy.Subscriber(f"/simulated/{topic}", CompressedImage, cls.receive_packed, topic)
        rospy.Subscriber("/tf_static", TFMessage, cls.receive_transforms, queue_size=None)
        rospy.Subscriber("/diagnostics", DiagnosticArray, cls.receive_status, queue_size=None)
        cls.output = open(path / "output.txt", "w+b")
        cls.addClassCleanup(cls.output.close)
        cls.launch = subprocess.Popen(["roslaunch", str(path / "cameras.launch")], stdout=cls.output,
                                      stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip
        cls.addClassCleanup(lambda: cls.launch.poll() is None and os.killpg(cls.launch.pid, signal.SIGKILL))
        deadline = time.monotonic() + 90.0
        while not cls.complete() and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(0.5)  # for what belongs to the last images
        with cls.lock:
            cls.taken = {name: {topic: list(messages) for topic, messages in topics.items()}
                         for name, topics in cls.received.items()}  # fmt: skip

    @classmethod
    def complete(cls):
        return all(len(topics[camera_topics.COLOR]) >= FRAMES for topics in cls.received.values())

    @classmethod
    def receive(cls, message, place):
        name, topic = place
        with cls.lock:
            cls.received[name][topic].append(message)
            if topic == camera_topics.COLOR:
                cls.ages[name].append((rospy.Time.now() - message.header.stamp).to_sec())

    @classmethod
    def receive_packed(cls, message, topic):
        with cls.lock:
            cls.packed["simulated"].setdefault(message.header.stamp, {})[topic] = message

    @classmethod
    def receive_transforms(cls, message):
        for entry in message.transforms:
            cls.transforms[entry.child_frame_id] = entry

    @classmethod
    def receive_status(cls, message):
        for entry in message.status:
            cls.status.setdefault(entry.name.split(": ")[-1], entry)

    def check_images(self, name):
        _, has_depth, size, _ = self.sources[name]
        color, depth = (self.taken[name][topic] for topic in (camera_topics.COLOR, camera_topics.DEPTH))
        self.assertGreaterEqual(len(color), FRAMES, f"{name}: too few images")
        for message in color:
            self.assertEqual((message.encoding, message.step), ("rgb8", 3 * size[0]))
        for message in depth:
            self.assertEqual((message.encoding, message.step), ("16UC1", 2 * size[0]))
        for message in (*color, *depth):
            self.assertEqual((message.width, message.height), size)
            self.assertEqual(message.header.frame_id, f"{name}_color_optical_frame")
        self.assertEqual(bool(depth), has_depth)

    def check_stamps(self, name):
        _, has_depth, _, rate = self.sources[name]
        color, depth = ([message.header.stamp.to_nsec() for message in self.taken[name][topic]]
                        for topic in (camera_topics.COLOR, camera_topics.DEPTH))  # fmt: skip
        self.assertTrue((np.diff(color) > 0).all(), "stamps do not increase")
        if has_depth:
            common = [stamp for stamp in depth if color[0] <= stamp <= color[-1]]
            # A busy machine may lose an image on its way.
            self.assertLess(len(set(common) - set(color)), 0.1 * len(common), "depth has stamps of its own")
            self.assertGreater(len(common), 0.6 * len(color), "few images have a depth of the same stamp")
        self.assertLess(max(abs(age) for age in self.ages[name]), 2.0, "stamps are not of now")
        interval = float(np.median(np.diff(color))) / 1e9
        if rate is None:
            self.assertGreater(1.0 / interval, 2.0)
        else:
            self.assertAlmostEqual(interval * rate, 1.0, delta=0.25, msg="not at the rate of the source")
        print(f"{name}: {1 / interval:.1f} Hz, {len(common) if has_depth else 0} of {len(color)} with depth")

    def check_camera_info(self, name):
        _, has_depth, size, _ = self.sources[name]
        pairs = [(camera_topics.COLOR, camera_topics.COLOR_INFO)]
        pairs += [(camera_topics.DEPTH, camera_topics.DEPTH_INFO)] if has_depth else []
        for topic, info_topic in pairs:
            infos = {info.header.stamp: info for info in self.taken[name][info_topic]}
            # The first images may come before the subscription to the infos is there, and the last without them.
            images = self.taken[name][topic][3:-3]
            stamps = {image.header.stamp for image in images}
            self.assertLess(len(stamps - set(infos)), 0.1 * len(stamps), f"images without {info_topic}")
            for info in infos.values():
                self.assertEqual((info.width, info.height), size)
                self.assertEqual(info.header.frame_id, images[0].header.frame_id)
            camera = intrinsics_from_message(info)
            self.assertGreater(camera.fx, 0.5 * size[0])
            self.assertEqual((info.P[0], info.P[2], info.R[0], info.distortion_model),
                             (info.K[0], info.K[2], 1.0, "plumb_bob"))  # fmt: skip

    def check_frames(self, name):
        expected = {"color_optical_frame", "color_frame"}
        if self.sources[name][1]:
            expected |= {"aligned_depth_to_color_frame", "depth_frame", "depth_optical_frame"}
        found = {child for child in self.transforms if child.startswith(f"{name}_")}
        self.assertEqual(found, {f"{name}_{frame}" for frame in expected})
        for frame in expected:
            child = f"{name}_{frame}"
            while child in self.transforms:
                child = self.transforms[child].header.frame_id
            self.assertEqual(child, f"{name}_link")

    def check_status(self, name):
        status = self.status[f"camera {name}"]
        self.assertEqual(status.level, 0, status.message)

    def test_the_compressed_topics_hold_the_images_of_the_raw_ones(self):
        color = {image.header.stamp: image for image in self.taken["simulated"][camera_topics.COLOR]}
        depth = {image.header.stamp: image for image in self.taken["simulated"][camera_topics.DEPTH]}
        with self.lock:
            whole = {stamp: entry for stamp, entry in self.packed["simulated"].items()
                     if len(entry) == 2 and stamp in color and stamp in depth}  # fmt: skip
        self.assertGreater(len(whole), 5)
        stamp, entry = next(iter(whole.items()))
        rgb = color_to_rgb(entry[camera_topics.COLOR_COMPRESSED])
        self.assertLess(np.abs(rgb.astype(int) - color_to_rgb(color[stamp])).mean(), 6.0)
        metres = compressed_depth_to_metres(entry[camera_topics.DEPTH_COMPRESSED])
        np.testing.assert_array_equal(metres, depth_to_metres(depth[stamp]))

    def test_a_realsense_has_its_depth_before_it_is_aligned_too(self):
        if "realsense_sdk" not in self.sources:
            self.skipTest("pyrealsense2 is not installed on this platform")
        depth, info = (rospy.wait_for_message(f"/realsense_sdk/{topic}", kind, 20.0) for topic, kind in (
            (camera_topics.RAW_DEPTH, Image), (camera_topics.RAW_DEPTH_INFO, CameraInfo)))  # fmt: skip
        for message in (depth, info):
            self.assertEqual(message.header.frame_id, "realsense_sdk_depth_optical_frame")
            self.assertEqual((message.width, message.height), (160, 120))
        self.assertEqual(depth.encoding, "16UC1")
        self.assertEqual(set(np.frombuffer(depth.data, np.uint16)), {1000})

    def test_z_all_cameras_end_cleanly_with_the_launch(self):
        """Last by its name: nothing streams afterwards."""
        began = time.monotonic()
        os.killpg(self.launch.pid, signal.SIGINT)
        self.launch.wait(timeout=30)
        print(f"{len(self.sources)} cameras ended {time.monotonic() - began:.1f} s after the signal")
        self.output.seek(0)
        output = self.output.read().decode("utf-8", "replace")
        for word in ("Traceback", "escalat", "has died", "ERROR"):
            self.assertNotIn(word, output)
        self.assertLess(time.monotonic() - began, 10.0)


def _checks():
    kinds = ["webcam", "video", "recording_bag", "recording_folder", "simulated", "realsense_sdk"]
    checks = {
        "images_have_the_contracts_encodings_sizes_and_frame_ids": "check_images",
        "stamps_increase_are_of_now_equal_in_a_pair_and_at_the_rate": "check_stamps",
        "each_image_has_its_camera_info": "check_camera_info",
        "the_frames_hang_together_from_the_link": "check_frames",
        "the_diagnostics_say_that_it_streams": "check_status",
    }
    for kind in kinds:
        for promise, method in checks.items():
            if kind.startswith("recording") and method == "check_status":
                continue  # a recording is played by a node of its own, which ends where it is corrupted

            def test(self, kind=kind, method=method):
                if kind not in self.sources:
                    self.skipTest("pyrealsense2 is not installed on this platform")
                getattr(self, method)(kind)

            setattr(ContractTest, f"test_{kind}_{promise}", test)


_checks()

if __name__ == "__main__":
    rospy.init_node("rostest_contract")
    rostest.rosrun("rt_seg", "contract_test", "__main__", sys.argv)
