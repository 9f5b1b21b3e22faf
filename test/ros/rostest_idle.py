#!/usr/bin/env python3
"""A node of which nobody wants anything lets go of the images, and is back as soon as somebody does."""

import os
import signal
import statistics
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
from std_srvs.srv import SetBool, Trigger

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "support")]
from color_bundle import write_color_bundle  # noqa: E402
from rostest_faults import FRAME, start_node, wait_for  # noqa: E402

from rt_seg.cameras.frame import Intrinsics  # noqa: E402
from rt_seg.ros.conversions import camera_info_message, image_message  # noqa: E402
from rt_seg.srv import GetObjects  # noqa: E402

SIZE = (720, 1280)
CAMERA = Intrinsics(1280, 720, 900.0, 900.0, 639.5, 359.5)
PERIOD = 1.0 / 30.0
MAX_SHARE_OF_A_CORE = 0.03
WATCHED = 5.0


def processor_seconds(pid):
    """Processor time of a process so far, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class IdleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        root = Path(cls.folder.name)
        cls.node = start_node(write_color_bundle(root / "color"), "segmentation", f"_save_folder:={root / 'frames'}")
        cls.color = rospy.Publisher("/camera/color/image_raw", Image, queue_size=1)
        cls.depth = rospy.Publisher("/camera/aligned_depth_to_color/image_raw", Image, queue_size=1)
        cls.info = rospy.Publisher("/camera/color/camera_info", CameraInfo, queue_size=1)
        cls.status = ""
        rospy.Subscriber("/diagnostics", DiagnosticArray, cls.on_diagnostics)
        rospy.wait_for_service("/segmentation/get_objects", 60.0)
        cls.running = True
        cls.streamer = threading.Thread(target=cls.stream, daemon=True)
        cls.streamer.start()

    @classmethod
    def tearDownClass(cls):
        cls.running = False
        cls.streamer.join()
        os.killpg(cls.node.pid, signal.SIGINT)
        output = cls.node.communicate(timeout=20)[0].decode()
        cls.folder.cleanup()
        assert "Traceback" not in output, output

    @classmethod
    def on_diagnostics(cls, message):
        for status in message.status:
            if status.name.endswith(": stream"):
                cls.status = status.message

    @classmethod
    def stream(cls):
        image = np.zeros((*SIZE, 3), np.uint8)
        image[200:500, 300:900, 1] = 200
        color, depth = image_message(image, Header()), image_message(np.full(SIZE, 900, np.uint16), Header())
        info = camera_info_message(CAMERA, Header())
        while cls.running and not rospy.is_shutdown():
            header = Header(stamp=rospy.Time.now(), frame_id=FRAME)
            for publisher, message in ((cls.info, info), (cls.depth, depth), (cls.color, color)):
                message.header = header
                if publisher.get_num_connections():
                    publisher.publish(message)
            time.sleep(PERIOD)

    def enable(self, on):
        self.assertTrue(rospy.ServiceProxy("/segmentation/enable", SetBool)(on).success)

    def connected(self):
        return bool(self.color.get_num_connections() or self.depth.get_num_connections())

    def check_rests(self, why):
        self.assertTrue(wait_for(lambda: not self.connected(), 10.0), "the node keeps its images")
        self.assertTrue(wait_for(lambda: why in self.status, 5.0), self.status)
        before = processor_seconds(self.node.pid)
        time.sleep(WATCHED)
        share = (processor_seconds(self.node.pid) - before) / WATCHED
        print(f"{why}: {share:.1%} of a core at {SIZE[1]}x{SIZE[0]}, 30 Hz")
        self.assertLess(share, MAX_SHARE_OF_A_CORE)

    def test_without_a_subscriber_the_node_takes_next_to_nothing(self):
        self.check_rests("idle: no subscribers to any result")

    def test_disabled_the_node_takes_next_to_nothing_even_with_a_subscriber(self):
        subscriber = rospy.Subscriber("/segmentation/mask", Image, lambda message: None)
        self.addCleanup(subscriber.unregister)
        self.assertTrue(wait_for(self.connected))
        self.enable(False)
        self.addCleanup(self.enable, True)
        self.check_rests("disabled by ~enable")
        self.enable(True)
        self.assertTrue(wait_for(self.connected, 2.0))

    def test_a_subscriber_has_the_images_back_within_one_frame_period(self):
        times, plain = [], []
        for _ in range(5):
            self.assertTrue(wait_for(lambda: not self.connected(), 10.0), "the node keeps its images")
            began = time.monotonic()
            another = rospy.Subscriber("/camera/color/image_raw", rospy.AnyMsg, lambda message: None)
            while not another.get_num_connections() and time.monotonic() < began + 10.0:
                time.sleep(0.0005)
            plain.append(time.monotonic() - began)
            another.unregister()
            self.assertTrue(wait_for(lambda: not self.connected(), 10.0))
            masks = []
            subscriber = rospy.Subscriber("/segmentation/mask", Image, masks.append)
            while not subscriber.get_num_connections():
                time.sleep(0.0005)
            began = time.monotonic()
            while not self.color.get_num_connections() and time.monotonic() < began + 10.0:
                time.sleep(0.0005)
            times.append(time.monotonic() - began)
            self.assertTrue(wait_for(lambda masks=masks: masks))
            subscriber.unregister()
        print("from subscriber to images:", ", ".join(f"{seconds * 1e3:.1f} ms" for seconds in times))
        print("a subscriber of the images alone:", ", ".join(f"{seconds * 1e3:.1f} ms" for seconds in plain))
        # On a machine that is busy with other things, what any subscriber takes is the measure.
        self.assertLess(statistics.median(times), max(PERIOD, 4.0 * statistics.median(plain)))

    def test_objects_and_frames_come_on_request_while_nobody_subscribes(self):
        for name, kind in (("get_objects", GetObjects), ("save_frame", Trigger)):
            self.assertTrue(wait_for(lambda: not self.connected(), 10.0), "the node keeps its images")
            answer = rospy.ServiceProxy(f"/segmentation/{name}", kind)()
            self.assertTrue(answer.success, answer.message)
        answer = rospy.ServiceProxy("/segmentation/get_objects", GetObjects)()
        named = {item.class_name: item for item in answer.objects.objects}
        self.assertAlmostEqual(named["green"].pose.position.z, 0.9, places=3)


if __name__ == "__main__":
    rospy.init_node("rostest_idle")
    rostest.rosrun("rt_seg", "idle_test", "__main__", sys.argv)
