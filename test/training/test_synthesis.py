"""The synthesize tool: the layout it writes, its resuming, and its refusals."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from rt_seg.labels import load_labels
from rt_seg.simulation import simulate_scene
from rt_seg.simulation.classes import tabletop_labels
from rt_seg_training.synthesis import SynthesisError, main, synthesize

EXECUTABLE = Path(__file__).resolve().parents[2] / "training" / "synthesize"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "tabletop"
    assert synthesize(folder, 3, seed=40, with_depth=True, image_format="png", validation_share=0.34) == 3
    return folder


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_layout_is_that_of_a_custom_data_set(data):
    names = sorted(str(path) for path in content(data))
    triples = sorted(f"{kind}/00000{i}.png" for kind in ("rgb", "gt", "depth") for i in range(3))
    assert names == sorted([*triples, "labels.yaml", "splits.yaml", "recipe.yaml"])
    assert load_labels(data / "labels.yaml") == tabletop_labels()
    splits = yaml.safe_load((data / "splits.yaml").read_text())
    assert splits == {"train": ["000000", "000001"], "validation": ["000002"]}


def test_frame_i_is_the_scene_of_seed_plus_i_bit_by_bit(data):
    frame = simulate_scene(42)
    np.testing.assert_array_equal(cv2.imread(str(data / "rgb/000002.png"))[..., ::-1], frame.color)
    np.testing.assert_array_equal(cv2.imread(str(data / "gt/000002.png"), cv2.IMREAD_UNCHANGED), frame.ground_truth)
    np.testing.assert_array_equal(cv2.imread(str(data / "depth/000002.png"), cv2.IMREAD_UNCHANGED), frame.depth)


def test_a_second_run_makes_only_what_is_missing_and_makes_it_the_same(data):
    before = content(data)
    stamp = (data / "rgb/000000.png").stat().st_mtime_ns
    (data / "gt/000001.png").unlink()
    assert synthesize(data, 3, seed=40, with_depth=True, image_format="png", validation_share=0.34) == 1
    assert content(data) == before
    assert (data / "rgb/000000.png").stat().st_mtime_ns == stamp
    assert synthesize(data, 3, seed=40, with_depth=True, image_format="png", validation_share=0.34) == 0


def test_a_folder_begun_with_another_seed_is_not_mixed(data):
    before = content(data)
    with pytest.raises(SynthesisError, match="was begun with .*'seed': 40.*asks for .*'seed': 41"):
        synthesize(data, 3, seed=41, image_format="png")
    assert content(data) == before


def test_a_folder_of_other_pictures_is_left_alone(tmp_path):
    (tmp_path / "rgb").mkdir()
    (tmp_path / "rgb" / "mine.jpg").write_bytes(b"mine")
    with pytest.raises(SynthesisError, match="holds images but no recipe.yaml"):
        synthesize(tmp_path, 1)
    assert content(tmp_path) == {Path("rgb/mine.jpg"): b"mine"}


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"count": 0}, "count 0: accepted are integers from 1"),
        ({"count": 1, "seed": -1}, "seed -1: accepted are integers from 0"),
        ({"count": 1, "jobs": 0}, "jobs 0: accepted are integers from 1"),
        ({"count": 1, "image_format": "bmp"}, "'bmp': accepted are jpg, png"),
        ({"count": 2, "validation_share": 1.0}, "validation share 1.0: accepted are 0 to below 1"),
    ],
)
def test_settings_out_of_range_are_refused_before_anything_is_written(tmp_path, settings, message):
    with pytest.raises(SynthesisError, match=message):
        synthesize(tmp_path / "data", **settings)
    assert not (tmp_path / "data").exists()


def test_the_executable_works_on_several_processes_and_gives_the_bytes_of_one(data, tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    options = ["--count", "3", "--seed", "40", "--depth", "--image-format", "png", "--validation-share", "0.34"]
    command = [sys.executable, str(EXECUTABLE), "--output", str(tmp_path / "data"), "--jobs", "2", *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "3 frames (3 made now, 0 were there)" in done.stdout
    assert content(tmp_path / "data") == content(data)


def test_the_command_line_reports_a_bad_folder_in_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["--output", str(tmp_path / "file"), "--count", "1"]) == 1
    assert capsys.readouterr().err == f"synthesize: {tmp_path / 'file'}: is a file; --output must name a folder\n"
