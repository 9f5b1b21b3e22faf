#!/usr/bin/env python3
"""`capture topics` of a running camera: each view is kept once, with depth and camera; keys decide, too."""

import json
import os
import pty
import struct
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import cv2
import numpy as np
import rospy
import rostest
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from rt_seg.cameras.frame import Intrinsics
from rt_seg.ros.camera_topics import COLOR, COLOR_INFO, DEPTH
from rt_seg.ros.conversions import camera_info_message, image_message

CAMERA = Intrinsics(64, 48, 60.0, 61.0, 31.0, 23.0)
VIEWS = [cv2.resize(np.random.default_rng(view).integers(0, 256, (6, 8, 3), dtype=np.uint8), (64, 48))
         for view in range(5)]  # fmt: skip


class Camera:
    """Publishes at 20 Hz; each of `views` in turn for a quarter of a second."""

    def __init__(self):
        kinds = {COLOR_INFO: CameraInfo, COLOR: Image, DEPTH: Image, f"{COLOR}/compressed": CompressedImage,
                 f"{DEPTH}/compressedDepth": CompressedImage}  # fmt: skip
        self._publishers = {topic: rospy.Publisher(f"/camera/{topic}", kind, queue_size=1)
                            for topic, kind in kinds.items()}  # fmt: skip
        self.views = 3
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        number = 0
        while not rospy.is_shutdown():
            view = number // 5 % self.views
            color, depth = VIEWS[view], np.full((48, 64), 1000 + view, np.uint16)
            header = Header(stamp=rospy.Time.now(), frame_id="camera_color_optical_frame")
            png = struct.pack("<iff", 0, 0.0, 0.0) + cv2.imencode(".png", depth)[1].tobytes()
            messages = {
                COLOR_INFO: camera_info_message(CAMERA, header),
                DEPTH: image_message(depth, header),
                COLOR: image_message(color, header),
                f"{DEPTH}/compressedDepth": CompressedImage(header, "16UC1; compressedDepth png", png),
                f"{COLOR}/compressed": CompressedImage(
                    header, "rgb8; png compressed bgr8", cv2.imencode(".png", color[..., ::-1])[1].tobytes()
                ),
            }
            for topic, message in messages.items():
                self._publishers[topic].publish(message)
            number += 1
            time.sleep(0.05)


class CaptureTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rospy.init_node("capture_test")
        cls.camera = Camera()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.camera.views = 3

    def command(self, *options):
        return ["rosrun", "rt_seg", "capture", "topics", "--output", str(self.folder), *options]

    def run_to_the_end(self, *options):
        done = subprocess.run(self.command(*options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout.decode())
        return done.stdout.decode()

    def names(self):
        return sorted(path.stem for path in (self.folder / "rgb").glob("*.png"))

    def views(self):
        """Numbers of the views that are kept, looked up by colour; their depth must be that of the same view."""
        found = []
        for name in self.names():
            color = cv2.imread(str(self.folder / "rgb" / f"{name}.png"))[..., ::-1]
            view = next(number for number, known in enumerate(VIEWS) if np.array_equal(color, known))
            depth = cv2.imread(str(self.folder / "depth" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
            self.assertEqual((depth.dtype, set(np.unique(depth))), (np.uint16, {1000 + view}))
            found.append(view)
        return sorted(found)

    def test_each_view_is_kept_once_and_a_second_run_adds_what_is_new(self):
        self.run_to_the_end("--count", "3")
        self.assertEqual(self.views(), [0, 1, 2])
        name = self.names()[0]
        self.assertRegex(name, r"^topics_\d{10}_\d{9}$")
        camera = json.loads((self.folder / "camera_info" / f"{name}.json").read_text())
        self.assertEqual(camera["intrinsic_matrix"], [60.0, 0, 0, 0, 61.0, 0, 31.0, 23.0, 1])
        before = {path: path.read_bytes() for path in self.folder.rglob("*.png")}
        self.camera.views = 5
        self.assertIn("2 images written", self.run_to_the_end("--count", "2"))
        self.assertEqual(self.views(), [0, 1, 2, 3, 4])
        self.assertEqual(before, {path: path.read_bytes() for path in before})

    def test_the_compressed_topics_serve_at_a_rate(self):
        started = time.monotonic()
        self.run_to_the_end("--compressed", "--count", "3", "--change", "0", "--rate", "1")
        self.assertGreater(time.monotonic() - started, 2.0)
        self.assertEqual(len(self.views()), 3)

    def test_keys_keep_pictures_and_q_ends(self):
        ours, theirs = pty.openpty()
        capture = subprocess.Popen(self.command("--on-key"), stdin=theirs, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)  # fmt: skip
        self.addCleanup(lambda: capture.poll() is None and capture.kill())
        os.close(theirs)
        self.addCleanup(os.close, ours)
        self.assertIn(b"space or Enter saves an image", capture.stdout.readline())
        time.sleep(0.5)  # the terminal is asked for keys a moment later
        for pressed in (1, 2):
            os.write(ours, b" ")
            deadline = time.monotonic() + 30
            while len(self.names()) < pressed and time.monotonic() < deadline:
                time.sleep(0.05)
            self.assertEqual(len(self.names()), pressed)
            time.sleep(0.3)
        os.write(ours, b"q")
        output, _ = capture.communicate(timeout=30)
        self.assertEqual(capture.returncode, 0, output.decode())
        self.assertIn("2 images written", output.decode())
        self.assertEqual(len(self.views()), 2)


if __name__ == "__main__":
    rostest.rosrun("rt_seg", "capture_test", CaptureTest)
