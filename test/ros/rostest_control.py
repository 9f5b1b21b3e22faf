#!/usr/bin/env python3
"""What changes a running node: services, dynamic_reconfigure, another model; and compressed images as input."""

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
from dynamic_reconfigure.client import Client
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header
from std_srvs.srv import SetBool, Trigger

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "support")]
from color_bundle import write_color_bundle  # noqa: E402
from fault_report import report  # noqa: E402
from rostest_faults import FRAME, start_node, wait_for  # noqa: E402

from rt_seg.cameras.frame import Intrinsics  # noqa: E402
from rt_seg.cameras.image_folder import ImageFolder  # noqa: E402
from rt_seg.msg import LabelInfo  # noqa: E402
from rt_seg.recordings.image_messages import mask_from_message  # noqa: E402
from rt_seg.ros.conversions import camera_info_message, image_message  # noqa: E402
from rt_seg.srv import GetObjects, LoadModel  # noqa: E402

SIZE = (48, 64)
CAMERA = Intrinsics(64, 48, 60.0, 60.0, 31.5, 23.5)


def picture(channel):
    image = np.full((*SIZE, 3), 20, np.uint8)
    image[..., 0] = 90
    image[10:40, 20:50] = 20
    image[10:40, 20:50, channel] = 200
    return image


class ControlTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        root = Path(cls.folder.name)
        cls.root = root
        cls.bundle = write_color_bundle(root / "color")
        cls.other = write_color_bundle(root / "other", names=("rot", "gruen", "blau"), name="other")
        cls.broken = write_color_bundle(root / "broken")
        with (cls.broken / "model.bin").open("ab") as file:
            file.write(b"changed")
        cls.node = start_node(cls.bundle, "segmentation", f"_save_folder:={root / 'frames'}", "_save_interval:=0.2")
        cls.color = rospy.Publisher("/camera/color/image_raw", Image, queue_size=10)
        cls.depth = rospy.Publisher("/camera/aligned_depth_to_color/image_raw", Image, queue_size=10)
        cls.info = rospy.Publisher("/camera/color/camera_info", CameraInfo, queue_size=10)
        cls.masks, cls.labels, cls.diagnostics = {}, [], {}
        rospy.Subscriber("/segmentation/labels", LabelInfo, cls.labels.append)
        rospy.Subscriber("/diagnostics", DiagnosticArray, cls.on_diagnostics)
        cls.mask_subscriber = rospy.Subscriber("/segmentation/mask", Image, cls.on_mask, queue_size=None)
        ends = [cls.color, cls.depth, cls.info, cls.mask_subscriber]
        assert wait_for(lambda: all(end.get_num_connections() for end in ends), 60.0), "the node did not come up"
        cls.client = Client("/segmentation", timeout=10)
        cls.defaults = dict(cls.client.get_configuration())
        cls.channel, cls.streaming = 1, True
        cls.sent = []
        cls.streamer = threading.Thread(target=cls.stream, daemon=True)
        cls.streamer.start()

    @classmethod
    def tearDownClass(cls):
        cls.streaming = False
        cls.streamer.join()
        os.killpg(cls.node.pid, signal.SIGINT)
        cls.output = cls.node.communicate(timeout=20)[0].decode()
        cls.folder.cleanup()
        assert "Traceback" not in cls.output, cls.output

    @classmethod
    def on_mask(cls, message):
        cls.masks[message.header.stamp.to_nsec()] = message

    @classmethod
    def on_diagnostics(cls, message):
        for status in message.status:
            cls.diagnostics[status.name.split(": ")[-1]] = status.message
            cls.diagnostics.update({item.key: item.value for item in status.values})

    @classmethod
    def stream(cls):
        while cls.streaming and not rospy.is_shutdown():
            header = Header(stamp=rospy.Time.now(), frame_id=FRAME)
            cls.info.publish(camera_info_message(CAMERA, header))
            cls.depth.publish(image_message(np.full(SIZE, 900, np.uint16), header))
            cls.sent.append(header.stamp.to_nsec())
            cls.color.publish(image_message(picture(cls.channel), header))
            time.sleep(1 / 30)

    def setUp(self):
        type(self).channel = 1
        self.client.update_configuration({k: v for k, v in self.defaults.items() if k != "groups"})

    def call(self, name, kind, *arguments):
        rospy.wait_for_service(f"/segmentation/{name}", 10)
        return rospy.ServiceProxy(f"/segmentation/{name}", kind)(*arguments)

    def next_mask(self, after=0.3):
        """A mask whose image was taken `after` seconds from now, or later."""
        start = (rospy.Time.now() + rospy.Duration(after)).to_nsec()
        found = wait_for(lambda: [stamp for stamp in list(self.masks) if stamp >= start])
        self.assertTrue(found, "no mask received")
        return mask_from_message(self.masks[min(found)])

    def test_a_disabled_node_rests_and_goes_on_when_enabled(self):
        self.assertTrue(self.call("enable", SetBool, False).success)
        time.sleep(0.3)
        count = len(self.masks)
        time.sleep(0.7)
        self.assertEqual(len(self.masks), count)
        self.assertTrue(wait_for(lambda: "disabled" in self.diagnostics.get("stream", "")))
        self.assertTrue(self.call("enable", SetBool, True).success)
        self.next_mask()

    def test_objects_come_on_request_with_their_places_in_metres(self):
        answer = self.call("get_objects", GetObjects)
        self.assertTrue(answer.success, answer.message)
        named = {item.class_name: item for item in answer.objects.objects}
        self.assertEqual(set(named), {"red", "green"})
        position = named["green"].pose.position
        self.assertAlmostEqual(position.z, 0.9, places=3)
        self.assertAlmostEqual(position.x, (34.5 - 31.5) / 60 * 0.9, delta=0.06)
        self.assertEqual(answer.objects.header.frame_id, FRAME)

    def test_a_frame_is_saved_on_request_as_part_of_a_data_set(self):
        answer = self.call("save_frame", Trigger)
        self.assertTrue(answer.success, answer.message)
        path = Path(answer.message)
        root = path.parents[1]
        camera = root / "camera_info" / f"{path.stem}.json"
        frames = ImageFolder(root / "rgb", root / "depth", root / "gt", camera)
        frame = list(frames)[frames.names.index(path.stem)]
        np.testing.assert_array_equal(frame.color, picture(1))
        self.assertEqual(set(np.unique(frame.depth)), {900})
        self.assertEqual(frame.ground_truth[25, 35], 1)
        self.assertEqual(frame.intrinsics, CAMERA)

    def test_frames_that_the_model_is_unsure_of_are_saved_by_themselves_and_not_faster_than_wished(self):
        folder = self.root / "frames" / "rgb"
        before = len(list(folder.glob("*"))) if folder.exists() else 0
        # Two channels of one brightness: the model cannot be surer than a half.
        type(self).channel = slice(1, 3)
        self.client.update_configuration({"save_below_confidence": 1.0})
        time.sleep(1.2)
        self.client.update_configuration({"save_below_confidence": 0.0})
        saved = len(list(folder.glob("*"))) - before
        self.assertGreaterEqual(saved, 2)
        self.assertLessEqual(saved, 8)

    def test_classes_can_be_left_out_and_renamed_while_the_node_runs(self):
        self.assertEqual(set(np.unique(self.next_mask())), {0, 1})
        self.client.update_configuration({"classes": "green"})
        self.assertEqual(set(np.unique(self.next_mask())), {1, 255})
        self.client.update_configuration({"classes": "", "remap": "green=blue"})
        self.assertEqual(set(np.unique(self.next_mask())), {0, 2})

    def test_pixels_below_the_threshold_are_unlabelled_and_the_labels_say_so(self):
        self.client.update_configuration({"threshold": 1.0})
        type(self).channel = slice(1, 3)  # two channels of one brightness: no class is sure
        self.assertIn(255, np.unique(self.next_mask()))
        self.assertTrue(wait_for(lambda: self.labels[-1].threshold == 1.0))

    def test_the_overlay_follows_its_settings_while_the_node_runs(self):
        overlays = []
        subscriber = rospy.Subscriber("/segmentation/overlay", Image, overlays.append, queue_size=None)
        self.addCleanup(subscriber.unregister)

        def overlay(**settings):
            self.client.update_configuration({"overlay_contours": False, "overlay_names": False, **settings})
            start = rospy.Time.now() + rospy.Duration(0.2)
            self.assertTrue(wait_for(lambda: overlays and overlays[-1].header.stamp >= start))
            return np.frombuffer(overlays[-1].data, np.uint8).reshape(*SIZE, 3)

        np.testing.assert_array_equal(overlay(overlay_alpha=0.0), picture(1))
        self.assertEqual(overlay(overlay_alpha=1.0)[25, 35].tolist(), [0, 255, 0])
        # The border of the region in full colour, and nothing of its middle; and a name, in white.
        green = (overlay(overlay_alpha=0.0, overlay_contours=True) == (0, 255, 0)).all(axis=2)
        self.assertTrue(green.any() and not green[25, 35])
        self.assertTrue((overlay(overlay_alpha=0.0, overlay_names=True).min(axis=2) > 200).any())

    def test_smoothing_keeps_a_class_until_enough_images_agree_on_another(self):
        self.client.update_configuration({"smoothing": 30})
        self.assertEqual(self.next_mask()[25, 35], 1)
        type(self).channel = 2
        self.assertEqual(self.next_mask(0.2)[25, 35], 1)
        self.assertTrue(wait_for(lambda: self.next_mask(0.0)[25, 35] == 2), "the new class never came")

    def test_the_rate_is_limited_while_the_node_runs(self):
        self.client.update_configuration({"maximum_rate": 5.0})
        time.sleep(0.4)
        count, began = len(self.masks), time.monotonic()
        time.sleep(3.0)
        rate = (len(self.masks) - count) / (time.monotonic() - began)
        self.assertGreater(rate, 3.5)
        self.assertLess(rate, 5.8)

    def test_depth_out_of_range_counts_as_unknown(self):
        self.client.update_configuration({"maximum_depth": 0.5})
        time.sleep(0.3)
        answer = self.call("get_objects", GetObjects)
        self.assertTrue(answer.objects.objects)
        self.assertFalse(any(item.has_pose for item in answer.objects.objects))

    def test_another_model_takes_over_under_load_and_no_image_goes_without_a_mask(self):
        began = len(self.sent)
        answers = []
        for bundle, title in ((self.other, "other 1.0.0"), (self.bundle, "color 1.0.0")) * 3:
            answers.append(self.call("load_model", LoadModel, str(bundle)))
            self.assertTrue(answers[-1].success, answers[-1].message)
            self.assertEqual(answers[-1].message, title)
            self.assertTrue(wait_for(lambda title=title: self.labels[-1].model == title))
            self.next_mask(0.1)
        sent = self.sent[began:-5]
        wait_for(lambda: all(stamp in self.masks for stamp in sent), 1.0)
        came = sum(stamp in self.masks for stamp in sent)
        report("six exchanges of the model under load", len(sent), came)
        self.assertGreater(came, 0.5 * len(sent))

    def test_a_bundle_that_cannot_be_used_changes_nothing(self):
        for bundle, reason in ((self.broken, "SHA-256"), (self.root / "nothing", "no such model bundle")):
            answer = self.call("load_model", LoadModel, str(bundle))
            self.assertFalse(answer.success)
            self.assertIn(reason, answer.message)
        self.assertEqual(set(np.unique(self.next_mask())), {0, 1})
        self.assertEqual(self.labels[-1].model, "color 1.0.0")

    def test_a_shipped_model_is_found_by_its_name(self):
        answer = self.call("load_model", LoadModel, "tabletop")
        self.assertTrue(answer.success, answer.message)
        self.assertIn("tabletop", answer.message)
        self.assertTrue(self.call("load_model", LoadModel, str(self.bundle)).success)

    def test_the_camera_is_recorded_into_an_mcap_that_plays_as_it_came(self):
        from rt_seg.recordings.any_bag import kind_of_bag
        from rt_seg.recordings.bag import MCAP_ROS1
        from rt_seg.ros.recording.framesets import read_framesets

        output = self.root / "recorded"
        command = ["rosrun", "rt_seg", "record", str(output), "--format", "mcap", "--seconds", "4"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        print(result.stdout)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        path = output.with_suffix(".mcap")
        self.assertEqual(kind_of_bag(path), MCAP_ROS1)
        framesets = list(read_framesets(path, "camera", 30.0))
        self.assertGreater(len(framesets), 10)
        whole = [dict(frameset.messages) for frameset in framesets if len(frameset.messages) == 3]
        self.assertGreater(len(whole), 10)
        for messages in whole:
            image = messages["color/image_raw"]
            np.testing.assert_array_equal(np.frombuffer(image.data, np.uint8).reshape(*SIZE, 3), picture(1))
            self.assertIn(image.header.stamp.to_nsec(), self.sent)

    def test_the_doctor_finds_nothing_bad_in_a_healthy_graph(self):
        self.next_mask()
        command = ["rosrun", "rt_seg", "doctor", "--seconds", "3", "--bundle", str(self.bundle)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        print(result.stdout)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        for line in ("ok  /camera/color/image_raw: rgb8 64x48", "ok  /segmentation/mask", "ok  node (stream)",
                     "ok  /camera/aligned_depth_to_color/image_raw: 16UC1 64x48", "0 bad"):  # fmt: skip
            self.assertIn(line, result.stdout)

    def test_diagnostics_hold_percentiles_and_the_share_of_depth(self):
        self.assertTrue(wait_for(lambda: "inference p50, p95, p99 (ms)" in self.diagnostics))
        self.assertTrue(wait_for(lambda: float(self.diagnostics.get("share of color with depth", 0)) > 0.8))


class CompressedTest(unittest.TestCase):
    def test_compressed_colour_and_depth_give_the_masks_and_places_of_the_raw_ones(self):
        with tempfile.TemporaryDirectory() as folder:
            bundle = write_color_bundle(Path(folder) / "color")
            topics = "/packed/color/image_raw", "/packed/aligned_depth_to_color/image_raw"
            node = start_node(
                bundle, "unpacking", "_color_transport:=compressed", "_depth_transport:=compressedDepth",
                f"color/image_raw:={topics[0]}", f"aligned_depth_to_color/image_raw:={topics[1]}",
                "color/camera_info:=/packed/color/camera_info",
            )  # fmt: skip
            color = rospy.Publisher(topics[0] + "/compressed", CompressedImage, queue_size=10)
            depth = rospy.Publisher(topics[1] + "/compressedDepth", CompressedImage, queue_size=10)
            info = rospy.Publisher("/packed/color/camera_info", CameraInfo, queue_size=10)
            masks = []
            subscriber = rospy.Subscriber("/unpacking/mask", Image, masks.append)
            running = True

            def stream():
                packed = cv2.imencode(".png", cv2.cvtColor(picture(1), cv2.COLOR_RGB2BGR))[1].tobytes()
                near = bytes(12) + cv2.imencode(".png", np.full(SIZE, 900, np.uint16))[1].tobytes()
                while running:
                    header = Header(stamp=rospy.Time.now(), frame_id=FRAME)
                    info.publish(camera_info_message(CAMERA, header))
                    depth.publish(CompressedImage(header, "16UC1; compressedDepth png", near))
                    color.publish(CompressedImage(header, "rgb8; png compressed bgr8", packed))
                    time.sleep(1 / 30)

            streamer = threading.Thread(target=stream)
            try:
                ends = [color, depth, info, subscriber]
                self.assertTrue(wait_for(lambda: all(end.get_num_connections() for end in ends), 60.0))
                streamer.start()
                self.assertTrue(wait_for(lambda: len(masks) > 5))
                self.assertEqual(mask_from_message(masks[-1])[25, 35], 1)
                self.assertEqual(mask_from_message(masks[-1])[2, 2], 0)
                answer = rospy.ServiceProxy("/unpacking/get_objects", GetObjects)()
                self.assertTrue(answer.success, answer.message)
                self.assertAlmostEqual(answer.objects.objects[0].pose.position.z, 0.9, places=3)
            finally:
                running = False
                if streamer.is_alive():
                    streamer.join()
                subscriber.unregister()
                os.killpg(node.pid, signal.SIGTERM)
                node.communicate(timeout=20)


if __name__ == "__main__":
    rospy.init_node("rostest_control")
    rostest.rosrun("rt_seg", "control_test", "__main__", sys.argv)
