#!/usr/bin/env python3
"""docs/tutorial.sh, small: a simulated camera, capture, label, augment, build, train, export, and live masks."""
import importlib.util
import os
import re
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

import cv2
import numpy as np
import rostest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT, PAGE = ROOT / "docs" / "tutorial.sh", ROOT / "docs" / "tutorial.md"
SMALL = {
    "FRAMES": "16",
    "RATE": "0.2",
    "STEPS": "2",
    "TRAIN": "--height 96 --width 128 --crop-height 64 --crop-width 64 --batch-size 2 --validate-every 2",
    "EXPORT": "--precision f32 --count 2 --guard-count 2",
}
"""80 seconds are rendered: splits are made along blocks of 20."""


class TutorialTest(unittest.TestCase):
    def test_the_page_shows_the_commands_of_the_script(self):
        script = " ".join(SCRIPT.read_text().split())
        used = re.findall(r"rosrun rt_seg (\w+) ", script)
        shown = [line for line in PAGE.read_text().splitlines() if line.startswith("rosrun rt_seg ")]
        self.assertEqual(len(set(used)), 8)
        for tool in used:
            self.assertTrue([line for line in shown if line.startswith(f"rosrun rt_seg {tool} ")], tool)

    @unittest.skipIf(importlib.util.find_spec("tensorflow") is None, "the offline half is not installed: make training")
    def test_from_the_camera_to_live_masks_by_one_script(self):
        with tempfile.TemporaryDirectory() as name:
            work = Path(name) / "work"
            recipe = (ROOT / "config" / "scenes" / "part_alone.yaml").read_text()
            (Path(name) / "small.yaml").write_text(recipe.replace("camera: {", "camera: {width: 240, height: 180, "))
            environment = dict(os.environ, RECIPE=str(Path(name) / "small.yaml"), TF_CPP_MIN_LOG_LEVEL="2", **SMALL)
            process = subprocess.Popen([str(SCRIPT), "camera", str(work)], env=environment, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip
            self.addCleanup(lambda: process.poll() is None and os.killpg(process.pid, signal.SIGKILL))
            output = process.communicate(timeout=800)[0].decode()
            self.assertEqual(process.returncode, 0, output)
            live = output.split("== live")[1]
            self.assertRegex(live, r"mIoU 0\.\d+ over \d+ frames \(background 0\.\d+, part")
            self.assertGreater(int(re.search(r"(\d+) masks, ", live).group(1)), 5)
            self.assertTrue((work / "live.png").is_file())
            labelled = sorted((work / "labelled" / "gt").iterdir())
            self.assertGreater(len(labelled), 12)
            shares = [np.mean(cv2.imread(str(path), cv2.IMREAD_UNCHANGED) == 1) for path in labelled]
            self.assertTrue(0.01 < np.median(shares) < 0.1, shares)


if __name__ == "__main__":
    rostest.rosrun("rt_seg", "tutorial_test", TutorialTest)
