#!/usr/bin/env python3
"""What mapping, navigation and perception packages read of the running node's results, as they read it, to the byte."""

import hashlib
import struct
import subprocess
import sys
import time
import unittest
from pathlib import Path

import cv2
import numpy as np
import rosgraph
import rospy
import rostest
from cv_bridge import CvBridge, CvBridgeError
from dynamic_reconfigure.client import Client
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2, PointField
from std_msgs.msg import Header

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "support")]
from waiting import wait_for  # noqa: E402

from rt_seg.bundle import load_bundle  # noqa: E402
from rt_seg.class_tables import kimera_table  # noqa: E402
from rt_seg.msg import ChannelInfo, LabelInfo  # noqa: E402
from rt_seg.ros.conversions import camera_info_message, image_message  # noqa: E402
from rt_seg.segmenter import load_segmenter  # noqa: E402
from rt_seg.simulation.recording import simulate_scene  # noqa: E402

FRAME = "camera_color_optical_frame"
SIZE = (480, 640)
BRIDGE = CvBridge()


def packed(image):
    """The pixels of a message whose rows have no padding, read as bytes of the encoding's type."""
    kinds = {"mono8": np.uint8, "rgb8": np.uint8, "16SC1": np.int16, "16UC1": np.uint16, "32FC1": np.float32}
    kind = np.dtype(kinds.get(image.encoding, np.float32))
    pixels = np.frombuffer(image.data, kind)
    return pixels.reshape(image.height, image.width, -1).squeeze(-1) if len(pixels) == image.height * image.width \
        else pixels.reshape(image.height, image.width, -1)  # fmt: skip


class ConsumersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bundle = load_bundle(rospy.get_param("~bundle"))
        cls.labels = cls.bundle.labels
        cls.frame = simulate_scene(3)
        cls.color = rospy.Publisher("/camera/color/image_raw", Image, queue_size=10)
        cls.depth = rospy.Publisher("/camera/aligned_depth_to_color/image_raw", Image, queue_size=10)
        cls.info = rospy.Publisher("/camera/color/camera_info", CameraInfo, queue_size=10)
        rospy.wait_for_service("/segmentation/get_objects", 60.0)
        cls.client = Client("/segmentation", timeout=10)

    def setUp(self):
        self.received = {}
        self.subscribers = {}

    def tearDown(self):
        for subscriber in self.subscribers.values():
            subscriber.unregister()
        self.client.update_configuration(
            {"drop": "", "keep": "", "margin": 2, "channels": "", "threshold": 0.0, "float_labels": False}
        )

    def results(self, *topics, depth=None, **settings):
        """What the node sends on some topics for the frame, by topic."""
        self.client.update_configuration(settings)
        kinds = {"camera_info": CameraInfo, "channel_info": ChannelInfo, "points": PointCloud2,
                 "points_kept": PointCloud2, "labels": LabelInfo}  # fmt: skip
        for topic in topics:
            kind = kinds.get(topic, CompressedImage if topic.endswith("compressed") else Image)
            self.subscribers[topic] = rospy.Subscriber(
                f"/segmentation/{topic}", kind, lambda m, topic=topic: self.received.__setitem__(topic, m)
            )
        ends = [*self.subscribers.values(), self.color, self.depth, self.info]
        self.assertTrue(wait_for(lambda: all(end.get_num_connections() for end in ends)), "not connected")
        header = Header(stamp=rospy.Time.now(), frame_id=FRAME)
        self.info.publish(camera_info_message(self.frame.intrinsics, header))
        self.depth.publish(image_message(self.frame.depth if depth is None else depth, header))
        time.sleep(0.3)
        self.color.publish(image_message(self.frame.color, header))
        self.assertTrue(wait_for(lambda: set(topics) <= set(self.received)), f"came: {sorted(self.received)}")
        for topic in topics:
            if topic != "labels":
                stamped = self.received[topic].header
                self.assertEqual((stamped.stamp, stamped.frame_id), (header.stamp, FRAME), topic)
        return self.received

    def fields(self, cloud):
        return {field.name: field for field in cloud.fields}

    def test_a_costmap_layer_finds_a_point_for_each_pixel_of_the_mask_and_its_confidence_in_bytes(self):
        """kiwicampus/semantic_segmentation_layer: mask.data[i] and confidence.data[i] belong to point i."""
        found = self.results("mask", "confidence", "confidence_8bit", "points", "labels")
        mask, cloud = found["mask"], found["points"]
        self.assertEqual((mask.encoding, found["confidence_8bit"].encoding), ("mono8", "mono8"))
        self.assertEqual(cloud.width * cloud.height, len(mask.data))
        self.assertEqual(len(found["confidence_8bit"].data), len(mask.data))
        labels = np.frombuffer(cloud.data, np.uint8).reshape(-1, cloud.point_step)
        offset = self.fields(cloud)["label"].offset
        np.testing.assert_array_equal(labels[:, offset : offset + 4].copy().view(np.uint32).ravel(), list(mask.data))
        np.testing.assert_array_equal(
            packed(found["confidence_8bit"]), np.rint(packed(found["confidence"]) * 255).astype(np.uint8)
        )
        self.assertEqual({e.class_id: e.class_name for e in found["labels"].class_map},
                         dict(enumerate(self.labels.names)))  # fmt: skip

    def test_elevation_mapping_finds_probabilities_with_the_name_of_each_channel(self):
        """elevation_mapping_cupy: H×W×C float32, camera_info, ChannelInfo; it checks types by their MD5 sum."""
        # Of elevation_map_msgs/ChannelInfo: a std_msgs/Header `header`, by its own sum, and string[] `channels`.
        definition = f"{Header._md5sum} header\nstring[] channels"
        self.assertEqual(ChannelInfo._md5sum, hashlib.md5(definition.encode("ascii")).hexdigest())
        found = self.results("mask", "probabilities", "channel_info", "camera_info", channels="hole,peg")
        image = found["probabilities"]
        self.assertEqual((image.encoding, image.step), ("32FC2", 640 * 8))
        self.assertEqual(found["channel_info"].channels, ["hole", "peg"])
        self.assertEqual((found["camera_info"].width, found["camera_info"].height), (image.width, image.height))
        channels = BRIDGE.imgmsg_to_cv2(image, desired_encoding="passthrough")
        ids = [self.labels.names.index(name) for name in ("hole", "peg")]
        expected = load_segmenter(self.bundle).segment(self.frame.color, classes=range(len(self.labels))).probabilities
        np.testing.assert_array_equal(channels, expected[..., ids])
        np.testing.assert_allclose(expected.sum(-1), 1.0, atol=1e-5)
        mask = packed(found["mask"])
        best = expected.argmax(-1)
        self.assertGreater((best == mask).mean(), 0.9999)

    def test_all_channels_come_where_none_is_named(self):
        found = self.results("probabilities", "channel_info")
        self.assertEqual(found["channel_info"].channels, self.labels.names)
        self.assertEqual(found["probabilities"].encoding, f"32FC{len(self.labels)}")

    def test_elevation_mapping_reads_every_field_of_the_cloud_as_a_float(self):
        """elevation_mapping_cupy copies point_step / 4 fields as float32, in their order, of `width` points."""
        found = self.results("mask", "points_kept", float_labels=True)
        cloud = found["points_kept"]
        self.assertEqual((len(cloud.fields), cloud.height), (cloud.point_step // 4, 1))
        self.assertEqual({field.datatype for field in cloud.fields}, {PointField.FLOAT32})
        values = np.frombuffer(cloud.data, np.float32).reshape(cloud.width, -1)
        column = [field.name for field in cloud.fields].index("label")
        mask = packed(found["mask"])
        read = self.frame.depth > 0
        np.testing.assert_array_equal(values[:, column], mask[read].astype(np.float32))

    def test_kimera_reads_the_colours_of_the_mask_by_its_table(self):
        """Kimera-Semantics: every colour of the image must be in the table, and has one id there."""
        found = self.results("mask", "mask_color", "mask_color/compressed", threshold=0.9)
        mask = packed(found["mask"])
        self.assertIn(255, mask)
        rows = [line.split(",") for line in kimera_table(self.labels).splitlines()[1:]]
        ids = {tuple(int(value) for value in row[1:4]): (row[0], int(row[5])) for row in rows}
        colors = packed(found["mask_color"])
        wrong = 0
        for color, (name, class_id) in ids.items():
            region = (colors == color).all(axis=-1)
            expected = 255 if name == "unlabelled" else class_id
            wrong += np.count_nonzero(region != (mask == expected))
        self.assertEqual(wrong, 0)
        unpacked = cv2.imdecode(np.frombuffer(found["mask_color/compressed"].data, np.uint8), cv2.IMREAD_COLOR)
        np.testing.assert_array_equal(cv2.cvtColor(unpacked, cv2.COLOR_BGR2RGB), colors)

    def test_hydra_reads_ids_of_16_bits_and_the_label_field_of_the_cloud(self):
        found = self.results("mask", "labels_16", "points")
        self.assertEqual(found["labels_16"].encoding, "16SC1")
        np.testing.assert_array_equal(packed(found["labels_16"]), packed(found["mask"]))
        field = self.fields(found["points"])["label"]
        self.assertEqual((field.datatype, field.count), (PointField.UINT32, 1))

    def test_jsk_gets_the_ids_whatever_integers_it_asks_cv_bridge_for(self):
        found = self.results("mask", "labels_16")
        mask = packed(found["mask"])
        np.testing.assert_array_equal(BRIDGE.imgmsg_to_cv2(found["mask"], "32SC1"), mask)
        # The trap: to cv_bridge mono16 is a brightness, so that of mono8 it makes 257 times as much.
        self.assertGreater(BRIDGE.imgmsg_to_cv2(found["mask"], "mono16").max(), 255)
        for wanted in ("passthrough", "16SC1", "16UC1", "32SC1", "32FC1"):
            with self.subTest(wanted=wanted):
                np.testing.assert_array_equal(BRIDGE.imgmsg_to_cv2(found["labels_16"], wanted), mask)
        # Ids that are no brightness are refused as one, instead of being multiplied.
        with self.assertRaises(CvBridgeError):
            BRIDGE.imgmsg_to_cv2(found["labels_16"], "mono16")

    def test_a_mapper_finds_depth_without_the_unwanted_classes(self):
        """RTAB-Map: 0 where a pixel is not to be mapped, the same millimetres elsewhere, with stamp and camera info."""
        found = self.results("mask", "depth_kept", "camera_info", drop="block,peg", margin=0)
        mask, kept = packed(found["mask"]), found["depth_kept"]
        unwanted = np.isin(mask, [self.labels.names.index(name) for name in ("block", "peg")])
        self.assertTrue(unwanted.any())
        self.assertEqual((kept.encoding, kept.step), ("16UC1", 1280))
        np.testing.assert_array_equal(packed(kept), np.where(unwanted, 0, self.frame.depth))
        self.assertEqual((found["camera_info"].width, found["camera_info"].height), (kept.width, kept.height))

    def test_depth_that_comes_in_metres_stays_in_metres_with_nan_for_what_is_unwanted(self):
        metres = np.where(self.frame.depth > 0, self.frame.depth * np.float32(0.001), np.float32("nan"))
        found = self.results("mask", "depth_kept", depth=metres, drop="block", margin=0)
        unwanted = packed(found["mask"]) == self.labels.names.index("block")
        self.assertEqual(found["depth_kept"].encoding, "32FC1")
        np.testing.assert_array_equal(packed(found["depth_kept"]), np.where(unwanted, np.float32("nan"), metres))

    def test_octomap_and_costmaps_find_the_kept_points_and_no_nan(self):
        """octomap_server, costmap_2d's obstacle layer, MoveIt: x, y, z as float32 at any offset, little-endian."""
        for settings in ({"drop": "block"}, {"keep": "block"}):
            found = self.results("mask", "points_kept", margin=0, **settings)
            cloud = found["points_kept"]
            mask = packed(found["mask"])
            block = mask == self.labels.names.index("block")
            stays = (~block if "drop" in settings else block) & (self.frame.depth > 0)
            self.assertEqual((cloud.height, cloud.width), (1, np.count_nonzero(stays)))
            self.assertTrue(cloud.is_dense and not cloud.is_bigendian)
            self.assertEqual(len(cloud.data), cloud.row_step)
            x = self.fields(cloud)["x"]
            self.assertEqual(x.datatype, PointField.FLOAT32)
            points = np.array([
                struct.unpack_from("<fff", cloud.data, i * cloud.point_step + x.offset)
                for i in range(0, cloud.width, 97)
            ])  # fmt: skip
            rows, columns = np.nonzero(stays)
            camera, z = self.frame.intrinsics, self.frame.depth[stays] / 1000.0
            expected = np.stack([(columns - camera.cx) / camera.fx * z, (rows - camera.cy) / camera.fy * z, z], axis=1)
            np.testing.assert_allclose(points, expected[::97], atol=2e-6)
            for subscriber in self.subscribers.values():
                subscriber.unregister()
            self.setUp()
            self.client.update_configuration({"drop": "", "keep": ""})

    def test_compressed_results_are_the_raw_ones_and_named_as_by_image_transport(self):
        found = self.results("mask", "mask/compressed", "overlay", "overlay/compressed")
        self.assertEqual(found["mask/compressed"].format, "mono8; png compressed")
        self.assertTrue(bytes(found["mask/compressed"].data).startswith(b"\x89PNG"))
        np.testing.assert_array_equal(
            BRIDGE.compressed_imgmsg_to_cv2(found["mask/compressed"], "passthrough"), packed(found["mask"])
        )
        self.assertEqual(found["overlay/compressed"].format, "rgb8; jpeg compressed bgr8")
        self.assertTrue(bytes(found["overlay/compressed"].data).startswith(b"\xff\xd8"))
        shown = cv2.cvtColor(BRIDGE.compressed_imgmsg_to_cv2(found["overlay/compressed"]), cv2.COLOR_BGR2RGB)
        difference = np.abs(shown.astype(int) - packed(found["overlay"])).mean()
        self.assertLess(difference, 4.0)

    def test_depth_image_proc_carries_the_colours_of_the_mask_into_its_cloud(self):
        """Debian's nodelets as in front of Kimera: register, then point_cloud_xyzrgb with the mask in colours."""
        if subprocess.run(["rospack", "find", "depth_image_proc"], capture_output=True).returncode:
            self.skipTest("depth_image_proc is not installed: apt install libdepth-image-proc-dev libnodeletlib-tools")
        manager = subprocess.Popen(["rosrun", "nodelet", "nodelet", "manager", "__name:=front"])
        self.addCleanup(manager.wait, 10)
        self.addCleanup(manager.terminate)
        chain = [
            # Debian's image has no other transport, and the aligned depth is registered already: register it again
            # into the same frame, as a chain for raw depth would.
            ("depth_image_proc/register", "rgb/camera_info:=/camera/color/camera_info",
             "depth/camera_info:=/camera/color/camera_info",
             "depth/image_rect:=/camera/aligned_depth_to_color/image_raw",
             "depth_registered/image_rect:=/front/depth", "depth_registered/camera_info:=/front/camera_info"),
            ("depth_image_proc/point_cloud_xyzrgb", "rgb/camera_info:=/segmentation/camera_info",
             "rgb/image_rect_color:=/segmentation/mask_color", "depth_registered/image_rect:=/front/depth",
             "depth_registered/points:=/front/points"),
        ]  # fmt: skip
        for number, (nodelet, *remaps) in enumerate(chain):
            command = ["rosrun", "nodelet", "nodelet", "load", nodelet, "front", f"__name:=front_{number}", *remaps]
            process = subprocess.Popen(command)
            self.addCleanup(process.wait, 10)
            self.addCleanup(process.terminate)
        clouds = []
        subscriber = rospy.Subscriber("/front/points", PointCloud2, clouds.append)
        self.addCleanup(subscriber.unregister)

        def chained():
            subscriptions = dict(rosgraph.Master("/test").getSystemState()[1])
            return subscriptions.get("/segmentation/mask_color") and subscriptions.get("/front/depth")

        self.assertTrue(wait_for(chained, 60.0), "the nodelets did not come up")
        time.sleep(1.0)
        for _ in range(5):  # the nodelets subscribe to a topic when theirs is subscribed to
            found = self.results("mask")
            if wait_for(lambda: clouds, 3.0):
                break
        self.assertTrue(clouds, "the nodelets gave no cloud")
        cloud = clouds[-1]
        mask = packed(found["mask"])
        self.assertEqual((cloud.height, cloud.width), mask.shape)
        words = np.frombuffer(cloud.data, np.uint8).reshape(mask.size, cloud.point_step)
        offsets = {name: field.offset for name, field in self.fields(cloud).items()}
        z = words[:, offsets["z"] : offsets["z"] + 4].copy().view(np.float32).ravel()
        bgr = words[:, offsets["rgb"] : offsets["rgb"] + 3]
        table = self.labels.color_table
        table[len(self.labels) :] = self.labels.unlabelled_color
        known = np.isfinite(z) & (z > 0)
        self.assertGreater(known.mean(), 0.5)
        np.testing.assert_array_equal(bgr[known][:, ::-1], table[mask.ravel()[known]])


if __name__ == "__main__":
    rospy.init_node("rostest_consumers")
    rostest.rosrun("rt_seg", "consumers_test", "__main__", sys.argv)
