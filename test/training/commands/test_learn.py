"""`learn` refuses what it cannot begin with, in one line."""

import argparse
import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import yaml

from rt_seg_training.commands.learn import _run, _state, main
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.learning import training_settings
from rt_seg_training.learning.evaluated_frames import confusion_by_frame
from rt_seg_training.learning.stages import environment_of_tools, tool


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "--name", "cup"], "nowhere: no such file or folder; accepted are a labelled folder"),
        (["x", "--name", "../cup"], "--name '../cup': must start with a letter"),
        (["--name", "cup"], "give either SOURCE or --from-node"),
        (["x", "--name", "cup", "--minutes", "0"], "--minutes 0: accepted are 0.1 to 1440"),
    ],
)
def test_what_it_cannot_begin_with_is_named_with_what_is_accepted(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(arguments)
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2 and words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_with_broken_labels_stops_at_the_check_and_keeps_what_was_done(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("rgb", "gt"):
        (tmp_path / "set" / name).mkdir(parents=True)
    (tmp_path / "set" / "gt" / "1.png").write_bytes(b"no image")
    (tmp_path / "set" / "labels.yaml").write_text("classes: nothing")
    assert main(["set", "--name", "cup"]) == 1
    printed = capsys.readouterr()
    assert "check failed (exit code 2" in printed.err and "labels.yaml" in printed.err
    assert (tmp_path / "learn_cup" / "logs" / "check.log").is_file()


TINY = {
    "net": "lite0_pyramid", "height": 64, "width": 96, "crop_height": 64, "crop_width": 64, "batch_size": 2, "steps": 6,
    "validate_every": 3, "warmup_steps": 2, "ema": 0.5,
}  # fmt: skip


def _labelled(folder: Path) -> Path:
    """48 images of a bright square somewhere, with masks."""
    random = np.random.default_rng(0)
    for name in ("rgb", "gt"):
        (folder / name).mkdir(parents=True)
    for number in range(48):
        mask = np.zeros((72, 96), np.uint8)
        top, left = random.integers(0, 40), random.integers(0, 60)
        mask[top : top + 30, left : left + 30] = 1
        image = random.normal(90, 12, (72, 96, 3)) + 90 * mask[..., None]
        cv2.imwrite(str(folder / "rgb" / f"{number}.png"), np.clip(image, 0, 255).astype(np.uint8))
        cv2.imwrite(str(folder / "gt" / f"{number}.png"), mask)
    classes = [{"id": i, "name": name, "color": [i, i, i]} for i, name in enumerate(("background", "square"))]
    (folder / "labels.yaml").write_text(yaml.safe_dump({"classes": classes}))
    return folder


def test_a_corrected_mask_is_checked_and_built_again_and_trained_on_in_a_run_of_its_own(tmp_path, monkeypatch):
    folder = _labelled(tmp_path / "set")
    options = argparse.Namespace(
        source=str(folder), from_node=None, name="square", minutes=0.1, settings=None, start=None, license="MIT",
        precision="f32",
    )  # fmt: skip
    monkeypatch.setattr(training_settings, "_speed", lambda *_: 10.0)

    class Told(Exception):
        """Raised at the training: what was asked for is known then."""

    class Recorder:
        def __init__(self):
            self.states, self.run_folder = {}, ""

        def run(self, stage, number, count):
            self.states[stage.name] = stage.state
            if stage.name == "train":
                self.run_folder = stage.arguments[-1]
                raise Told

    def begun() -> Recorder:
        recorder = Recorder()
        with pytest.raises(Told):
            _run(options, tmp_path, True, recorder)
        return recorder

    first, again = begun(), begun()
    assert (first.states, first.run_folder) == (again.states, again.run_folder), "it would not resume"
    mask = cv2.imread(str(folder / "gt" / "7.png"), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(folder / "gt" / "7.png"), 1 - mask)
    changed = begun()
    assert changed.states["check"] != first.states["check"] and changed.states["build"] != first.states["build"]
    assert changed.run_folder != first.run_folder


def test_a_folder_that_cannot_be_read_has_a_state_too_so_that_its_check_runs_and_says_why(tmp_path):
    (tmp_path / "rgb").mkdir()
    assert str(tmp_path) in _state(tmp_path)


def test_a_frame_that_the_evaluation_did_not_see_is_named(tmp_path):
    folder = _labelled(tmp_path / "set")
    with pytest.raises(DatasetError, match=r"predictions/\d+\.png: cannot be read; .*set has changed since"):
        confusion_by_frame(folder, tmp_path / "report", "validation")


@pytest.mark.slow
@pytest.mark.skipif("RT_SEG_NIGHTLY" not in os.environ, reason="minutes long: set RT_SEG_NIGHTLY=1 to run it")
@pytest.mark.timeout(2400)
def test_stopped_by_ctrl_c_in_every_stage_and_begun_again_it_ends_as_if_it_had_never_been_stopped(tmp_path):
    folder = _labelled(tmp_path / "set")
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))

    def begin(work: str) -> subprocess.Popen:
        environment = {**environment_of_tools(), "RT_SEG_MODELS": str(tmp_path / work / "models")}
        arguments = [str(folder), "--name", "square", "--minutes", "0.1", "--settings", str(tmp_path / "tiny.yaml")]
        arguments += ["--precision", "f32"]
        command = tool("rt_seg_training.commands.learn", *arguments, "--work", str(tmp_path / work), "--no-browser")
        return subprocess.Popen(
            [sys.executable, *command], env=environment, start_new_session=True, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    for stage in ("check", "build", "train", "export", "report"):
        log = tmp_path / "stopped" / "logs" / f"{stage}.log"
        process = begin("stopped")
        while not log.exists() and process.poll() is None:
            time.sleep(0.05)
        if stage == "train":  # in its midst, not while it starts
            while b"initial weights" not in log.read_bytes() and process.poll() is None:
                time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate()[0]
        assert process.returncode == 130 and "run the same command again to resume" in said, f"{stage}: {said}"
    ends = []
    for work in ("stopped", "whole"):
        process = begin(work)
        said = process.communicate()[0]
        assert process.returncode == 0, said
        score = re.search(r"mean IoU 0\.\d+, 95 % .*", said).group()
        (run,) = (tmp_path / work).glob("run_*")
        ends.append((score, (run / "model.weights.h5").read_bytes()))
        assert (tmp_path / work / "models" / "square" / "bundle.yaml").is_file()
    assert ends[0][0] == ends[1][0]
    with h5py.File(io.BytesIO(ends[0][1])) as one, h5py.File(io.BytesIO(ends[1][1])) as other:
        names = []
        one.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        assert len(names) > 100
        for name in names:
            np.testing.assert_array_equal(one[name][()], other[name][()], err_msg=name)
