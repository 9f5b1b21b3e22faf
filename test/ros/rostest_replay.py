#!/usr/bin/env python3
"""A recording played through the running segmentation node."""

import itertools
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import numpy as np
import rosbag
import rospy
import rostest
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image

from rt_seg.cameras.frame import Frame, Intrinsics
from rt_seg.ros import camera_topics
from rt_seg.ros.recording.bag_writer import START, write_recording

COUNT = 30
RATE = 15.0
TOPICS = {
    f"/camera/{camera_topics.COLOR}": Image,
    f"/camera/{camera_topics.COLOR_INFO}": CameraInfo,
    f"/camera/{camera_topics.DEPTH}": Image,
    f"/camera/{camera_topics.DEPTH_INFO}": CameraInfo,
    f"/camera/{camera_topics.GROUND_TRUTH}": Image,
    "/segmentation/mask": Image,
}


def frames(depth=True, count=COUNT):
    intrinsics = Intrinsics(320, 240, 300.0, 300.0, 160.0, 120.0)
    for number in range(count):
        rng = np.random.default_rng(number)
        yield Frame(
            rng.integers(0, 256, (240, 320, 3), np.uint8),
            np.full((240, 320), 500 + number, np.uint16) if depth else None,
            np.full((240, 320), number % 6, np.uint8),
            intrinsics,
            number / RATE,
        )


class ReplayTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.received = {topic: [] for topic in TOPICS}
        self.arrivals = []
        self.lock = threading.Lock()
        subscribers = [
            rospy.Subscriber(topic, kind, self.receive, topic, queue_size=None, buff_size=2**24)
            for topic, kind in TOPICS.items()
        ]
        self.addCleanup(lambda: [subscriber.unregister() for subscriber in subscribers])

    def receive(self, message, topic):
        with self.lock:
            self.received[topic].append(message)
            if topic.endswith(camera_topics.COLOR):
                self.arrivals.append(time.monotonic())

    def play(self, bag, *parameters):
        command = ["rosrun", "rt_seg", "replay", f"_recording:={bag}", "_mode:=every_frame", "_linger:=60.0"]
        command += ["_consumer:=segmentation", "_result:=/segmentation/mask"]
        command += parameters
        self.addCleanup(lambda: rospy.has_param("/replay") and rospy.delete_param("/replay"))
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=150)
        return result.returncode, result.stdout.decode("utf-8")

    def stamps(self, topic):
        return [message.header.stamp.to_nsec() for message in self.received[topic]]

    def test_each_frame_gives_a_mask_with_the_stamp_frame_and_size_of_its_image(self):
        bag = Path(self.folder.name) / "scene.bag"
        self.assertEqual(write_recording(frames(), bag), COUNT)
        code, output = self.play(bag)
        self.assertEqual(code, 0, output)
        color = self.stamps(f"/camera/{camera_topics.COLOR}")
        self.assertEqual(len(color), COUNT)
        self.assertEqual(len(set(color)), COUNT)
        for topic in TOPICS:
            self.assertEqual(self.stamps(topic), color, f"{topic}: not one message per frameset, with its stamp")
        for mask in self.received["/segmentation/mask"]:
            self.assertEqual((mask.width, mask.height, mask.encoding), (320, 240, "mono8"))
            self.assertEqual(mask.header.frame_id, camera_topics.OPTICAL_FRAME)
        self.assertLess(abs(color[0] / 1e9 - time.time()), 60.0, "stamps are not of now")
        span = self.arrivals[-1] - self.arrivals[0]
        self.assertLess(abs(span - (COUNT - 1) / RATE), 1.0, "not played at the recorded pace")

    def test_each_frame_keeps_its_depth_though_a_consumer_is_slow(self):
        bag, count, kept = Path(self.folder.name) / "long.bag", 150, []
        write_recording(frames(count=count), bag)

        def consume(message):
            kept.append(message.header.stamp.to_nsec())
            time.sleep(0.04)

        subscriber = rospy.Subscriber("/segmentation/depth_kept", Image, consume, queue_size=None, buff_size=2**16)
        self.addCleanup(subscriber.unregister)
        code, output = self.play(bag, "_speed:=20.0")
        self.assertEqual(code, 0, output)
        deadline = time.monotonic() + 30.0
        while len(kept) < count and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(kept, self.stamps(f"/camera/{camera_topics.COLOR}"))

    def test_a_recording_without_depth_gives_masks_too(self):
        bag = Path(self.folder.name) / "color.bag"
        write_recording(frames(depth=False), bag)
        code, output = self.play(bag, "_duration:=1.0")
        self.assertEqual(code, 0, output)
        color = self.stamps(f"/camera/{camera_topics.COLOR}")
        self.assertEqual(len(color), int(RATE))
        self.assertEqual(self.stamps("/segmentation/mask"), color)
        self.assertEqual(self.stamps(f"/camera/{camera_topics.DEPTH}"), [])

    def test_with_a_clock_stamps_are_the_recordings_and_go_on_in_time_when_it_begins_again(self):
        bag = Path(self.folder.name) / "scene.bag"
        write_recording(itertools.islice(frames(), 8), bag)
        clock = []
        subscriber = rospy.Subscriber("/clock", Clock, lambda message: clock.append(message.clock.to_sec()))
        self.addCleanup(subscriber.unregister)
        command = ["rosrun", "rt_seg", "replay", f"_recording:={bag}", "_clock:=true", "_loop:=true", "_speed:=2.0",
                   "_camera:=front"]  # fmt: skip
        front = []
        subscriber = rospy.Subscriber("/front/color/image_raw", Image, front.append, queue_size=None)
        self.addCleanup(subscriber.unregister)
        self.addCleanup(lambda: rospy.has_param("/replay") and rospy.delete_param("/replay"))
        replay = subprocess.Popen(command, start_new_session=True)
        deadline = time.monotonic() + 60.0
        while len(front) < 20 and time.monotonic() < deadline:
            time.sleep(0.1)
        os.killpg(replay.pid, signal.SIGINT)
        self.assertEqual(replay.wait(30), 0)
        stamps = np.array([message.header.stamp.to_sec() for message in front])
        np.testing.assert_allclose(stamps[:20], START + np.arange(20) / RATE, atol=1e-3)
        self.assertEqual(front[0].header.frame_id, "front_color_optical_frame")
        self.assertTrue((np.diff(clock) >= 0).all())
        self.assertAlmostEqual(clock[-1], stamps[-1], delta=2 / RATE)

    def test_what_cannot_be_played_is_named(self):
        other = Path(self.folder.name) / "other.bag"
        with rosbag.Bag(str(other), "w") as bag:
            bag.write("/elsewhere/image", Image(), rospy.Time(1))
        broken = Path(self.folder.name) / "broken.bag"
        broken.write_bytes(b"no bag at all")
        for path, reason in (
            ("/nowhere/scene.bag", "cannot be played: No such file"),
            (broken, "cannot be played"),
            (other, "contains no images on /camera/color/image_raw, only /elsewhere/image"),
        ):
            code, output = self.play(path)
            self.assertEqual(code, 2, output)
            self.assertIn(f"{path}: {reason}", output)
            self.assertNotIn("Traceback", output)


if __name__ == "__main__":
    rospy.init_node("rostest_replay")
    rostest.rosrun("rt_seg", "replay_test", "__main__", sys.argv)
