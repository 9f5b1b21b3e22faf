#!/usr/bin/env python3
"""A video as the camera: the topics, frames and stamps of realsense2_camera, and masks from them."""
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import cv2
import numpy as np
import rosbag
import rospy
import rostest
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from color_bundle import write_color_bundle  # noqa: E402
from rostest_faults import wait_for  # noqa: E402

CALIBRATION = """image_width: 64
image_height: 48
camera_matrix: {rows: 3, cols: 3, data: [60, 0, 31, 0, 61, 23, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0.1, 0, 0, 0, 0]}
"""


class CameraTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def launch(self, *arguments):
        command = ["roslaunch", "rt_seg", "live.launch", "viewer:=none", *arguments]
        launch = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.addCleanup(lambda: launch.poll() is None and os.killpg(launch.pid, signal.SIGKILL))
        return launch

    def test_a_looping_video_is_a_camera_as_any_other(self):
        film = self.folder / "film.avi"
        writer = cv2.VideoWriter(str(film), cv2.VideoWriter_fourcc(*"MJPG"), 20.0, (64, 48))
        for _ in range(15):
            writer.write(np.full((48, 64, 3), (200, 0, 0), np.uint8))  # blue
        writer.release()
        (self.folder / "webcam.yaml").write_text(CALIBRATION)
        bundle = write_color_bundle(self.folder / "color")
        received = {"color": [], "info": [], "mask": [], "tf": []}
        topics = {"color": ("/front/color/image_raw", Image), "info": ("/front/color/camera_info", CameraInfo),
                  "mask": ("/segmentation/mask", Image), "tf": ("/tf_static", TFMessage)}  # fmt: skip
        for name, (topic, kind) in topics.items():
            subscriber = rospy.Subscriber(topic, kind, received[name].append, queue_size=None)
            self.addCleanup(subscriber.unregister)
        launch = self.launch("camera:=video", "camera_name:=front", f"video:={film}", "loop:=true", f"bundle:={bundle}",
                             f"calibration:={self.folder / 'webcam.yaml'}")  # fmt: skip
        self.assertTrue(wait_for(lambda: len(received["mask"]) > 30, 60.0), "no masks came")
        image = received["color"][-1]
        self.assertEqual((image.encoding, image.width, image.height), ("rgb8", 64, 48))
        self.assertEqual(image.header.frame_id, "front_color_optical_frame")
        self.assertLess(abs((rospy.Time.now() - image.header.stamp).to_sec()), 5.0)
        infos = {info.header.stamp: info for info in received["info"]}
        self.assertIn(image.header.stamp, infos)
        self.assertEqual((infos[image.header.stamp].K[0], infos[image.header.stamp].width), (60.0, 64))
        stamps = [message.header.stamp.to_sec() for message in received["color"]]
        self.assertAlmostEqual(np.median(np.diff(stamps)), 0.05, delta=0.01)
        self.assertEqual(received["mask"][-1].data[1000], 2)
        frames = {entry.child_frame_id for message in received["tf"] for entry in message.transforms}
        self.assertEqual(frames, {"front_color_frame", "front_color_optical_frame"})
        bag = self.folder / "bags" / "kitchen"
        record = ["rosrun", "rt_seg", "record", str(bag), "--camera", "front", "--seconds", "3", "--free", "1"]
        result = subprocess.run(record, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual(result.returncode, 0, result.stdout.decode())
        with rosbag.Bag(f"{bag}.bag") as recorded:
            counts = {topic: entry.message_count for topic, entry in recorded.get_type_and_topic_info().topics.items()}
        self.assertGreater(counts["/front/color/image_raw"], 30)
        self.assertGreater(counts["/front/color/camera_info"], 30)
        again = subprocess.run(record, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual(again.returncode, 1)
        self.assertIn("nothing is overwritten", again.stdout.decode())
        began = time.monotonic()
        os.killpg(launch.pid, signal.SIGINT)
        output = launch.communicate(timeout=30)[0].decode("utf-8", "replace")
        self.assertNotIn("Traceback", output)
        print(f"ended {time.monotonic() - began:.1f} s after the signal")

    def test_without_a_realsense_the_node_says_what_to_do_and_goes_on_looking(self):
        node = subprocess.Popen(["rosrun", "rt_seg", "camera_node", "_source:=realsense_sdk", "_serial_no:=none"],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip
        time.sleep(6.0)
        self.assertIsNone(node.poll())
        os.killpg(node.pid, signal.SIGINT)
        output = node.communicate(timeout=20)[0].decode("utf-8", "replace")
        self.assertGreaterEqual(output.count("no RealSense none is connected"), 2)
        self.assertNotIn("Traceback", output)

    def test_a_video_that_is_not_there_is_named(self):
        command = ["rosrun", "rt_seg", "camera_node", "_source:=video", "_video:=/none.mp4"]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual(result.returncode, 1)
        self.assertIn("video:='/none.mp4': no such file", result.stdout.decode("utf-8", "replace"))


if __name__ == "__main__":
    rospy.init_node("rostest_camera")
    rostest.rosrun("rt_seg", "camera_test", "__main__", sys.argv)
