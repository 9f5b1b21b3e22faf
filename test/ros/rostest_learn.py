#!/usr/bin/env python3
"""`learn --from-node`: what a running node saved goes in, its masks corrected; a better model comes out of it, live.

Camera: the simulated one. The first model knows only which colour channel is the brightest.
"""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import cv2
import numpy as np
import rospy
import rostest
import yaml
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "support")]
from color_bundle import write_color_bundle  # noqa: E402
from rostest_faults import start_node, wait_for  # noqa: E402

from rt_seg.msg import LabelInfo  # noqa: E402
from rt_seg.recordings.image_messages import mask_from_message  # noqa: E402
from rt_seg.ros.camera_topics import GROUND_TRUTH  # noqa: E402

CLASSES = ("background", "part", "clutter")
OF_SCENE = np.array([0, 1, 1, 1, 1, 2], np.uint8)
"""Class of each id of the simulated tabletop: background, peg, block, plate, hole, clutter."""
FRAMES = 12
SMALL = {
    "net": "lite0_pyramid", "height": 96, "width": 128, "crop_height": 96, "crop_width": 128, "batch_size": 4,
    "steps": 16, "validate_every": 16, "warmup_steps": 5, "ema": 0.8,
}  # fmt: skip


@unittest.skipIf(importlib.util.find_spec("tensorflow") is None, "the offline half is not installed: make training")
class LearnTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        first = write_color_bundle(self.root / "models" / "first", names=CLASSES, name="first")
        self.start(
            subprocess.Popen(
                ["rosrun", "rt_seg", "camera_node", "_source:=simulated", "_width:=160", "_height:=120", "_fps:=4"],
                start_new_session=True,
            )
        )
        self.start(start_node(first, "segmentation", f"_save_folder:={self.root / 'saved'}"))
        self.truth, self.masks, self.labels = {}, {}, []
        rospy.Subscriber(f"/camera/{GROUND_TRUTH}", Image, self.keep(self.truth), queue_size=None)
        rospy.Subscriber("/segmentation/mask", Image, self.keep(self.masks), queue_size=None)
        rospy.Subscriber("/segmentation/labels", LabelInfo, self.labels.append)
        self.assertTrue(wait_for(lambda: len(set(self.truth) & set(self.masks)) > 2, 90.0), "no masks came")

    def start(self, process):
        self.addCleanup(lambda: process.poll() is None and os.killpg(process.pid, signal.SIGKILL))

    @staticmethod
    def keep(into):
        def callback(message):
            into[message.header.stamp.to_nsec()] = mask_from_message(message).copy()

        return callback

    def test_saved_frames_become_a_better_model_in_the_running_node_and_the_old_one_stays(self):
        save = rospy.ServiceProxy("/segmentation/save_frame", Trigger)
        saved = []
        while len(saved) < FRAMES:
            answer = save()
            self.assertTrue(answer.success, answer.message)
            if answer.message not in saved:
                saved.append(answer.message)
        for path in map(Path, saved):  # what somebody would do in the window
            stamp = int(path.stem.replace("_", ""))
            self.assertTrue(wait_for(lambda stamp=stamp: stamp in self.truth))
            cv2.imwrite(str(self.root / "saved" / "gt" / path.name), OF_SCENE[self.truth[stamp]])
        names = [Path(path).stem for path in saved]
        splits = {"train": names[:-3], "validation": names[-3:]}  # too few seconds for blocks of them
        (self.root / "saved" / "splits.yaml").write_text(yaml.safe_dump(splits))
        (self.root / "small.yaml").write_text(yaml.safe_dump(SMALL))
        environment = {**os.environ, "RT_SEG_MODELS": str(self.root / "models"), "TF_CPP_MIN_LOG_LEVEL": "2"}
        command = [
            "rosrun", "rt_seg", "learn", "--from-node", "--as-saved", "--name", "second", "--minutes", "0.1",
            "--settings", str(self.root / "small.yaml"), "--work", str(self.root / "work"), "--no-browser",
            "--precision", "f16",
        ]  # fmt: skip
        began = time.monotonic()
        learn = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(learn.returncode, 0, learn.stdout)
        before, after = map(float, re.search(r"first (0\.\d+), second (0\.\d+)", learn.stdout).groups())
        print(f"mean IoU {before} before, {after} after, in {time.monotonic() - began:.0f} s")
        self.assertGreater(after, before + 0.1, learn.stdout)
        self.assertIn("/segmentation now runs second", learn.stdout)
        self.assertTrue((self.root / "models" / "first" / "bundle.yaml").is_file(), "the old one is kept")
        # The masks are of the new model now: the old one has them in blocks of 8x8.
        self.masks.clear()
        self.assertTrue(wait_for(lambda: len(set(self.masks) & set(self.truth)) > 3, 30.0), "the node stands still")
        stamps = sorted(set(self.masks) & set(self.truth))
        right = np.mean([np.mean(self.masks[stamp] == OF_SCENE[self.truth[stamp]]) for stamp in stamps])
        self.assertGreater(right, 0.7)


if __name__ == "__main__":
    rospy.init_node("learn_test")
    rostest.rosrun("rt_seg", "learn_test", LearnTest)
