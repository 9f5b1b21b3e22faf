#!/usr/bin/env python3
"""What real cameras, drivers and networks do, done to the running node: masks continue, late ones do not pile up.

Each fault is followed by a healthy stream, of which nearly every image must give its mask: a node that survives a
fault but no longer pairs, or lags ever more, fails here. fault_report.py keeps the table of figures.
"""

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
import rospy
import rostest
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "support")]
from color_bundle import write_color_bundle, write_slow_bundle  # noqa: E402
from fault_report import report  # noqa: E402
from waiting import wait_for  # noqa: E402

from rt_seg.msg import FrameTiming  # noqa: E402
from rt_seg.recordings.image_messages import mask_from_message  # noqa: E402
from rt_seg.ros.conversions import image_message  # noqa: E402

FRAME = "camera_color_optical_frame"
PERIOD = 1.0 / 30.0
LATE = 0.5
"""Seconds that a mask may take. The model needs a millisecond or two; a busy machine needs some patience."""


def start_node(bundle, name="segmentation", *parameters):
    """The segmentation node as a process of its own, on the topics of /camera."""
    topics = ("color/image_raw", "color/camera_info", "aligned_depth_to_color/image_raw")
    remappings = [f"{topic}:=/camera/{topic}" for topic in topics]
    command = ["rosrun", "rt_seg", "segmentation_node", f"__name:={name}", f"_bundle:={bundle}", "_slop:=0.04"]
    # A session of its own, so that signals reach the node and not the test.
    return subprocess.Popen(
        [*command, *remappings, *parameters],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


class Stream:
    """Publishes frames at 30 Hz and notes when each mask comes."""

    def __init__(self):
        self.info = rospy.Publisher("/camera/color/camera_info", CameraInfo, queue_size=10)
        self.connect()
        self.sent, self.latency = {}, {}
        self.masks = {}
        self.clouds = 0
        self.lock = threading.Lock()
        self.subscriber = rospy.Subscriber("/segmentation/mask", Image, self._on_mask, queue_size=None)
        self.diagnostics = {}
        rospy.Subscriber("/segmentation/points", PointCloud2, self._on_cloud)
        rospy.Subscriber("/segmentation/object_markers", MarkerArray, lambda message: None)
        rospy.Subscriber("/diagnostics", DiagnosticArray, self._on_diagnostics)
        self.number = 0

    def connect(self):
        """Advertise the images, as a driver does when it starts."""
        self.color = rospy.Publisher("/camera/color/image_raw", Image, queue_size=100)
        self.depth = rospy.Publisher("/camera/aligned_depth_to_color/image_raw", Image, queue_size=100)

    def _on_mask(self, message):
        now = time.monotonic()
        with self.lock:
            stamp = message.header.stamp.to_nsec()
            self.masks[stamp] = message
            if stamp in self.sent and stamp not in self.latency:
                self.latency[stamp] = now - self.sent[stamp]

    def _on_cloud(self, message):
        self.clouds += 1

    def _on_diagnostics(self, message):
        for status in message.status:
            for item in status.values:
                self.diagnostics[item.key] = item.value
            self.diagnostics[status.name.split(": ")[-1]] = (status.level, status.message)

    def counter(self, name):
        return int(self.diagnostics.get(name, 0))

    def ready(self):
        ends = (self.color, self.depth, self.info, self.subscriber)
        return all(end.get_num_connections() for end in ends)

    def picture(self, size=(48, 64)):
        """An image whose class changes from frame to frame."""
        self.number += 1
        image = np.zeros((*size, 3), np.uint8)
        image[..., self.number % 3] = 200
        return image

    def send(self, stamp, depth=None, message=None):
        """One colour image, and a depth image with the stamp `depth` before it."""
        if depth is not None:
            self.depth.publish(image_message(np.full((48, 64), 900, np.uint16), Header(stamp=depth, frame_id=FRAME)))
        if message is None:
            message = image_message(self.picture(), Header(stamp=stamp, frame_id=FRAME))
        with self.lock:
            self.sent[stamp.to_nsec()] = time.monotonic()
        self.color.publish(message)


class FaultsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.bundle = write_color_bundle(Path(cls.folder.name) / "color")
        cls.stream = Stream()
        cls.node = start_node(cls.bundle, "segmentation", "_diagnostic_period:=0.2")
        cls.output = []
        cls.reader = threading.Thread(target=lambda: cls.output.extend(iter(cls.node.stdout.readline, b"")))
        cls.reader.daemon = True
        cls.reader.start()
        assert wait_for(cls.stream.ready, 60.0), "the node did not come up"

    @classmethod
    def tearDownClass(cls):
        cls.node.send_signal(signal.SIGINT)
        cls.node.wait(timeout=10)
        cls.folder.cleanup()

    def setUp(self):
        self.start = rospy.Time.now()
        # The counters of the tests before have arrived: they are published every 0.2 s.
        time.sleep(0.5)
        self.paired = self.stream.counter("paired")

    def stamps(self, count, start=None):
        start = self.start if start is None else start
        return [start + rospy.Duration(index * PERIOD) for index in range(count)]

    def play(self, stamps, depth=lambda index, stamp: stamp, change=None):
        """Send a stream at 30 Hz; `depth` gives the stamp of an image's depth, or None; `change` alters the message
        of an image and returns it. Returns the stamps of the images that were left as they are, and how many depth
        images there were."""
        begin, sent, depths = time.monotonic(), [], 0
        for index, stamp in enumerate(stamps):
            time.sleep(max(begin + index * PERIOD - time.monotonic(), 0.0))
            message = image_message(self.stream.picture(), Header(stamp=stamp, frame_id=FRAME))
            changed = None if change is None else change(index, message)
            depth_stamp = depth(index, stamp)
            depths += depth_stamp is not None
            self.stream.send(stamp, depth_stamp, message if changed is None else changed)
            if changed is None:
                sent.append(stamp.to_nsec())
        return sent, depths

    def judge(self, fault, played, share, min_pairs=0.0, note=""):
        """The share of the images that have their mask, and of the pairs that were found, is at least this."""
        stream, (sent, depths) = self.stream, played
        wait_for(lambda: all(stamp in stream.latency for stamp in sent), 1.0)
        time.sleep(0.45)
        latencies = [stream.latency[stamp] for stamp in sent if stamp in stream.latency]
        pairs = stream.counter("paired") - self.paired
        self.paired += pairs
        report(fault, len(sent), len(latencies), (pairs, depths), max(latencies, default=float("nan")), note)
        self.assertGreaterEqual(len(latencies), share * len(sent), fault)
        self.assertGreaterEqual(pairs, min_pairs * depths, fault)
        self.assertLess(np.median(latencies), LATE, fault)
        self.assertIsNone(self.node.poll(), "the node has ended")

    def healthy(self, fault):
        """After a fault a good stream gives masks and pairs for nearly all of its images, and in time. On a busy
        machine this may take more than one second of it; a node that is hurt never comes to it."""
        for _ in range(5):
            paired = self.stream.counter("paired")
            sent, _ = self.play(self.stamps(30, rospy.Time.now()))
            wait_for(lambda sent=sent: all(stamp in self.stream.latency for stamp in sent), 0.5)
            time.sleep(0.45)
            latencies = [self.stream.latency[stamp] for stamp in sent if stamp in self.stream.latency]
            pairs = self.stream.counter("paired") - paired
            if len(latencies) >= 28 and pairs >= 28 and max(latencies) < LATE:
                break
        name = f"    a good stream after {fault}"
        report(name, len(sent), len(latencies), (pairs, 30), max(latencies, default=float("nan")))
        self.assertGreaterEqual(len(latencies), 28, f"masks are missing after: {fault}")
        self.assertGreaterEqual(pairs, 28, f"pairs are missing after: {fault}")
        self.assertLess(max(latencies), LATE, f"masks are late after: {fault}")

    def test_masks_are_right_and_carry_the_stamps_of_their_images(self):
        first = self.stream.number
        played = self.play(self.stamps(45))
        self.judge("none", played, 0.8, 0.9)
        for index, stamp in enumerate(played[0]):
            message = self.stream.masks.get(stamp)
            if message is not None:
                self.assertEqual(set(np.unique(mask_from_message(message))), {(first + index + 1) % 3})

    def test_stamps_that_step_back_by_a_minute(self):
        self.play(self.stamps(10))
        back = self.play(self.stamps(30, self.start - rospy.Duration(60)))
        self.paired += 10
        self.judge("stamps step back by 60 s", back, 0.8, 0.8)
        self.healthy("stamps that step back")

    def test_depth_that_stops_and_comes_back(self):
        played = self.play(self.stamps(90), lambda index, stamp: None if 20 <= index < 70 else stamp)
        self.judge("depth stops for 1.7 s and returns", played, 0.7, 0.8)
        self.healthy("depth that stopped")

    def test_colour_that_stops_is_reported_and_comes_back(self):
        self.play(self.stamps(10))
        silent = wait_for(lambda: "no colour image" in str(self.stream.diagnostics.get("stream")), 6.0)
        self.assertTrue(silent, "the silence is not in the diagnostics")
        report("colour stops for 2 s and returns", note=str(self.stream.diagnostics["stream"][1]))
        self.healthy("colour that stopped")

    def test_depth_at_six_hertz_and_colour_at_thirty(self):
        played = self.play(self.stamps(90), lambda index, stamp: stamp if index % 5 == 0 else None)
        # Images without depth wait for it; newer ones make them obsolete, so not each gets a mask.
        self.judge("depth at 6 Hz, colour at 30 Hz", played, 0.3, 0.9)
        self.healthy("depth at 6 Hz")

    def test_a_tenth_of_all_messages_lost_at_random(self):
        random = np.random.default_rng(5)
        kept = [stamp for stamp in self.stamps(90) if random.random() > 0.1]
        played = self.play(kept, lambda index, stamp: stamp if random.random() > 0.1 else None)
        self.judge("10 % of colour and of depth lost at random", played, 0.7, 0.9)
        self.healthy("random losses")

    def test_pairs_whose_stamps_are_up_to_thirty_milliseconds_apart(self):
        random = np.random.default_rng(6)
        stamps = self.stamps(60)
        played = self.play(stamps, lambda index, stamp: stamp + rospy.Duration(float(random.uniform(-0.03, 0.03))))
        self.judge("stamps of a pair up to 30 ms apart, ~slop 40 ms", played, 0.8, 0.9)
        self.healthy("pairs far apart")

    def test_images_that_overtake_each_other(self):
        stamps = self.stamps(60)
        for index in range(0, 58, 4):
            stamps[index], stamps[index + 1] = stamps[index + 1], stamps[index]
        # An image that was overtaken is obsolete once the newer one has its mask.
        self.judge("one image in four overtaken by the next", self.play(stamps), 0.6, note="older ones are obsolete")
        self.healthy("overtaken images")

    def test_images_that_come_twice(self):
        stream, before = self.stream, self.stream.counter("duplicates")

        def doubled(index, message):
            if index % 3 == 0:
                stream.color.publish(message)
                time.sleep(0.01)  # what comes at once is one batch to rospy, of which only the last is kept

        played = self.play(self.stamps(60), change=doubled)
        self.assertTrue(wait_for(lambda: stream.counter("duplicates") >= before + 5), "duplicates not seen")
        note = f"{stream.counter('duplicates') - before} of 20 duplicates seen"
        self.judge("one image in three comes twice", played, 0.8, 0.8, note)
        self.healthy("duplicated images")

    def test_stamps_from_the_future(self):
        self.judge("stamps 60 s ahead of the clock", self.play(self.stamps(30, self.start + rospy.Duration(60))), 0.8)
        self.healthy("stamps from the future")

    def test_stamps_that_are_fifteen_seconds_old(self):
        old = self.stamps(45, rospy.Time.now() - rospy.Duration(15))
        played = self.play(old)
        state = str(self.stream.diagnostics.get("stream"))
        self.judge("stamps 15 s old", played, 0.8, 0.8)
        self.assertIn("behind the clock", state)
        self.healthy("old stamps")

    def test_a_size_that_changes_in_mid_stream(self):
        sizes = {}

        def larger(index, message):
            if index < 20:
                return None
            sizes[message.header.stamp.to_nsec()] = 128
            return image_message(self.stream.picture((96, 128)), message.header)

        _, depths = self.play(self.stamps(50), lambda index, stamp: stamp if index < 20 else None, larger)
        self.judge("another size in mid-stream", (list(sizes), depths), 0.6)
        widths = {self.stream.masks[stamp].width for stamp in sizes if stamp in self.stream.masks}
        self.assertEqual(widths, {128})
        self.healthy("another size")

    def test_an_encoding_that_changes_in_mid_stream(self):
        reds = []

        def turned(index, message):
            if index >= 15 and index % 2:
                # Blue in rgb8 is red in bgr8.
                image = np.zeros((48, 64, 3), np.uint8)
                image[..., 2] = 200
                message = image_message(image, message.header)
                message.encoding = "bgr8"
                reds.append(message.header.stamp.to_nsec())
                return message
            return None

        sent, depths = self.play(self.stamps(60), change=turned)
        self.judge("another encoding in mid-stream", (sent + reds, depths), 0.8)
        for stamp in reds:
            if stamp in self.stream.masks:
                self.assertEqual(set(np.unique(mask_from_message(self.stream.masks[stamp]))), {0})
        self.healthy("another encoding")

    def check_refused(self, fault, spoil, words):
        """Every third image is corrupted: it is counted as failed and named, and the others have their masks."""
        failed = self.stream.counter("failed")
        played = self.play(self.stamps(60), change=lambda index, message: spoil(message) if index % 3 == 0 else None)
        self.assertTrue(wait_for(lambda: self.stream.counter("failed") >= failed + 10), "failures are not counted")
        self.judge(fault, played, 0.7, note=f"{self.stream.counter('failed') - failed} of 20 counted as failed")
        self.assertIn(words, self.stream.diagnostics["last failure"])
        self.assertIn("/camera/color/image_raw", self.stream.diagnostics["last failure"])
        self.healthy(fault)

    def test_images_whose_data_is_cut(self):
        def cut(message):
            message.data = message.data[:1000]
            return message

        self.check_refused("one image in three has its data cut", cut, "1000 bytes")

    def test_images_whose_step_lies(self):
        def lie(message):
            message.step = 7 if message.header.stamp.nsecs % 2 else 10**6
            return message

        self.check_refused("one image in three lies about its step", lie, "step")

    def test_a_thousand_malformed_messages_in_a_row(self):
        failed = self.stream.counter("failed")
        kinds = []
        for field, value in (("data", b"123"), ("step", 7), ("encoding", "yuv999"), ("height", 0), ("width", 10**6)):
            message = image_message(np.zeros((48, 64, 3), np.uint8), Header(frame_id=FRAME))
            setattr(message, field, value)
            kinds.append(message)
        for index in range(1000):
            message = kinds[index % len(kinds)]
            message.header.stamp = self.start + rospy.Duration(index * 0.001)
            self.stream.color.publish(message)
            time.sleep(0.002)
        self.assertTrue(wait_for(lambda: self.stream.counter("failed") > failed + 5), "failures are not counted")
        # In live mode many of them are obsolete before they are looked at.
        counted = self.stream.counter("failed") - failed
        report("1000 malformed messages in a row", 1000, 0, note=f"{counted} looked at, refused and counted")
        self.healthy("1000 malformed messages")

    def test_a_camera_info_that_is_garbage(self):
        nan, huge = [float("nan")] * 9, [1e-300, 0, 1e30, 0, 1e-300, 1e30, 0, 0, 1]
        plausible = [60.0, 0, 31.5, 0, 60.0, 23.5, 0, 0, 1]
        infos = [CameraInfo(), CameraInfo(width=64, height=48), CameraInfo(width=64, height=48, K=nan, D=nan[:3])]
        infos.append(CameraInfo(width=64, height=48, K=huge))
        infos.append(CameraInfo(width=64, height=48, K=plausible, D=[1e30] * 5, distortion_model="plumb_bob"))
        infos.append(CameraInfo(width=10**9, height=10**9, K=plausible))
        failed, sent, depths = self.stream.counter("failed"), [], 0
        for info in infos:
            self.stream.info.publish(info)
            time.sleep(0.1)
            more = self.play(self.stamps(10, rospy.Time.now()))
            sent, depths = sent + more[0], depths + more[1]
        self.judge("camera info of zeros, NaN, 1e30, another size", (sent, depths), 0.7, 0.8)
        self.assertEqual(self.stream.counter("failed"), failed)
        self.stream.info.publish(CameraInfo(width=64, height=48, K=plausible))
        time.sleep(0.1)
        clouds = self.stream.clouds
        self.healthy("a camera info that is garbage")
        self.assertGreater(self.stream.clouds, clouds, "no points with a camera info that is good again")

    def test_depth_that_is_garbage(self):
        def spoilt(index, stamp):
            depth = image_message(np.full((48, 64), 900, np.uint16), Header(stamp=stamp, frame_id=FRAME))
            if index % 3 == 0:
                depth.data = depth.data[:10]
            elif index % 3 == 1:
                depth.encoding = "rgb8"  # as the driver's colorizer makes it
            else:
                depth = image_message(np.full((48, 64), np.nan, np.float32), depth.header)
            self.stream.depth.publish(depth)

        refused = self.stream.counter("depth_refused")
        played = self.play(self.stamps(60), spoilt)
        self.assertTrue(wait_for(lambda: self.stream.counter("depth_refused") > refused + 10))
        note = f"{self.stream.counter('depth_refused') - refused} of 40 refused, RGB only"
        self.paired = self.stream.counter("paired")
        self.judge("depth is cut, colourised, or NaN everywhere", played, 0.8, note=note)
        self.healthy("depth that is garbage")

    def test_a_subscriber_that_stalls_does_not_hold_up_the_others(self):
        # In a process of its own: the subscribers of one process share a connection.
        program = (
            "import rospy, time; from sensor_msgs.msg import Image; rospy.init_node('stalled'); "
            "stall = lambda message: time.sleep(60); rospy.Subscriber('/segmentation/mask', Image, stall); "
            "rospy.Subscriber('/segmentation/overlay', Image, stall); print('up', flush=True); rospy.spin()"
        )
        stalled = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        try:
            self.assertEqual(stalled.stdout.readline(), b"up\n")
            time.sleep(0.5)
            images = []

            def large(index, message):
                """Some 60 MB of overlays: more than the sockets of the system hold."""
                images.append(message.header.stamp.to_nsec())
                return image_message(self.stream.picture((480, 640)), message.header)

            self.play(self.stamps(60, rospy.Time.now()), lambda index, stamp: None, large)
            self.judge("a subscriber stalls (640x480, mask and overlay)", (images, 0), 0.6)
        finally:
            stalled.kill()
            stalled.wait()
        self.healthy("a stalled subscriber")

    def test_a_camera_driver_that_ends_and_starts_again(self):
        self.play(self.stamps(10))
        self.stream.color.unregister()
        self.stream.depth.unregister()
        time.sleep(1.0)
        self.stream.connect()
        self.assertTrue(wait_for(self.stream.ready))
        time.sleep(0.5)
        report("the camera's topics vanish for 1 s and return")
        self.healthy("a camera driver that ended")


class SlowInferenceTest(unittest.TestCase):
    """A model that takes several times the camera's frame interval, as a large one does on a slow processor."""

    def test_latency_stays_below_two_inference_times_at_thirty_images_a_second(self):
        with tempfile.TemporaryDirectory() as folder:
            self.film(write_slow_bundle(Path(folder) / "slow", 0.25))

    def film(self, bundle):
        node = start_node(bundle, "slow", "_threads:=1")
        color = rospy.Publisher("/camera/color/image_raw", Image, queue_size=1)
        timings = []
        subscribers = [
            rospy.Subscriber("/slow/mask", Image, lambda message: None),
            rospy.Subscriber("/slow/timing", FrameTiming, timings.append, queue_size=None),
        ]
        try:
            ready = [color, *subscribers]
            self.assertTrue(wait_for(lambda: all(end.get_num_connections() for end in ready), 60.0))
            image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
            begin = time.monotonic()
            for index in range(150):
                time.sleep(max(begin + index * PERIOD - time.monotonic(), 0.0))
                color.publish(image_message(image, Header(stamp=rospy.Time.now(), frame_id=FRAME)))
        finally:
            for subscriber in subscribers:
                subscriber.unregister()
            os.killpg(node.pid, signal.SIGTERM)
            node.communicate(timeout=20)
        inference = float(np.median([timing.inference for timing in timings]))
        late = np.array([timing.age for timing in timings])
        ages = f"inference {inference * 1e3:.0f} ms, age p50 {np.median(late) * 1e3:.0f}, p95 "
        ages += f"{np.percentile(late, 95) * 1e3:.0f} ms"
        report("slow inference at 30 Hz, no depth", 150, len(late), worst=max(late), note=ages)
        self.assertGreater(inference, 2.0 * PERIOD)
        self.assertGreater(len(timings), 5)
        # An image waits for at most one inference, and takes its own. A machine that stalls lengthens these, too.
        own = np.array([timing.inference for timing in timings])
        self.assertLess(np.percentile(late[1:] / (2.0 * np.maximum(own[1:], own[:-1])), 95), 1.0)


class ShutdownTest(unittest.TestCase):
    """A node that is working ends within two seconds of a signal, without a traceback."""

    def end_by(self, number):
        with tempfile.TemporaryDirectory() as folder:
            bundle = write_color_bundle(Path(folder) / "color")
            node = start_node(bundle, "ending")
            color = rospy.Publisher("/camera/color/image_raw", Image, queue_size=1)
            masks = []
            subscriber = rospy.Subscriber("/ending/mask", Image, masks.append)
            try:
                deadline = time.monotonic() + 30.0
                while len(masks) < 5 and time.monotonic() < deadline:
                    header = Header(stamp=rospy.Time.now(), frame_id=FRAME)
                    color.publish(image_message(np.zeros((48, 64, 3), np.uint8), header))
                    time.sleep(PERIOD)
                self.assertGreaterEqual(len(masks), 5, "the node gave no masks")
                began = time.monotonic()
                os.killpg(node.pid, number)
                output = node.communicate(timeout=20)[0].decode("utf-8", "replace")
                took = time.monotonic() - began
            finally:
                subscriber.unregister()
                if node.poll() is None:
                    os.killpg(node.pid, signal.SIGKILL)
            report(f"{signal.Signals(number).name} while working", note=f"ended after {took:.2f} s, no traceback")
            self.assertNotIn("Traceback", output)
            self.assertLess(took, 2.0)

    def test_after_sigint(self):
        self.end_by(signal.SIGINT)

    def test_after_sigterm(self):
        self.end_by(signal.SIGTERM)


if __name__ == "__main__":
    rospy.init_node("rostest_faults")
    rostest.rosrun("rt_seg", "faults_test", "__main__", sys.argv)
