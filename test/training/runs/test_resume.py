"""A run that is killed, interrupted or out of disk continues as if nothing had happened; several devices train as one.

Each run is a process of its own: a kill is one, and TensorFlow's devices are set up once per process.
"""

import csv
import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import yaml

from rt_seg_training.commands.build_dataset import main as build_dataset
from rt_seg_training.configuration import ConfigurationError, load_configuration
from rt_seg_training.datasets.loading import load_dataset

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = Path(__file__).with_name("train_bars.py")
LABELS = {"classes": [{"id": 0, "name": "dark", "color": [0, 0, 0]}, {"id": 1, "name": "bright", "color": [9, 9, 9]}]}
TIMEOUT = 120


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    rng = np.random.default_rng(0)
    for name in "abcdefg":
        label = np.zeros((64, 64), np.uint8)
        left = int(rng.integers(0, 40))
        label[:, left : left + 24] = 1
        image = np.where(label[..., None] == 1, 220, 30).astype(np.uint8) + rng.integers(0, 20, (64, 64, 3), np.uint8)
        for kind, picture in (("rgb", image), ("gt", label)):
            (folder / kind).mkdir(exist_ok=True)
            cv2.imwrite(str(folder / kind / f"{name}.png"), picture)
    (folder / "labels.yaml").write_text(yaml.safe_dump(LABELS))
    (folder / "splits.yaml").write_text(yaml.safe_dump({"train": list("abcde"), "validation": list("fg")}))
    built = tmp_path_factory.mktemp("built")
    assert build_dataset(["custom", str(folder), "--name", "bars", "--data-dir", str(built)]) == 0
    return built


def _start(run, data_dir, *settings, environment=None, **options):
    variables = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'training'}", "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, str(SCRIPT), str(run), str(data_dir), *settings]
    return subprocess.Popen(
        command, env={**variables, **(environment or {})}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        **options,
    )  # fmt: skip


def _finish(process, status=0):
    try:
        output, _ = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    assert process.returncode == status, output
    return output


def _weights(run, name="last.weights.h5"):
    values = {}
    with h5py.File(run / name) as file:
        file.visititems(lambda path, item: values.update({path: item[()]}) if isinstance(item, h5py.Dataset) else None)
    assert values
    return values


def _assert_same_run(run, expected):
    for name in ("last.weights.h5", "model.weights.h5", "best_loss.weights.h5"):
        ours, theirs = _weights(run, name), _weights(expected, name)
        assert ours.keys() == theirs.keys()
        for path, value in theirs.items():
            np.testing.assert_array_equal(ours[path], value, err_msg=f"{name}: {path}")
    assert (run / "history.csv").read_text() == (expected / "history.csv").read_text()
    assert json.loads((run / "result.json").read_text()) == json.loads((expected / "result.json").read_text())


def _checkpoint_step(run):
    with np.load(run / "checkpoint.npz") as file:
        return json.loads(file["progress"].tobytes())["step"]


def _wait_for_step(run, process, step):
    """Until the checkpoint is of that step or a later one."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        if (run / "checkpoint.npz").exists() and _checkpoint_step(run) >= step:
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    raise AssertionError("the run has made no checkpoint")


RECIPE = ("ema=0.5", "gradient_clip_norm=1.0", "blur=0.5", "noise=0.5", "jpeg=0.5")


@pytest.fixture(scope="module")
def uninterrupted(data_dir, tmp_path_factory):
    run = tmp_path_factory.mktemp("uninterrupted")
    _finish(_start(run, data_dir, *RECIPE))
    return run


@pytest.mark.slow
def test_a_run_killed_in_the_middle_of_an_epoch_gives_the_weights_of_one_that_was_not(
    data_dir, uninterrupted, tmp_path
):
    process = _start(tmp_path, data_dir, *RECIPE, "pause=0.3")
    _wait_for_step(tmp_path, process, 4)
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    assert not (tmp_path / "result.json").exists()
    assert "resumes after step" in _finish(_start(tmp_path, data_dir, *RECIPE))
    _assert_same_run(tmp_path, uninterrupted)


@pytest.mark.slow
def test_a_full_disk_and_ctrl_c_lose_nothing_that_was_saved(data_dir, uninterrupted, tmp_path):
    process = _start(tmp_path, data_dir, *RECIPE, "pause=0.3")
    _wait_for_step(tmp_path, process, 1)
    # No file of this process may grow beyond some kilobytes from now on: what a full disk does to a write.
    subprocess.run(["prlimit", f"--pid={process.pid}", "--fsize=4000"], check=True)
    output = _finish(process, status=1)
    assert "checkpoint.npz: cannot be saved: " in output
    assert "the previous file is kept" in output
    assert not list(tmp_path.glob(".*.part*"))

    settings = (*RECIPE, "checkpoint_minutes=60")
    process = _start(tmp_path, data_dir, *settings, "pause=0.5")
    begun = _checkpoint_step(tmp_path)
    while begun < 5:  # the checkpoint at hand is then that of the score after step 3
        line = process.stdout.readline()
        assert line, "the run ended before its fifth step"
        begun += "a step begins" in line
    process.send_signal(signal.SIGINT)
    _finish(process, status=130)
    assert _checkpoint_step(tmp_path) == 5
    _finish(_start(tmp_path, data_dir, *settings))
    _assert_same_run(tmp_path, uninterrupted)


def _losses(run):
    with (run / "history.csv").open() as stream:
        return [float(row["loss"]) for row in csv.DictReader(stream)]


DISTRIBUTED = (
    "mixed_precision=float32", "optimizer=sgd", "learning_rate=0.02", "validate_every=1",
    "steps=4", "batch_size=4", "scale_min=1.0", "scale_max=1.0", "gradient_clip_norm=2.0",
)  # fmt: skip


@pytest.fixture(scope="module")
def single(data_dir, tmp_path_factory):
    run = tmp_path_factory.mktemp("single")
    assert "1 replica, global batch 4 = 1 x 4" in _finish(_start(run, data_dir, *DISTRIBUTED))
    return run


def _assert_follows(run, single):
    np.testing.assert_allclose(_losses(run), _losses(single), rtol=2e-3)
    ours, theirs = _weights(run), _weights(single)
    distance = np.sqrt(sum(np.square(ours[path] - value, dtype=np.float64).sum() for path, value in theirs.items()))
    size = np.sqrt(sum(np.square(value, dtype=np.float64).sum() for value in theirs.values()))
    assert distance < 1e-3 * size


@pytest.mark.slow
def test_two_logical_devices_train_as_one(data_dir, single, tmp_path):
    output = _finish(_start(tmp_path, data_dir, *DISTRIBUTED, "distribution=mirrored", "cpus=2"))
    assert "distribution mirrored: 2 replicas, global batch 4 = 2 x 2, learning rate 0.02" in output
    _assert_follows(tmp_path, single)


@pytest.mark.slow
def test_two_processes_train_as_one(data_dir, single, tmp_path):
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    workers = [f"127.0.0.1:{port}" for port in ports]
    processes = [
        _start(
            tmp_path, data_dir, *DISTRIBUTED, "distribution=multi_worker",
            environment={
                "TF_CONFIG": json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
            },
        )
        for index in range(2)
    ]  # fmt: skip
    try:
        outputs = [_finish(process) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert all("distribution multi_worker: 2 replicas, global batch 4 = 2 x 2" in output for output in outputs)
    _assert_follows(tmp_path, single)


def _ask_for_more_steps(run, data_dir, steps):
    """What is refused before anything is computed needs no process of its own."""
    from rt_seg_training.runs.training_run import TrainingRun

    configuration = load_configuration(run / "configuration.yaml")
    TrainingRun(dataclasses.replace(configuration, run=str(run), steps=steps), load_dataset("bars", data_dir)).train()


@pytest.mark.slow
def test_a_finished_run_continues_when_it_is_asked_for_more_steps_and_only_then(data_dir, uninterrupted, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    before = (run / "history.csv").read_text().splitlines()
    with pytest.raises(ConfigurationError, match=r"holds a finished run of 6 steps; --steps above 6 continues it"):
        _ask_for_more_steps(run, data_dir, 6)
    output = _finish(_start(run, data_dir, *RECIPE, "steps=9"))
    assert (
        "finished after 6 steps; continuing to 9; the learning rate schedule now spans all 9" in output
        and "resumes after step 6" in output
    )
    assert json.loads((run / "result.json").read_text())["steps"] == 9
    history = (run / "history.csv").read_text().splitlines()
    assert history[: len(before)] == before and len(history) == len(before) + 1
    (run / "checkpoint.npz").unlink()
    with pytest.raises(ConfigurationError, match="cannot be continued; start a new run from its weights"):
        _ask_for_more_steps(run, data_dir, 12)
