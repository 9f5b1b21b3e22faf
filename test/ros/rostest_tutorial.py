#!/usr/bin/env python3
"""docs/tutorial.sh, small: a simulated camera or a CAD file, one `learn`, and live masks."""

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
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCRIPT, PAGE = ROOT / "docs" / "tutorial.sh", ROOT / "docs" / "tutorial.md"
SETTINGS = {
    "net": "lite0_pyramid", "height": 96, "width": 128, "crop_height": 64, "crop_width": 64, "batch_size": 2,
    "steps": 2, "validate_every": 2, "warmup_steps": 1,
}  # fmt: skip
FRAMES = "16"
RATE = "0.2"
"""Hz: 80 seconds are rendered, for splits are made along blocks of 20."""


class TutorialTest(unittest.TestCase):
    def test_the_page_shows_the_commands_of_the_script(self):
        script = " ".join(SCRIPT.read_text().split())
        used = re.findall(r"rosrun rt_seg (\w+) ", script)
        shown = [line for line in PAGE.read_text().splitlines() if line.startswith("rosrun rt_seg ")]
        self.assertEqual(set(used), {"learn", "make_recording"})
        for tool in used:
            self.assertTrue([line for line in shown if line.startswith(f"rosrun rt_seg {tool} ")], tool)

    def run_script(self, workflow, recipe):
        """The folder that it worked in, and what it printed."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        root = Path(folder.name)
        (root / "small.yaml").write_text(re.sub("camera: {(width: 640, height: 480, )?",
                                                "camera: {width: 240, height: 180, ", recipe))  # fmt: skip
        (root / "settings.yaml").write_text(yaml.safe_dump(SETTINGS))
        environment = {
            **os.environ, "RECIPE": str(root / "small.yaml"), "TF_CPP_MIN_LOG_LEVEL": "2", "FRAMES": FRAMES,
            "RATE": RATE, "LEARN": f"--settings {root / 'settings.yaml'} --precision f32 --count 20",
        }  # fmt: skip
        process = subprocess.Popen(
            [str(SCRIPT), workflow, str(root / "work")], env=environment, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.addCleanup(lambda: process.poll() is None and os.killpg(process.pid, signal.SIGKILL))
        output = process.communicate(timeout=800)[0].decode()
        self.assertEqual(process.returncode, 0, output)
        self.assertRegex(output, r"mean IoU 0\.\d+, 95 % CI 0\.\d+ to 0\.\d+, on \d+ frames of validation")
        live = output.split("== live")[1]
        self.assertRegex(live, r"mIoU 0\.\d+ over \d+ frames \(background 0\.\d+, ")
        self.assertGreater(int(re.search(r"(\d+) masks, ", live).group(1)), 5)
        self.assertTrue((root / "work" / "live.png").is_file())
        return root / "work", output

    @unittest.skipIf(importlib.util.find_spec("tensorflow") is None, "the offline half is not installed: make training")
    def test_from_the_camera_to_live_masks_by_one_learn(self):
        recipe = (ROOT / "config" / "scenes" / "part_alone.yaml").read_text()
        work, output = self.run_script("camera", recipe)
        self.assertIn("part: capture → label → check → build → train → export → report", output)
        labelled = sorted((work / "learn" / "images" / "gt").iterdir())
        self.assertGreater(len(labelled), 12)
        shares = [np.mean(cv2.imread(str(path), cv2.IMREAD_UNCHANGED) == 1) for path in labelled]
        self.assertTrue(0.01 < np.median(shares) < 0.1, shares)

    @unittest.skipIf(importlib.util.find_spec("tensorflow") is None, "the offline half is not installed: make training")
    @unittest.skipIf("RT_SEG_NIGHTLY" not in os.environ, "minutes long: set RT_SEG_NIGHTLY=1 to run it")
    def test_from_the_mesh_to_live_masks_by_one_learn(self):
        scenes = ROOT / "config" / "scenes"
        recipe = (scenes / "bracket.yaml").read_text().replace("mesh: ", f"mesh: {scenes}/")
        work, output = self.run_script("mesh", recipe)
        self.assertIn("bracket: render → check → build → train → export → report", output)
        self.assertTrue((work / "learn" / "scenes.zip").is_file())


if __name__ == "__main__":
    rostest.rosrun("rt_seg", "tutorial_test", TutorialTest)
