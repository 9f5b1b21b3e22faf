#!/usr/bin/env python3
"""live.launch camera:=several: a node, a model and a transform for each camera of a file."""

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
import rosgraph
import rospy
import rostest
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "support")]
from color_bundle import write_color_bundle  # noqa: E402
from waiting import wait_for  # noqa: E402

from rt_seg.cameras.frame import Frame, Intrinsics  # noqa: E402
from rt_seg.msg import LabelInfo  # noqa: E402
from rt_seg.recordings.image_messages import mask_from_message  # noqa: E402
from rt_seg.ros.conversions import image_message  # noqa: E402
from rt_seg.ros.recording.bag_writer import write_recording  # noqa: E402

CAMERA = Intrinsics(64, 48, 60.0, 60.0, 32.0, 24.0)


class CamerasTest(unittest.TestCase):
    def launch(self, folder, cameras, processes="each"):
        path = Path(folder) / "cameras.yaml"
        path.write_text(yaml.safe_dump({"cameras": cameras, "processes": processes}))
        command = ["roslaunch", "rt_seg", "live.launch", "camera:=several", f"cameras:={path}", "viewer:=none"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)

    def test_each_camera_has_masks_of_its_own_model_and_its_transform(self):
        with tempfile.TemporaryDirectory() as folder:
            names = ("left", "right")
            cameras = [
                {"name": name, "source": "none", "bundle": str(write_color_bundle(Path(folder) / name, name=name))}
                for name in names
            ]
            cameras[1]["extrinsic"] = {"parent": "base", "translation": [1, 2, 3], "rotation": [0, 0, 1, 0]}
            launch = self.launch(folder, cameras)
            masks, models, transforms = {}, {}, []
            color = {name: rospy.Publisher(f"/{name}/color/image_raw", Image, queue_size=1) for name in names}
            for name in names:
                rospy.Subscriber(f"/{name}/segmentation/mask", Image, lambda m, name=name: masks.update({name: m}))
                rospy.Subscriber(
                    f"/{name}/segmentation/labels", LabelInfo, lambda m, name=name: models.update({name: m.model})
                )
            rospy.Subscriber("/tf_static", TFMessage, transforms.append)
            try:
                deadline = time.monotonic() + 60.0
                while len(masks) < 2 and time.monotonic() < deadline:
                    for channel, name in enumerate(names):
                        image = np.zeros((48, 64, 3), np.uint8)
                        image[..., channel] = 200
                        color[name].publish(image_message(image, Header(stamp=rospy.Time.now(), frame_id=name)))
                    time.sleep(0.1)
                self.assertEqual(set(masks), set(names))
                for channel, name in enumerate(names):
                    self.assertEqual(masks[name].header.frame_id, name)
                    self.assertEqual(set(np.unique(mask_from_message(masks[name]))), {channel})
                self.assertTrue(wait_for(lambda: len(models) == 2))
                self.assertEqual(models, {name: f"{name} 1.0.0" for name in names})
                self.assertTrue(wait_for(lambda: transforms))
                (transform,) = transforms[0].transforms
                self.assertEqual((transform.header.frame_id, transform.child_frame_id), ("base", "right_link"))
                self.assertEqual((transform.transform.translation.z, transform.transform.rotation.z), (3.0, 1.0))
            finally:
                began = time.monotonic()
                os.killpg(launch.pid, signal.SIGINT)
                output = launch.communicate(timeout=30)[0].decode("utf-8", "replace")
            print(f"both cameras ended {time.monotonic() - began:.1f} s after the signal")
            self.assertNotIn("Traceback", output)
            publishers, _, services = rosgraph.Master(rospy.get_name()).getSystemState()
            nodes = {node for _, names in [*publishers, *services] for node in names}
            self.assertFalse([node for node in nodes if "segmentation" in node], "nodes were left behind")

    def test_cameras_in_one_process_share_a_network_and_one_that_dies_does_not_slow_the_other(self):
        with tempfile.TemporaryDirectory() as folder:
            names = ("left", "right")
            bundle = str(write_color_bundle(Path(folder) / "color"))
            rospy.set_param("/left/segmentation/threshold", 0.7)  # as an earlier run leaves it
            launch = self.launch(folder, [{"name": name, "source": "none", "bundle": bundle} for name in names], "one")
            color = {name: rospy.Publisher(f"/{name}/color/image_raw", Image, queue_size=1) for name in names}
            masks = {name: [] for name in names}
            statuses = {}
            subscribers = [
                rospy.Subscriber(f"/{name}/segmentation/mask", Image, masks[name].append, queue_size=100)
                for name in names
            ]
            subscribers.append(rospy.Subscriber(
                "/diagnostics", DiagnosticArray,
                lambda message: statuses.update({status.name: status for status in message.status}),
            ))  # fmt: skip

            def publish(channels, seconds, rate=10.0):
                sent, ends = 0, time.monotonic() + seconds
                while time.monotonic() < ends:
                    for name, channel in channels.items():
                        image = np.zeros((48, 64, 3), np.uint8)
                        image[..., channel] = 200
                        color[name].publish(image_message(image, Header(stamp=rospy.Time.now(), frame_id=name)))
                    sent += 1
                    time.sleep(1.0 / rate)
                return sent

            try:
                deadline = time.monotonic() + 90.0
                while not all(masks.values()) and time.monotonic() < deadline:
                    publish({"left": 0, "right": 1}, 0.5)
                self.assertTrue(all(masks.values()), f"no masks of {[n for n in names if not masks[n]]}")
                for channel, name in enumerate(names):
                    self.assertEqual(masks[name][-1].header.frame_id, name)
                    self.assertEqual(set(np.unique(mask_from_message(masks[name][-1]))), {channel})
                nodes = {node for _, users in rosgraph.Master(rospy.get_name()).getSystemState()[0] for node in users}
                self.assertEqual({node for node in nodes if "seg" in node}, {"/segment_cameras"})
                self.assertEqual(rospy.get_param("/left/segmentation/threshold"), 0.0)
                rospy.wait_for_service("/left/segmentation/set_parameters", 10.0)
                # One camera falls silent: the other has a mask for each of its images, all but a few.
                before = len(masks["right"])
                sent = publish({"right": 1}, 5.0)
                time.sleep(1.0)
                self.assertGreaterEqual(len(masks["right"]) - before, 0.9 * sent)
                self.assertTrue(wait_for(lambda: "no colour" in getattr(
                    statuses.get("left/segmentation: stream"), "message", ""), 10.0), list(statuses))  # fmt: skip
                self.assertNotIn("no colour", statuses["right/segmentation: stream"].message)
            finally:
                for subscriber in subscribers:
                    subscriber.unregister()
                os.killpg(launch.pid, signal.SIGINT)
                output = launch.communicate(timeout=30)[0].decode("utf-8", "replace")
            self.assertIn("2 camera(s), 1 network(s) loaded", output)
            self.assertNotIn("Traceback", output)

    def test_two_realsense_without_serial_numbers_are_refused_with_what_to_do(self):
        with tempfile.TemporaryDirectory() as folder:
            launch = self.launch(folder, [{"name": "left"}, {"name": "right"}])
            output = launch.communicate(timeout=60)[0].decode("utf-8", "replace")
            self.assertIn("2 RealSense cameras need different serial numbers", output)

    def test_cameras_of_two_kinds_stream_side_by_side(self):
        with tempfile.TemporaryDirectory() as folder:
            bundle = str(write_color_bundle(Path(folder) / "color"))
            film = cv2.VideoWriter(f"{folder}/clip.avi", cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (64, 48))
            frames = [Frame(np.full((48, 64, 3), 50, np.uint8), None, None, CAMERA, number / 10) for number in range(9)]
            for frame in frames:
                film.write(frame.color)
            film.release()
            write_recording(frames, Path(folder) / "scene.bag")
            launch = self.launch(folder, [
                {"name": "left", "source": "video", "bundle": bundle,
                 "arguments": {"video": f"{folder}/clip.avi", "loop": True}},
                {"name": "right", "source": "recording", "bundle": bundle,
                 "arguments": {"recording": f"{folder}/scene.bag", "loop": True}},
            ])  # fmt: skip
            masks = {}
            for name in ("left", "right"):
                rospy.Subscriber(f"/{name}/segmentation/mask", Image, lambda m, name=name: masks.update({name: m}))
            try:
                self.assertTrue(wait_for(lambda: len(masks) == 2, 60.0), f"masks of {list(masks)} only")
                for name, mask in masks.items():
                    self.assertEqual(mask.header.frame_id, f"{name}_color_optical_frame")
            finally:
                os.killpg(launch.pid, signal.SIGINT)
                output = launch.communicate(timeout=30)[0].decode("utf-8", "replace")
            self.assertNotIn("Traceback", output)


if __name__ == "__main__":
    rospy.init_node("rostest_cameras")
    rostest.rosrun("rt_seg", "cameras_test", "__main__", sys.argv)
