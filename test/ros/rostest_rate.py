#!/usr/bin/env python3
"""A model that is too slow at its full input size: the node goes to a smaller one and keeps the camera's rate."""

import os
import signal
import sys
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np
import rospy
import rostest
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "support")]
from color_bundle import HEIGHT, WIDTH, write_slow_bundle  # noqa: E402
from fault_report import report  # noqa: E402
from rostest_faults import FRAME, start_node, wait_for  # noqa: E402

from rt_seg.msg import FrameTiming  # noqa: E402
from rt_seg.ros.conversions import image_message  # noqa: E402

SMALL = (32, 48)
PERIOD = 0.1
"""Seconds between two images: a camera slow enough for the machine that runs the tests, whatever else it does."""
TOO_SLOW = 0.25
"""Seconds of inference at the full size."""


class RateTest(unittest.TestCase):
    def setUp(self):
        self.timings, self.diagnostics = [], {}
        self.color = rospy.Publisher("/camera/color/image_raw", Image, queue_size=1)
        rospy.Subscriber("/diagnostics", DiagnosticArray, self._on_diagnostics)

    def _on_diagnostics(self, message):
        for status in message.status:
            self.diagnostics.update({item.key: item.value for item in status.values})

    def film(self, *parameters, seconds):
        """Timings of the node's frames while a camera renders."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        bundle = write_slow_bundle(Path(folder) / "slow", TOO_SLOW, smaller=[(*SMALL, 0.0)])
        node = start_node(bundle, "rate", "_threads:=1", "_diagnostic_period:=0.2", *parameters)
        subscribers = [
            rospy.Subscriber("/rate/mask", Image, lambda message: None),
            rospy.Subscriber("/rate/timing", FrameTiming, self.timings.append, queue_size=None),
        ]
        try:
            self.assertTrue(wait_for(lambda: all(end.get_num_connections() for end in subscribers), 60.0))
            image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
            begin = time.monotonic()
            for index in range(round(seconds / PERIOD)):
                time.sleep(max(begin + index * PERIOD - time.monotonic(), 0.0))
                self.color.publish(image_message(image, Header(stamp=rospy.Time.now(), frame_id=FRAME)))
            time.sleep(0.5)
        finally:
            for subscriber in subscribers:
                subscriber.unregister()
            os.killpg(node.pid, signal.SIGTERM)
            output = node.communicate(timeout=20)[0].decode()
        return [(timing.input_height, timing.input_width) for timing in self.timings], output

    def test_a_size_too_slow_for_the_camera_is_left_and_the_rate_is_kept_from_then_on(self):
        sizes, output = self.film("_input_size:=auto", seconds=12.0)
        self.assertIn(SMALL, sizes, output)
        first = sizes.index(SMALL)
        self.assertEqual(set(sizes[first:]), {SMALL}, "it goes back and forth")
        self.assertEqual(self.diagnostics["failed"], "0")
        stamps = [timing.header.stamp.to_sec() for timing in self.timings[first + 1 :]]
        gaps = np.diff(stamps)
        report("a size too slow for the camera, input_size auto", 120, len(sizes), worst=float(gaps.max()),
               note=f"small from frame {first} on; median gap {np.median(gaps) * 1e3:.0f} ms")  # fmt: skip
        self.assertLess(np.median(gaps), 1.1 * PERIOD, "the camera's rate is not kept")
        self.assertEqual(self.diagnostics["input"], f"{SMALL[1]}x{SMALL[0]} rgb")
        self.assertEqual(self.diagnostics["input sizes"], f"{WIDTH}x{HEIGHT}, {SMALL[1]}x{SMALL[0]}")
        self.assertIn("period", self.diagnostics["reason for the input size"])

    def test_the_full_size_stays_where_it_is_asked_for(self):
        sizes, _ = self.film("_input_size:=full", seconds=4.0)
        self.assertEqual(set(sizes), {(HEIGHT, WIDTH)})

    def test_each_frame_of_a_recording_is_segmented_at_the_full_size(self):
        sizes, _ = self.film("_mode:=every_frame", seconds=4.0)
        self.assertEqual(set(sizes), {(HEIGHT, WIDTH)})


if __name__ == "__main__":
    rospy.init_node("rate_test")
    rostest.rosrun("rt_seg", "rate", RateTest, sys.argv)
