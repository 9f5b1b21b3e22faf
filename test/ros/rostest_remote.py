#!/usr/bin/env python3
"""runtime: remote of the live node with a real server: masks of the server, of the local engine, and of the server."""

import signal
import subprocess
import sys
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
from inference_server import InferenceServer, why_not  # noqa: E402
from waiting import wait_for  # noqa: E402

from rt_seg.bundle import load_bundle  # noqa: E402
from rt_seg.ros.conversions import image_message  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


@unittest.skipIf(why_not(), why_not())
class RemoteTest(unittest.TestCase):
    def test_a_server_that_dies_costs_no_masks_and_diagnostics_say_it(self):
        bundle = load_bundle(ROOT / "models" / "tabletop")
        with InferenceServer(bundle) as server:
            node = subprocess.Popen([
                sys.executable, str(ROOT / "scripts" / "segmentation_node"), "__name:=segmentation",
                f"_bundle:={bundle.folder}", "_runtime:=remote", f"_server:={server.address}", "_server_deadline:=0.8",
                "_threads:=1", "_use_depth:=false",
            ])  # fmt: skip
            masks, statuses = [], {}
            rospy.Subscriber("/segmentation/mask", Image, masks.append)
            rospy.Subscriber(
                "/diagnostics", DiagnosticArray, lambda m: statuses.update({one.name: one for one in m.status})
            )
            color = rospy.Publisher("/color/image_raw", Image, queue_size=1)
            pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)

            def send_until(condition, seconds=60.0):
                deadline = time.monotonic() + seconds
                while not condition() and time.monotonic() < deadline:
                    color.publish(image_message(pixels, Header(stamp=rospy.Time.now(), frame_id="camera")))
                    time.sleep(0.2)
                return condition()

            def model():
                return statuses.get("segmentation: model", DiagnosticStatus(level=DiagnosticStatus.STALE))

            def engine():
                return next((pair.value for pair in model().values if pair.key == "engine"), "")

            try:
                self.assertTrue(send_until(lambda: masks and model().level == DiagnosticStatus.OK), model())
                self.assertTrue(send_until(lambda: engine().startswith("remote ") and "(0 images" not in engine()))
                server.send(signal.SIGSTOP)
                count, moment = len(masks), time.monotonic()
                self.assertTrue(send_until(lambda: len(masks) > count + 1))
                print(f"two masks within {time.monotonic() - moment:.2f} s of the stall")
                self.assertTrue(send_until(lambda: model().level == DiagnosticStatus.WARN, 10.0), model())
                self.assertIn("falls back to the local engine", model().message)
                self.assertTrue(engine().startswith("OpenVINO"), engine())
                server.send(signal.SIGCONT)
                self.assertTrue(send_until(lambda: model().level == DiagnosticStatus.OK), model())
                self.assertTrue(engine().startswith("remote "), engine())
                self.assertTrue(wait_for(lambda: node.poll() is None))
            finally:
                node.send_signal(signal.SIGINT)
                node.wait(timeout=20)


if __name__ == "__main__":
    rospy.init_node("rostest_remote")
    rostest.rosrun("rt_seg", "remote_test", "__main__", sys.argv)
