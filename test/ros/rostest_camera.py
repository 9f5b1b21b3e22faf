#!/usr/bin/env python3
"""The camera node: a video through live.launch and into a bag, and what it does when a camera is lost."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import cv2
import numpy as np
import rosbag
import rospy
import rostest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "support")]
from color_bundle import write_color_bundle  # noqa: E402
from waiting import wait_for  # noqa: E402

from rt_seg.cameras.errors import CameraError  # noqa: E402
from rt_seg.cameras.realsense import RealSenseCamera, RealSenseSettings  # noqa: E402
from rt_seg.recordings.image_messages import color_to_rgb  # noqa: E402
from rt_seg.ros.camera import camera_node  # noqa: E402
from rt_seg.ros.camera.camera_node import CameraSettings  # noqa: E402
from rt_seg.ros.camera_topics import DEPTH  # noqa: E402
from rt_seg.ros.recording.framesets import read_framesets  # noqa: E402

try:
    from software_camera import HEIGHT, WIDTH, SoftwareCamera, Unpluggable
except ImportError:  # no pyrealsense2 for this platform
    SoftwareCamera, WIDTH, HEIGHT = None, 1, 1

IMAGE, METRE = np.full((HEIGHT, WIDTH, 3), 90, np.uint8), np.full((HEIGHT, WIDTH), 1000, np.uint16)

CALIBRATION = """image_width: 64
image_height: 48
camera_matrix: {rows: 3, cols: 3, data: [60, 0, 31, 0, 61, 23, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0.1, 0, 0, 0, 0]}
"""


def heed_ctrl_c():
    """In a child: SIGINT ends it, also where the caller ignores that (`make test &`, nohup)."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class CameraTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def launch(self, *arguments):
        command = ["roslaunch", "rt_seg", "live.launch", "viewer:=none", *arguments]
        launch = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.addCleanup(lambda: launch.poll() is None and os.killpg(launch.pid, signal.SIGKILL))
        return launch

    def test_a_looping_video_is_a_camera_as_any_other(self):
        film = self.folder / "clip.avi"
        writer = cv2.VideoWriter(str(film), cv2.VideoWriter_fourcc(*"MJPG"), 20.0, (64, 48))
        for _ in range(15):
            writer.write(np.full((48, 64, 3), (200, 0, 0), np.uint8))  # blue
        writer.release()
        (self.folder / "webcam.yaml").write_text(CALIBRATION)
        bundle = write_color_bundle(self.folder / "color")
        received = {"color": [], "info": [], "mask": [], "tf": []}
        topics = {"color": ("/front/color/image_raw", Image), "info": ("/front/color/camera_info", CameraInfo),
                  "mask": ("/segmentation/mask", Image), "tf": ("/tf_static", TFMessage)}  # fmt: skip
        for name, (topic, kind) in topics.items():
            subscriber = rospy.Subscriber(topic, kind, received[name].append, queue_size=None)
            self.addCleanup(subscriber.unregister)
        launch = self.launch("camera:=video", "camera_name:=front", f"video:={film}", "loop:=true", f"bundle:={bundle}",
                             f"calibration:={self.folder / 'webcam.yaml'}")  # fmt: skip
        self.assertTrue(wait_for(lambda: len(received["mask"]) > 30, 60.0), "no masks came")
        image = received["color"][-1]
        self.assertEqual((image.encoding, image.width, image.height), ("rgb8", 64, 48))
        self.assertEqual(image.header.frame_id, "front_color_optical_frame")
        self.assertLess(abs((rospy.Time.now() - image.header.stamp).to_sec()), 5.0)
        infos = {info.header.stamp: info for info in received["info"]}
        self.assertIn(image.header.stamp, infos)
        self.assertEqual((infos[image.header.stamp].K[0], infos[image.header.stamp].width), (60.0, 64))
        stamps = [message.header.stamp.to_sec() for message in received["color"]]
        self.assertAlmostEqual(np.median(np.diff(stamps)), 0.05, delta=0.01)
        self.assertEqual(received["mask"][-1].data[1000], 2)
        frames = {entry.child_frame_id for message in received["tf"] for entry in message.transforms}
        self.assertEqual({frame for frame in frames if frame.startswith("front_")},
                         {"front_color_frame", "front_color_optical_frame"})  # fmt: skip
        bag = self.folder / "bags" / "kitchen"
        record = ["rosrun", "rt_seg", "record", str(bag), "--camera", "front", "--seconds", "3", "--free", "1"]
        result = subprocess.run(record, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual(result.returncode, 0, result.stdout.decode())
        with rosbag.Bag(f"{bag}.bag") as recorded:
            counts = {topic: entry.message_count for topic, entry in recorded.get_type_and_topic_info().topics.items()}
        self.assertGreater(counts["/front/color/image_raw"], 30)
        self.assertGreater(counts["/front/color/camera_info"], 30)
        again = subprocess.run(record, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual(again.returncode, 2)
        self.assertIn("nothing is overwritten", again.stdout.decode())
        packed = [*record[:3], str(bag.parent / "packed"), "--camera", "front", "--compressed", "--free", "1"]
        recorder = subprocess.Popen(packed, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True)
        self.assertTrue(wait_for(lambda: list(bag.parent.glob("packed_*")), 30.0), "no bag")
        time.sleep(2.0)
        os.killpg(recorder.pid, signal.SIGINT)
        recorder.wait(timeout=20)
        framesets = list(read_framesets(bag.parent / "packed", "front", 30.0))
        self.assertGreater(len(framesets), 10)
        colors = [color_to_rgb(message) for frameset in framesets for topic, message in frameset.messages
                  if topic == "color/image_raw"]  # fmt: skip
        self.assertTrue(all(abs(int(color[20, 20, 2]) - 200) < 8 for color in colors))
        began = time.monotonic()
        os.killpg(launch.pid, signal.SIGINT)
        output = launch.communicate(timeout=30)[0].decode("utf-8", "replace")
        self.assertNotIn("Traceback", output)
        print(f"ended {time.monotonic() - began:.1f} s after the signal")

    def run_software_camera(self, name, opened):
        """The camera node on the SDK's software_device; `opened` gets what each opening was told about a reset."""
        software = SoftwareCamera()
        device = Unpluggable(software.device)
        settings = CameraSettings(camera=name)

        over = threading.Event()
        self.addCleanup(over.set)

        def open_source(_, reset_first):
            if over.is_set():
                raise SystemExit  # ends the node's thread
            if not device.connected:
                raise CameraError("no RealSense camera is connected")
            opened.append(reset_first)
            return RealSenseCamera(device, RealSenseSettings(WIDTH, HEIGHT, 30), patience=0.7)

        self.addCleanup(setattr, camera_node, "RETRY", camera_node.RETRY)
        camera_node.RETRY = 0.2
        threading.Thread(target=camera_node.run, args=(settings, open_source), daemon=True).start()
        received = {"color": [], "depth": [], "status": []}
        topics = {"color": (f"/{name}/color/image_raw", Image), "depth": (f"/{name}/{DEPTH}", Image),
                  "status": ("/diagnostics", DiagnosticArray)}  # fmt: skip
        for key, (topic, kind) in topics.items():
            self.addCleanup(rospy.Subscriber(topic, kind, received[key].append, queue_size=None).unregister)
        self.addCleanup(software.stop)
        return software, device, received

    @staticmethod
    def said(received, words, level=DiagnosticStatus.ERROR):
        return any(status.level == level and words in status.message
                   for message in received["status"] for status in message.status)  # fmt: skip

    @unittest.skipIf(SoftwareCamera is None, "pyrealsense2 is not installed on this platform")
    def test_a_realsense_that_stalls_is_reset_and_one_that_is_unplugged_is_waited_for(self):
        opened = []
        software, device, received = self.run_software_camera("soft", opened)
        software.stream(IMAGE, METRE)
        self.assertTrue(wait_for(lambda: len(received["depth"]) > 5, 20.0), "no images")
        self.assertEqual(opened, [False])
        software.stop()
        self.assertTrue(wait_for(lambda: len(opened) >= 2, 10.0), "not opened again after the stall")
        self.assertTrue(all(opened[1:]), "opened again without a reset")
        count = len(received["color"])
        software.stream(IMAGE, METRE)
        self.assertTrue(wait_for(lambda: len(received["color"]) > count + 5, 10.0), "no images after the stall")
        self.assertTrue(wait_for(lambda: self.said(received, "its stream stalled"), 5.0), "nothing in the diagnostics")
        device.connected = False
        software.stop()
        self.assertTrue(wait_for(lambda: self.said(received, "no RealSense camera is connected"), 10.0))
        openings, count = len(opened), len(received["color"])
        device.connected = True
        software.stream(IMAGE, METRE)
        self.assertTrue(wait_for(lambda: len(received["color"]) > count + 5, 10.0), "no images after it is back")
        self.assertFalse(opened[openings], "a camera that was away needs no reset")
        stamps = [message.header.stamp.to_nsec() for message in received["color"]]
        self.assertTrue((np.diff(stamps) > 0).all(), "stamps stepped back over the faults")

    @unittest.skipIf(SoftwareCamera is None, "pyrealsense2 is not installed on this platform")
    def test_framesets_without_colour_or_without_depth_leave_no_unpaired_stamps(self):
        software, _, received = self.run_software_camera("lossy", [])
        software.stream(IMAGE, METRE, skip=lambda number: {1: ("color",), 2: ("depth",)}.get(number % 4, ()))
        self.assertTrue(wait_for(lambda: len(received["color"]) > 40, 20.0), "no images")
        time.sleep(0.3)
        color, depth = ({message.header.stamp for message in received[name]} for name in ("color", "depth"))
        common = {stamp for stamp in depth if min(color) <= stamp <= max(color)}
        # A busy machine may lose a colour image on its way; framesets without colour are a quarter.
        self.assertLess(len(common - color), 0.1 * len(common), "depth came without its colour image")
        # The SDK keeps back some of the colour that lost its depth, more or less of it by the machine's pace.
        self.assertGreater(len(common), 0.4 * len(color), f"{len(common)} depth for {len(color)} colour images")

    def test_without_a_realsense_the_node_says_what_to_do_and_goes_on_looking(self):
        log = self.folder / "log.txt"
        with open(log, "wb") as output:
            node = subprocess.Popen(["rosrun", "rt_seg", "camera_node", "_source:=realsense_sdk", "_serial_no:=none"],
                                    stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                                    preexec_fn=heed_ctrl_c)  # fmt: skip
        words = b"no RealSense none is connected"
        self.assertTrue(wait_for(lambda: log.read_bytes().count(words) >= 2, 40.0), log.read_text())
        self.assertIsNone(node.poll())
        os.killpg(node.pid, signal.SIGINT)
        node.wait(timeout=20)
        self.assertNotIn("Traceback", log.read_text())

    def test_what_cannot_be_had_is_named_and_ends_the_node(self):
        for parameters, words in (
            (["_source:=video", "_video:=/none.mp4"], "video:=/none.mp4: no such file"),
            (["_source:=webcam", "_calibration:=/none.yaml"], "/none.yaml: cannot be read"),
            (["_source:=simulated", "_recipe:=/none.yaml"], "/none.yaml"),
        ):
            command = ["rosrun", "rt_seg", "camera_node", *parameters, f"__name:={parameters[0][9:]}"]
            result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
            output = result.stdout.decode("utf-8", "replace")
            self.assertEqual(result.returncode, 2, output)
            self.assertIn(words, output)
            self.assertNotIn("Traceback", output)


if __name__ == "__main__":
    rospy.init_node("rostest_camera")
    rostest.rosrun("rt_seg", "camera_test", "__main__", sys.argv)
