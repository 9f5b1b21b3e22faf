#!/usr/bin/env python3
"""The running segmentation node: what it publishes for good images, and that bad ones do not end it."""

import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import numpy as np
import rospy
import rostest
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "support")]
from waiting import wait_for  # noqa: E402

from rt_seg.bundle import load_bundle  # noqa: E402
from rt_seg.msg import LabelInfo  # noqa: E402
from rt_seg.recordings.image_messages import mask_from_message  # noqa: E402
from rt_seg.ros.conversions import image_message  # noqa: E402
from rt_seg.segmenter import load_segmenter  # noqa: E402

FRAME = "camera_color_optical_frame"
TIMEOUT = 30.0


def picture(seed, height=480, width=640):
    """A smooth random image, (H, W, 3) uint8."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 40, width // 40, 3), np.uint8)
    return np.repeat(np.repeat(coarse, 40, axis=0), 40, axis=1)


class Received:
    """Messages of a topic by stamp."""

    def __init__(self, topic, kind):
        self.messages = {}
        self._lock = threading.Lock()
        self._subscriber = rospy.Subscriber(topic, kind, self._add, queue_size=None, buff_size=2**24)

    def _add(self, message):
        with self._lock:
            self.messages[message.header.stamp.to_nsec()] = message

    def at(self, stamp):
        return self.messages.get(stamp.to_nsec())

    @property
    def connected(self):
        return self._subscriber.get_num_connections() > 0


class SegmentationTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bundle = load_bundle(rospy.get_param("~bundle"))
        cls.segmenter = load_segmenter(cls.bundle)
        cls.color = rospy.Publisher("/camera/color/image_raw", Image, queue_size=10)
        cls.depth = rospy.Publisher("/camera/aligned_depth_to_color/image_raw", Image, queue_size=10)
        cls.info = rospy.Publisher("/camera/color/camera_info", CameraInfo, queue_size=10)
        cls.outputs = {name: Received(f"/segmentation/{name}", Image) for name in ("mask", "mask_color", "overlay")}
        cls.outputs["camera_info"] = Received("/segmentation/camera_info", CameraInfo)
        cls.diagnostics = []
        cls.diagnostics_subscriber = rospy.Subscriber("/diagnostics", DiagnosticArray, cls.diagnostics.append)
        publishers = (cls.color, cls.depth, cls.info)
        ready = wait_for(
            lambda: (
                all(publisher.get_num_connections() for publisher in publishers)
                and all(output.connected for output in cls.outputs.values())
            ),
            60.0,
        )
        assert ready, "the segmentation node did not come up"

    def header(self):
        return Header(stamp=rospy.Time.now(), frame_id=FRAME)

    def publish_color(self, image):
        message = image_message(image, self.header())
        self.color.publish(message)
        return message

    def mask_for(self, message):
        wait_for(lambda: self.outputs["mask"].at(message.header.stamp))
        result = self.outputs["mask"].at(message.header.stamp)
        self.assertIsNotNone(result, "no mask came for the image")
        return result

    def counter(self, name):
        """A counter's latest value in the diagnostics."""
        for array in reversed(self.diagnostics):
            for status in array.status:
                for item in status.values:
                    if item.key == name:
                        return int(item.value)
        return 0

    def failure(self):
        values = {v.key: v.value for array in self.diagnostics for status in array.status for v in status.values}
        return values.get("last failure", "")

    def test_labels_are_latched_with_the_classes_and_fingerprint_of_the_bundle(self):
        message = rospy.wait_for_message("/segmentation/labels", LabelInfo, TIMEOUT)
        labels = self.bundle.labels
        self.assertEqual(message.fingerprint, labels.fingerprint)
        self.assertEqual(
            [(c.class_id, c.class_name, (c.red, c.green, c.blue)) for c in message.class_map],
            [(label.id, label.name, label.color) for label in labels.labels],
        )

    def test_colour_alone_gives_masks_equal_to_the_segmenters_with_the_header_of_the_image(self):
        for seed in range(3):
            image = picture(seed)
            message = self.publish_color(image)
            mask = self.mask_for(message)
            self.assertEqual(mask.header.frame_id, FRAME)
            self.assertEqual((mask.width, mask.height, mask.encoding), (640, 480, "mono8"))
            np.testing.assert_array_equal(mask_from_message(mask), self.segmenter.segment(image).mask)

    def test_images_of_another_size_give_masks_of_that_size(self):
        message = self.publish_color(picture(5, 360, 480))
        mask = self.mask_for(message)
        self.assertEqual((mask.width, mask.height), (480, 360))

    def test_with_depth_all_outputs_have_the_header_of_the_image(self):
        info = CameraInfo(header=self.header(), width=640, height=480, K=[600.0, 0, 320, 0, 600, 240, 0, 0, 1])
        self.info.publish(info)
        time.sleep(0.3)
        paired = self.counter("paired")
        header = self.header()
        # Colour does not wait for depth that has not come for a while, so depth goes first.
        self.depth.publish(image_message(np.full((480, 640), 900, np.uint16), header))
        time.sleep(0.2)
        self.color.publish(image_message(picture(7), header))
        for name, output in self.outputs.items():
            wait_for(lambda output=output: output.at(header.stamp))
            message = output.at(header.stamp)
            self.assertIsNotNone(message, f"nothing came on {name}")
            self.assertEqual(message.header.frame_id, FRAME)
            self.assertEqual((message.width, message.height), (640, 480), name)
        self.assertEqual(self.outputs["camera_info"].at(header.stamp).K[0], 600.0)
        colors = np.frombuffer(self.outputs["mask_color"].at(header.stamp).data, np.uint8).reshape(480, 640, 3)
        mask = mask_from_message(self.outputs["mask"].at(header.stamp))
        np.testing.assert_array_equal(colors, self.bundle.labels.color_table[mask])
        self.assertTrue(wait_for(lambda: self.counter("paired") > paired), "the pair was not counted")

    def test_images_that_cannot_be_used_are_counted_and_named_and_the_next_good_one_gives_a_mask(self):
        failed = self.counter("failed")
        wrong = image_message(picture(1), self.header())
        wrong.encoding = "bayer_rggb16"
        self.color.publish(wrong)
        time.sleep(0.5)
        cut = image_message(picture(1), self.header())
        cut.data = cut.data[:1000]
        self.color.publish(cut)
        self.assertTrue(wait_for(lambda: self.counter("failed") >= failed + 2), "the failures were not counted")
        self.assertIn("/camera/color/image_raw", self.failure())
        self.mask_for(self.publish_color(picture(2)))

    def test_depth_of_another_size_is_counted_and_colour_goes_on(self):
        refused = self.counter("depth_refused")
        header = self.header()
        self.depth.publish(image_message(np.full((240, 320), 900, np.uint16), header))
        time.sleep(0.2)
        self.color.publish(image_message(picture(3), header))
        wait_for(lambda: self.outputs["mask"].at(header.stamp))
        self.assertIsNotNone(self.outputs["mask"].at(header.stamp))
        self.assertTrue(wait_for(lambda: self.counter("depth_refused") > refused), "the depth image was not counted")
        self.assertIn("depth is 320x240 and colour 640x480", self.failure())


class StartTest(unittest.TestCase):
    """What keeps the node from starting: one line that says why, and exit code 1."""

    def refusal(self, *parameters):
        command = ["rosrun", "rt_seg", "segmentation_node", "__name:=refused", *parameters]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        output = result.stdout.decode("utf-8")
        self.assertEqual(result.returncode, 2, output)
        self.assertNotIn("Traceback", output)
        lines = [line for line in output.splitlines() if "FATAL" in line]
        self.assertEqual(len(lines), 1, output)
        return lines[0]

    def test_a_missing_bundle_is_named(self):
        self.assertIn("/nowhere/bundle: no such model bundle", self.refusal("_bundle:=/nowhere/bundle"))

    def test_a_bundle_with_an_altered_file_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "bundle"
            bundle = load_bundle(rospy.get_param("~bundle"))
            shutil.copytree(str(bundle.folder), str(copy))
            altered = copy / sorted(bundle.engines[0].sha256)[0]
            altered.write_bytes(altered.read_bytes()[:-1] + b"?")
            self.assertRegex(self.refusal(f"_bundle:={copy}"), f"{altered.name}: SHA-256 is")

    def test_an_unknown_parameter_is_named_with_the_accepted_ones(self):
        rospy.set_param("/refused/overlay_alfa", 0.5)
        try:
            line = self.refusal("_bundle:=anything")
        finally:
            rospy.delete_param("/refused/overlay_alfa")
        self.assertIn("unknown key 'overlay_alfa'; did you mean 'overlay_alpha'? accepted are bundle", line)


if __name__ == "__main__":
    rospy.init_node("rostest_segmentation")
    rostest.rosrun("rt_seg", "segmentation_test", "__main__", sys.argv)
