"""The synthesize tool: the layout it writes, its resuming, and its refusals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import cv2
import numpy as np
import pytest
import yaml
from limited_files import run_limited

from rt_seg.labels import load_labels
from rt_seg.simulation import simulate_scene
from rt_seg.simulation.classes import tabletop_labels, things_labels
from rt_seg_training.commands.synthesize import main
from rt_seg_training.datasets.custom.custom_source import read_custom
from rt_seg_training.datasets.linting import check_source
from rt_seg_training.synthesis import synthesis
from rt_seg_training.synthesis.synthesis import SynthesisError, make_frame, synthesize

pytestmark = pytest.mark.rendering
EXECUTABLE = Path(__file__).resolve().parents[3] / "training" / "synthesize"


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
    with pytest.raises(SynthesisError, match="was started with .*'seed': 40.*this run has .*'seed': 41"):
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
    options = ["--count", "3", "--seed", "40", "--with-depth", "--image-format", "png", "--validation-share", "0.34"]
    command = [sys.executable, str(EXECUTABLE), "--output", str(tmp_path / "data"), "--jobs", "2", *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "3 frames (3 made now, 0 already there)" in done.stdout
    assert content(tmp_path / "data") == content(data)


def test_things_on_surfaces_are_a_scene_of_their_own_and_not_mixed_with_the_tabletop(tmp_path, capsys):
    options = ["--output", str(tmp_path / "data"), "--count", "1", "--jobs", "1", "--depth", "--validation-share", "0"]
    assert main([*options, "--scene", "things"]) == 0, capsys.readouterr().err
    assert load_labels(tmp_path / "data" / "labels.yaml") == things_labels()
    mask = cv2.imread(str(tmp_path / "data" / "gt" / "000000.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(mask, simulate_scene(0, kind="things").ground_truth)
    assert main(options) == 2
    assert "'kind': 'things'" in capsys.readouterr().err


BOX = "{objects: [{class: box, shape: box, size: [0.1, 0.1, 0.05], count: 1}], camera: {width: 96, height: 72}}"


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "box.yaml").write_text(BOX)
    return tmp_path / "box.yaml"


def _zip(recipe, *options):
    archive = recipe.parent / "box.zip"
    return archive, main(["--recipe", str(recipe), "--output", str(archive), "--jobs", "1", "--with-depth", *options])


def test_a_recipe_goes_straight_into_a_zip_that_building_reads(recipe, capsys):
    archive, status = _zip(recipe, "--count", "4", "--validation-share", "0.25")
    assert status == 0, capsys.readouterr().err
    source = read_custom(archive)
    check_source(source)
    assert source.labels.names == ["background", "box"]
    assert [len(source.splits[split]) for split in ("train", "validation")] == [3, 1]
    assert all(pair.depth is not None for pair in source.splits["train"])
    assert sorted(path.name for path in recipe.parent.iterdir()) == ["box.yaml", "box.zip"]


def test_a_zip_grows_and_a_broken_run_goes_on(recipe, capsys, monkeypatch):
    archive, _ = _zip(recipe, "--count", "2")
    first = ZipFile(archive).read("rgb/000001.jpg")
    monkeypatch.setattr(synthesis, "make_frame", _broken_off_at(3))
    archive, status = _zip(recipe, "--count", "4")
    assert status == 130 and len(ZipFile(archive).namelist()) == 8, "what was there stays until the new one is whole"
    monkeypatch.undo()
    capsys.readouterr()
    assert _zip(recipe, "--count", "4")[1] == 0
    assert "4 frames (1 made now, 3 already there)" in capsys.readouterr().out
    assert ZipFile(archive).read("rgb/000001.jpg") == first
    assert {f"gt/{number:06d}.png" for number in range(4)} <= set(ZipFile(archive).namelist())


def _broken_off_at(stop):
    def make(folder, number, *rest):
        if number == stop:
            raise KeyboardInterrupt
        make_frame(folder, number, *rest)

    return make


def test_another_recipe_and_a_strange_zip_are_not_touched(recipe, capsys):
    archive, _ = _zip(recipe, "--count", "1")
    before = archive.read_bytes()
    recipe.write_text(BOX.replace("0.05", "0.06"))
    assert _zip(recipe, "--count", "2")[1] == 2
    assert "box.zip: was started with" in capsys.readouterr().err
    assert archive.read_bytes() == before
    archive.write_bytes(b"mine")
    assert _zip(recipe, "--count", "2")[1] == 2
    assert "box.zip: cannot be read as a zip file" in capsys.readouterr().err
    assert archive.read_bytes() == b"mine"
    assert sorted(path.name for path in recipe.parent.iterdir()) == ["box.yaml", "box.zip"]


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(recipe):
    options = ["--recipe", recipe, "--output", recipe.parent / "box.zip", "--count", "2", "--jobs", "1"]
    for limit, status in ((2000, 2), (-1, 0)):
        done = run_limited("rt_seg_training.commands.synthesize", limit, *options)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr and not list(recipe.parent.rglob("*.part"))
    assert "synthesize: [Errno 27] File too large" not in done.stderr
    assert len(read_custom(recipe.parent / "box.zip").splits["train"]) == 2


def test_the_command_line_reports_a_bad_folder_in_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["--output", str(tmp_path / "file"), "--count", "1"]) == 2
    assert capsys.readouterr().err == f"synthesize: {tmp_path / 'file'}: is a file; --output must name a folder\n"
