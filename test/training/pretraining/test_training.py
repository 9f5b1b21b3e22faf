"""Pre-training from the command line."""

import re

import cv2
import numpy as np
import pytest

from rt_seg_training.pretraining import training
from rt_seg_training.pretraining.feature_distillation import trunk
from rt_seg_training.runs.training_weights import FILE, load_training_weights


@pytest.mark.slow
def test_steps_bring_the_maps_closer_to_the_teachers_and_leave_weights_to_start_from(tmp_path, capsys, monkeypatch):
    random = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for number in range(40):
        coarse = random.integers(0, 256, (5, 5, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), cv2.resize(coarse, (80, 70)))
    monkeypatch.setattr(training, "REPORT_SECONDS", 0)
    training.pretrain(tmp_path / "out", [tmp_path / "images"], "ddrnet_23_slim", 64, 8, 40, None, 0)
    text = capsys.readouterr().out
    assert "38 images to learn from, 2 held out" in text and "held out images: error of the maps" in text
    errors = [float(found) for found in re.findall(r"step .*error of the maps ([\d.]+)", text)]
    assert len(errors) == 40 and np.mean(errors[-5:]) < 0.9 * np.mean(errors[:5])
    assert load_training_weights(trunk("ddrnet_23_slim", 64), tmp_path / "out") == []
    assert (tmp_path / "out" / FILE).stat().st_size < 12_000_000
