#!/usr/bin/env python3
"""A model that takes depth in the running node: from either form of depth, while it stalls, and when it is back."""

import sys
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np
import rospy
import rostest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import Image
from std_msgs.msg import Header

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "support")]
from color_bundle import HEIGHT, WIDTH, write_color_bundle  # noqa: E402
from waiting import wait_for  # noqa: E402

from rt_seg.msg import FrameTiming  # noqa: E402
from rt_seg.recordings.image_messages import mask_from_message  # noqa: E402
from rt_seg.ros.conversions import image_message  # noqa: E402
from rt_seg.ros.node.status import Status  # noqa: E402
from rt_seg.srv import LoadModel  # noqa: E402

NEAR, GREEN, FAR = 0, 1, 2
"""The classes of the model: nearer than 1 m, green without a reading, farther."""
PERIOD = 1.0 / 20.0


class DepthModelTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.color = rospy.Publisher("/camera/color/image_raw", Image, queue_size=10)
        cls.depth = rospy.Publisher("/camera/aligned_depth_to_color/image_raw", Image, queue_size=10)
        cls.masks, cls.timings, cls.stream = {}, {}, {}
        for topic, kind, kept in (("mask", Image, cls.masks), ("timing", FrameTiming, cls.timings)):
            rospy.Subscriber(f"/segmentation/{topic}", kind, cls._keep, kept)
        rospy.Subscriber("/diagnostics", DiagnosticArray, cls._on_diagnostics)
        cls.status = Status()
        cls.folder = tempfile.TemporaryDirectory()
        load = rospy.ServiceProxy("/segmentation/load_model", LoadModel)
        load.wait_for_service(60)
        bundle = write_color_bundle(Path(cls.folder.name) / "deep", name="deep", with_depth=True)
        answer = load(str(bundle))
        assert answer.success, answer.message
        wait_for(lambda: cls.color.get_num_connections() >= 2 and cls.depth.get_num_connections())

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def _on_diagnostics(cls, message):
        for status in message.status:
            if status.name == "segmentation: stream":
                cls.stream = {"level": status.level, "message": status.message,
                              **{item.key: item.value for item in status.values}}  # fmt: skip

    @staticmethod
    def _keep(message, kept):
        kept[message.header.stamp.to_nsec()] = message

    def play(self, depth, until):
        """Send green images at 20 Hz, each with this depth image or None, until the condition holds for the classes of
        the last five masks, or 15 s are over; returns these classes."""
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        image[..., 1] = 200
        sent, deadline = [], time.monotonic() + 15.0
        while time.monotonic() < deadline:
            stamp = rospy.Time.now()
            header = Header(stamp=stamp, frame_id="optical")
            if depth is not None:
                self.depth.publish(image_message(depth, header))
            self.color.publish(image_message(image, header))
            sent.append(stamp.to_nsec())
            time.sleep(PERIOD)
            masks = [self.masks[stamp] for stamp in sent if stamp in self.masks][-5:]
            classes = [set(np.unique(mask_from_message(mask)).tolist()) for mask in masks]
            if len(classes) == 5 and until(classes):
                break
        return classes

    def test_masks_follow_depth_in_both_forms_without_it_and_when_it_is_back(self):
        def all_are(wanted):
            return lambda classes: all(found == {wanted} for found in classes)

        millimetres, metres = np.full((HEIGHT, WIDTH), 600, np.uint16), np.full((HEIGHT, WIDTH), 3.0, np.float32)
        self.assertEqual(self.play(millimetres, all_are(NEAR)), [{NEAR}] * 5)
        self.assertEqual(self.play(metres, all_are(FAR)), [{FAR}] * 5)

        def healthy(classes):
            return self.stream.get("message", "").endswith("masks per second from colour and depth")

        self.play(metres, healthy)
        self.assertEqual(self.stream["level"], DiagnosticStatus.OK)
        self.assertEqual(self.stream["model input"], "color and depth")
        self.assertIn("from color and depth", self.status.line())

        # Depth stalls: the same model continues with colour, and says so.
        self.assertEqual(self.play(None, all_are(GREEN)), [{GREEN}] * 5)
        self.play(None, lambda classes: "depth is missing" in self.stream["model input"])
        self.assertEqual(self.stream["level"], DiagnosticStatus.WARN)
        self.assertEqual(self.stream["message"], "no depth although the model needs it; using RGB only")
        self.assertGreater(int(self.stream["without_depth"]), 0)
        self.assertIn("from color only, depth is missing", self.status.line())

        # And back again.
        self.assertEqual(self.play(millimetres, all_are(NEAR)), [{NEAR}] * 5)
        self.play(millimetres, healthy)
        self.assertEqual(self.stream["level"], DiagnosticStatus.OK)

        # A reading of nothing is no reading, in either form; depth of another size is refused and colour continues.
        self.assertEqual(self.play(np.zeros_like(millimetres), all_are(GREEN)), [{GREEN}] * 5)
        self.assertEqual(self.play(np.full_like(metres, np.nan), all_are(GREEN)), [{GREEN}] * 5)
        self.assertEqual(self.play(metres[::2, ::2].copy(), all_are(GREEN)), [{GREEN}] * 5)
        self.assertTrue(wait_for(lambda: int(self.stream["depth_refused"]) > 0))

        stamps = sorted(set(self.timings) & set(self.masks))
        self.assertTrue(stamps, "no timing came beside the masks")
        self.assertTrue(all(self.timings[stamp].inference > 0 for stamp in stamps))


if __name__ == "__main__":
    rospy.init_node("depth_model_test")
    rostest.rosrun("rt_seg", "depth_model_test", DepthModelTest, sys.argv)
