#!/usr/bin/env python3
"""Bags that loop and are cut off, and simulated time that is absent, stands still or jumps: masks continue."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np
import rosbag
import rospy
import rostest
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import Header

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "support")]
from color_bundle import write_color_bundle  # noqa: E402
from fault_report import report  # noqa: E402
from rostest_faults import FRAME, PERIOD, start_node, wait_for  # noqa: E402

from rt_seg.recordings.image_messages import mask_from_message  # noqa: E402
from rt_seg.ros.conversions import image_message  # noqa: E402

FRAMES = 20


def picture(number):
    image = np.zeros((48, 64, 3), np.uint8)
    image[..., number % 3] = 200
    return image


def write_bag(path):
    with rosbag.Bag(str(path), "w") as bag:
        for number in range(FRAMES):
            stamp = rospy.Time(1000) + rospy.Duration(number * PERIOD)
            header = Header(stamp=stamp, frame_id=FRAME)
            depth = image_message(np.full((48, 64), 900, np.uint16), header)
            bag.write("/camera/aligned_depth_to_color/image_raw", depth, stamp)
            bag.write("/camera/color/image_raw", image_message(picture(number), header), stamp)


class TimeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.bundle = write_color_bundle(self.folder / "color")
        self.masks = []
        self.processes = []
        self.addCleanup(self.end_all)
        self.subscriber = rospy.Subscriber("/segmentation/mask", Image, self.masks.append, queue_size=None)
        self.addCleanup(self.subscriber.unregister)

    def end_all(self):
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        rospy.delete_param("/use_sim_time") if rospy.has_param("/use_sim_time") else None

    def start(self, sim_time, *parameters):
        """The node, under simulated time or not; this process keeps to the wall clock."""
        rospy.set_param("/use_sim_time", sim_time)
        self.node = start_node(self.bundle, "segmentation", *parameters)
        self.processes.append(self.node)
        self.assertTrue(wait_for(self.subscriber.get_num_connections, 60.0), "the node did not come up")

    def play(self, *options):
        path = self.folder / "stream.bag"
        if not path.exists():
            write_bag(path)
        player = subprocess.Popen(
            ["rosbag", "play", "--quiet", *options, str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self.processes.append(player)
        return player

    def publish(self, count, first=0, stamp=None):
        color = rospy.Publisher("/camera/color/image_raw", Image, queue_size=10)
        self.addCleanup(color.unregister)
        self.assertTrue(wait_for(color.get_num_connections))
        time.sleep(0.3)
        sent = []
        for number in range(count):
            now = rospy.Time(1000 if stamp is None else stamp) + rospy.Duration((first + number) * PERIOD)
            sent.append(now.to_nsec())
            color.publish(image_message(picture(number), Header(stamp=now, frame_id=FRAME)))
            time.sleep(PERIOD)
        return sent

    def check(self, sent, share=0.9):
        def came():
            stamps = {mask.header.stamp.to_nsec() for mask in self.masks}
            return sum(stamp in stamps for stamp in sent)

        wait_for(lambda: came() == len(sent), 2.0)
        self.assertGreaterEqual(came(), share * len(sent))
        self.assertIsNone(self.node.poll(), "the node has ended")

    def end(self):
        """The node ends within two seconds of SIGINT, without a traceback."""
        began = time.monotonic()
        os.killpg(self.node.pid, signal.SIGINT)
        output = self.node.communicate(timeout=20)[0].decode("utf-8", "replace")
        self.assertLess(time.monotonic() - began, 2.0)
        self.assertNotIn("Traceback", output)

    def test_simulated_time_without_a_clock_holds_nothing_up(self):
        self.start(True)
        self.check(self.publish(30))
        self.end()

    def test_simulated_time_that_stands_still_and_jumps_back_and_forth(self):
        self.start(True)
        clock = rospy.Publisher("/clock", Clock, queue_size=10, latch=True)
        self.addCleanup(clock.unregister)
        for jump, now in enumerate((1000, 5000, 10, 1000)):
            clock.publish(Clock(rospy.Time(now)))
            self.check(self.publish(20, first=jump * 30))
        report("/clock stands still, jumps back and forth", 80, len(self.masks))
        self.end()

    def test_a_bag_that_loops_gives_masks_in_every_round(self):
        self.start(True)
        self.play("--clock", "--loop", "--delay=1")
        self.assertTrue(wait_for(lambda: len(self.masks) > 3.5 * FRAMES, 30.0), f"{len(self.masks)} masks came")
        rounds = 1 + sum(b.header.stamp < a.header.stamp for a, b in zip(self.masks, self.masks[1:]))
        self.assertGreaterEqual(rounds, 3)
        report("a bag that loops under /clock", masks=len(self.masks), note=f"{rounds} rounds of {FRAMES} images")
        for mask in self.masks:
            number = round((mask.header.stamp - rospy.Time(1000)).to_sec() / PERIOD)
            self.assertEqual(mask_from_message(mask)[0, 0], number % 3)
        self.end()

    def test_a_bag_that_is_paused_and_goes_on(self):
        self.start(False)
        player = self.play("--loop")
        self.assertTrue(wait_for(lambda: len(self.masks) > 5))
        os.killpg(player.pid, signal.SIGSTOP)
        time.sleep(1.5)
        count = len(self.masks)
        os.killpg(player.pid, signal.SIGCONT)
        self.assertTrue(wait_for(lambda: len(self.masks) > count + FRAMES))
        self.end()

    def test_a_camera_that_is_killed_and_started_anew(self):
        self.start(False)
        for _ in range(3):
            player = self.play("--loop")
            count = len(self.masks)
            self.assertTrue(wait_for(lambda count=count: len(self.masks) > count + FRAMES), "no masks any more")
            os.killpg(player.pid, signal.SIGKILL)
            player.wait()
        note = "3 times, masks each time"
        report("the camera's process is killed and started again", masks=len(self.masks), note=note)
        self.end()

    def test_every_frame_of_a_bag_gives_the_same_bytes_twice(self):
        self.start(False, "_mode:=every_frame")
        rounds = []
        for _ in range(2):
            self.masks.clear()
            self.play("--delay=1").wait(timeout=60)
            self.assertTrue(wait_for(lambda: len(self.masks) >= FRAMES), f"{len(self.masks)} masks came")
            time.sleep(0.2)
            rounds.append([(mask.header.stamp.to_nsec(), bytes(mask.data)) for mask in self.masks])
        self.assertEqual(len(rounds[0]), FRAMES)
        self.assertEqual(rounds[0], rounds[1])
        report("a bag twice, every_frame", 2 * FRAMES, len(rounds[0] + rounds[1]), note="masks equal byte by byte")
        self.end()


if __name__ == "__main__":
    rospy.init_node("rostest_time")
    rostest.rosrun("rt_seg", "time_test", "__main__", sys.argv)
