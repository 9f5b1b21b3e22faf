"""Pre-training from the command line."""

import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from rt_seg_training.pretraining import feature_distillation, training
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
    assert "38 images to learn from, 2 held out" in text and "held-out images: feature error" in text
    errors = [float(found) for found in re.findall(r"step .*feature error ([\d.]+)", text)]
    assert len(errors) == 40 and np.mean(errors[-5:]) < 0.9 * np.mean(errors[:5])
    assert [path.name for path in (tmp_path / "out").iterdir()] == [FILE]
    assert load_training_weights(trunk("ddrnet_23_slim", 64), tmp_path / "out") == []
    assert (tmp_path / "out" / FILE).stat().st_size < 12_000_000


@pytest.mark.parametrize(
    ("side", "start", "told"),
    [(80, None, "--side 80: accepted is a multiple of 32 from 64 on"), (32, None, "--side 32"),
     (64, None, "exists; name another folder, or go on from it with --start"), (64, "other", "exists")],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_before_anything_is_computed(tmp_path, side, start, told):
    (tmp_path / FILE).touch()
    with pytest.raises(training.PretrainingError, match=told):
        training.pretrain(tmp_path, [tmp_path], "ddrnet_23_slim", side, 4, 1, start and tmp_path / start, 0)


def test_a_damaged_image_is_named_and_no_traceback_is_shown(tmp_path, capsys, monkeypatch):
    (tmp_path / "bad.jpg").write_bytes(b"nothing")
    monkeypatch.setattr(sys, "argv", ["training", str(tmp_path / "out"), str(tmp_path), "--side", "64", "--batch", "1"])
    monkeypatch.setenv("RT_SEG_TCMALLOC", "0")
    assert training.main() == 2
    assert re.search("^pretraining: .*bad.jpg: cannot be read as an image", capsys.readouterr().err, re.MULTILINE)


def test_no_steps_are_refused(tmp_path):
    with pytest.raises(training.PretrainingError, match="--steps 0: both must be at least 1"):
        training.pretrain(tmp_path, [tmp_path], "ddrnet_23_slim", 64, 4, 0, None, 0)


def test_the_average_and_the_network_that_learns_share_no_weights(monkeypatch):
    """A save would otherwise put the average in the place of what learns."""
    made = []
    monkeypatch.setattr(feature_distillation, "trunk", lambda *given: made.append(trunk(*given)) or made[-1])
    monkeypatch.setattr(feature_distillation, "Teacher", lambda side: (_ for _ in ()).throw(InterruptedError))
    monkeypatch.setattr("rt_seg_training.pretraining.image_crops.find_images", lambda folders: [])
    with pytest.raises(InterruptedError):
        training.pretrain(Path("nowhere"), [], "ddrnet_23_slim", 64, 4, 1, None, 0)
    first, second = ({id(weight) for weight in net.weights} for net in made)
    assert first and not first & second
