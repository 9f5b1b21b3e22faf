#!/usr/bin/env python3
"""Colour, camera info and depth that do not fit each other: a line for each cause now and then, and a warning on
/diagnostics; masks continue. Two causes that took turns once made two lines for each image."""

import sys
import time
import unittest
from pathlib import Path

import numpy as np
import rospy
import rostest
from diagnostic_msgs.msg import DiagnosticArray
from rosgraph_msgs.msg import Log
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from rt_seg.cameras.image_folder import nominal_intrinsics  # noqa: E402
from rt_seg.ros.conversions import camera_info_message, image_message  # noqa: E402
from rt_seg.ros.node.complaints import PERIOD  # noqa: E402


class LogFloodTest(unittest.TestCase):
    def test_sizes_that_do_not_fit_are_said_once_in_a_while(self):
        rospy.init_node("log_flood_test")
        lines, masks, levels = [], [], []
        rospy.Subscriber("/rosout", Log, lambda m: lines.append(m) if m.name == "/segmentation" else None)
        rospy.Subscriber("/segmentation/mask", Image, masks.append)
        rospy.Subscriber("/segmentation/objects", rospy.AnyMsg, lambda message: None)  # so that depth is wanted
        rospy.Subscriber(
            "/diagnostics",
            DiagnosticArray,
            lambda m: levels.extend(
                (status.level, status.message) for status in m.status if status.name == "segmentation: stream"
            ),
        )
        kinds = {"color/image_raw": Image, "aligned_depth_to_color/image_raw": Image, "color/camera_info": CameraInfo}
        color, depth, info = (rospy.Publisher(f"/camera/{topic}", kind, queue_size=1) for topic, kind in kinds.items())
        start, first = time.monotonic(), None
        while time.monotonic() - start < 90 and (first is None or time.monotonic() - first < 3 * PERIOD):
            header = Header(stamp=rospy.Time.now(), frame_id="camera_color_optical_frame")
            info.publish(camera_info_message(nominal_intrinsics(640, 480), header))
            depth.publish(image_message(np.full((480, 640), 1000, np.uint16), header))
            color.publish(image_message(np.full((479, 641, 3), 90, np.uint8), header))
            time.sleep(0.1)
            first = time.monotonic() if first is None and masks else first
        took = time.monotonic() - first
        lines = [line for line in lines if line.level >= Log.WARN]
        texts = [line.msg for line in lines]
        self.assertGreater(len(masks), 5)
        self.assertLessEqual(len(texts), 2 * (took / PERIOD + 2), texts)
        for words in ("depth is 640x480 and colour 641x479", "camera info is for 640x480"):
            self.assertTrue(any(words in text for text in texts), texts)
        self.assertTrue(all(line.level == Log.WARN for line in lines), texts)
        self.assertIn(1, [level if isinstance(level, int) else ord(level) for level, _ in levels])
        self.assertNotIn(2, [level if isinstance(level, int) else ord(level) for level, _ in levels])


if __name__ == "__main__":
    rostest.rosrun("rt_seg", "log_flood_test", LogFloodTest, sys.argv)
