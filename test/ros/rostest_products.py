#!/usr/bin/env python3
"""Points, statistics, objects, confidence and timing of the running node, against the products made here."""

import sys
import time
import unittest
from pathlib import Path

import numpy as np
import rospy
import rostest
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "support")]
from waiting import wait_for  # noqa: E402

from rt_seg.bundle import load_bundle  # noqa: E402
from rt_seg.msg import ClassStatistics, FrameTiming, SegmentedObjects  # noqa: E402
from rt_seg.products.objects import find_objects  # noqa: E402
from rt_seg.products.point_cloud import SURE_POINT, Rays, label_points  # noqa: E402
from rt_seg.products.statistics import class_statistics  # noqa: E402
from rt_seg.recordings.image_messages import mask_from_message  # noqa: E402
from rt_seg.ros.conversions import camera_info_message, image_message  # noqa: E402
from rt_seg.segmenter import load_segmenter  # noqa: E402
from rt_seg.simulation.recording import simulate_scene  # noqa: E402

FRAME = "camera_color_optical_frame"
KINDS = {
    "mask": Image,
    "confidence": Image,
    "points": PointCloud2,
    "statistics": ClassStatistics,
    "objects": SegmentedObjects,
    "object_markers": MarkerArray,
    "timing": FrameTiming,
}


class ProductsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bundle = load_bundle(rospy.get_param("~bundle"))
        cls.frame = simulate_scene(3)
        cls.metres = np.where(cls.frame.depth > 0, cls.frame.depth * np.float32(0.001), np.float32("nan"))
        cls.rays = Rays(cls.frame.intrinsics)
        cls.color = rospy.Publisher("/camera/color/image_raw", Image, queue_size=10)
        cls.depth = rospy.Publisher("/camera/aligned_depth_to_color/image_raw", Image, queue_size=10)
        cls.info = rospy.Publisher("/camera/color/camera_info", CameraInfo, queue_size=10)
        cls.received = {}
        cls.subscribers = [
            rospy.Subscriber(f"/segmentation/{name}", kind, lambda m, name=name: cls.received.__setitem__(name, m))
            for name, kind in KINDS.items()
        ]
        ends = [cls.color, cls.depth, cls.info, *cls.subscribers]
        assert wait_for(lambda: all(end.get_num_connections() for end in ends), 60.0), "the node did not come up"

    def send(self, depth, info=None):
        """Publish the frame and wait until everything that is awaited for it has come."""
        header = Header(stamp=rospy.Time.now(), frame_id=FRAME)
        self.received.clear()
        self.info.publish(info or camera_info_message(self.frame.intrinsics, header))
        time.sleep(0.3)
        if depth is not None:
            self.depth.publish(image_message(depth, header))
            time.sleep(0.2)
        self.color.publish(image_message(self.frame.color, header))
        # The timing is sent last.
        self.assertTrue(wait_for(lambda: "timing" in self.received), "no result came")
        time.sleep(0.3)
        return header

    def check_points(self, depth):
        header = self.send(depth)
        cloud = self.received["points"]
        self.assertEqual((cloud.header.stamp, cloud.header.frame_id), (header.stamp, FRAME))
        self.assertEqual([field.name for field in cloud.fields], list(SURE_POINT.names))
        stride = rospy.get_param("/segmentation/cloud_stride")
        self.assertEqual((cloud.width, cloud.height, cloud.is_dense), (640 // stride, 480 // stride, False))
        mask = mask_from_message(self.received["mask"])
        # The confidence is subscribed to here, so the points carry it.
        confidence = np.frombuffer(self.received["confidence"].data, np.float32).reshape(480, 640)
        expected = label_points(self.rays, self.metres, self.frame.color, mask, stride, confidence)
        actual = np.frombuffer(cloud.data, SURE_POINT).reshape(expected.shape)
        for name in SURE_POINT.names:
            np.testing.assert_array_equal(actual[name], expected[name], name)

    def test_points_are_the_aligned_depth_seen_through_the_camera_info_in_millimetres_and_in_metres(self):
        self.check_points(self.frame.depth)
        self.check_points(self.metres)

    def test_objects_and_statistics_are_those_of_the_mask_and_depth(self):
        header = self.send(self.frame.depth)
        mask = mask_from_message(self.received["mask"])
        labels = self.bundle.labels
        confidence = np.frombuffer(self.received["confidence"].data, np.float32).reshape(480, 640)
        segmenter = load_segmenter(self.bundle)
        np.testing.assert_array_equal(confidence, segmenter.segment(self.frame.color, confidence=True).confidence)
        expected = find_objects(mask, labels, 150, self.metres, self.rays, confidence, frozenset({"hole"}))
        objects = self.received["objects"]
        self.assertEqual((objects.header.stamp, objects.header.frame_id), (header.stamp, FRAME))
        self.assertEqual([item.class_id for item in objects.objects], [item.class_id for item in expected])
        self.assertTrue(any(item.has_pose for item in objects.objects))
        for item, reference in zip(objects.objects, expected):
            self.assertEqual(item.class_name, labels.names[reference.class_id])
            box = item.box
            self.assertEqual((box.x_offset, box.y_offset, box.width, box.height), reference.box)
            self.assertAlmostEqual(item.confidence, reference.confidence, places=5)
            self.assertEqual(item.has_pose, reference.pose is not None)
            if item.has_pose:
                position, q = item.pose.position, item.pose.orientation
                np.testing.assert_allclose((position.x, position.y, position.z), reference.pose.centroid)
                self.assertAlmostEqual(q.x**2 + q.y**2 + q.z**2 + q.w**2, 1.0)
                # The first axis is the unit vector x, turned by the quaternion.
                first = (1 - 2 * (q.y**2 + q.z**2), 2 * (q.x * q.y + q.w * q.z), 2 * (q.x * q.z - q.w * q.y))
                np.testing.assert_allclose(first, reference.pose.axes[:, 0], atol=1e-6)
        markers = self.received["object_markers"].markers
        self.assertEqual(markers[0].action, Marker.DELETEALL)
        posed = sum(item.has_pose for item in objects.objects)
        self.assertEqual([marker.type for marker in markers].count(Marker.CUBE), posed)
        statistics = class_statistics(mask, self.metres, labels)
        self.assertEqual(
            [(entry.class_id, round(entry.pixel_share, 5)) for entry in self.received["statistics"].classes],
            [(entry.class_id, round(entry.pixel_share, 5)) for entry in statistics],
        )

    def test_without_depth_objects_have_boxes_and_no_poses_and_no_points_come(self):
        time.sleep(1.2)  # until depth counts as gone
        self.send(None)
        self.assertTrue(self.received["objects"].objects)
        self.assertFalse(any(item.has_pose for item in self.received["objects"].objects))
        self.assertNotIn("points", self.received)

    def test_a_camera_info_that_is_no_calibration_costs_the_poses_only(self):
        self.send(self.frame.depth, CameraInfo(width=640, height=480))
        self.assertIn("mask", self.received)
        self.assertNotIn("points", self.received)
        self.assertFalse(any(item.has_pose for item in self.received["objects"].objects))

    def test_timing_adds_up_to_the_age(self):
        self.send(self.frame.depth)
        timing = self.received["timing"]
        parts = timing.wait + timing.preprocess + timing.inference + timing.publish
        self.assertGreater(timing.inference, 0.0)
        self.assertLess(abs(timing.age - parts), 0.02)


if __name__ == "__main__":
    rospy.init_node("rostest_products")
    rostest.rosrun("rt_seg", "products_test", "__main__", sys.argv)
