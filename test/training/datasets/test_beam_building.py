"""Building on Apache Beam, with its local runner: the same set as without."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import yaml
from PIL import Image

from rt_seg_training.commands.build_dataset import main
from rt_seg_training.datasets.building import build_dataset
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.linting import inspections
from rt_seg_training.datasets.loading import load_dataset
from rt_seg_training.datasets.nyu_depth_v2.nyu_depth_v2_source import read_nyu_depth_v2

needs_beam = functools.partial(
    pytest.importorskip, "apache_beam", reason="Apache Beam is not installed: pip install -r requirements-beam.txt"
)
ROOT = Path(__file__).resolve().parents[3]
CLASSES = [{"id": i, "name": name, "color": [90 * i] * 3} for i, name in enumerate(("floor", "peg", "hole"))]


@pytest.fixture
def archive(tmp_path):
    """A zip file of twelve frames, every other one with depth."""
    folder = tmp_path / "pegs"
    for kind in ("rgb", "gt", "depth"):
        (folder / kind).mkdir(parents=True)
    random = np.random.default_rng(3)
    for number in range(12):
        Image.fromarray(random.integers(0, 256, (6, 8, 3), np.uint8)).save(folder / "rgb" / f"{number}.png")
        Image.fromarray(random.integers(0, 3, (6, 8), np.uint8)).save(folder / "gt" / f"{number}_mask.png")
        if number % 2:
            depth = random.integers(300, 9000, (6, 8)).astype(np.uint16)
            Image.fromarray(depth).save(folder / "depth" / f"{number}.png")
    (folder / "labels.yaml").write_text(yaml.safe_dump({"classes": CLASSES}))
    names = [str(number) for number in range(12)]
    (folder / "splits.yaml").write_text(yaml.safe_dump({"train": names[:9], "validation": names[9:]}))
    return shutil.make_archive(str(tmp_path / "pegs"), "zip", folder)


def test_a_set_built_on_beam_is_that_built_without_in_content_order_and_metadata(archive, tmp_path):
    needs_beam()
    plain, _ = build_dataset("custom", archive, data_dir=tmp_path / "plain")
    on_beam, _ = build_dataset("custom", archive, data_dir=tmp_path / "beam", beam_runner="DirectRunner")
    assert on_beam.splits == plain.splits == {"train": 9, "validation": 3}
    assert on_beam.builder.info.metadata == plain.builder.info.metadata
    assert {path.name for path in on_beam.folder.iterdir()} == {path.name for path in plain.folder.iterdir()}
    for split in plain.splits:
        ours, theirs = (list(each.examples(split, depth=True).as_numpy_iterator()) for each in (on_beam, plain))
        for one, other in zip(ours, theirs, strict=True):
            for key in other:
                np.testing.assert_array_equal(one[key], other[key])


def test_a_pair_that_is_not_usable_is_named_from_beam_too(archive, tmp_path, capsys):
    needs_beam()
    broken = tmp_path / "broken.zip"
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(broken, "w") as new:
        for name in old.namelist():
            new.writestr(name, b"no image" if name.endswith("7_mask.png") else old.read(name))
    command = ["custom", str(broken), "--data-dir", str(tmp_path / "built"), "--beam-runner", "DirectRunner"]
    assert main(command) == 2
    assert "7_mask.png: cannot be read as an image" in capsys.readouterr().err
    assert not any((tmp_path / "built").iterdir())


def test_frames_of_the_official_nyu_file_are_read_by_the_workers(tmp_path):
    needs_beam()
    from rt_seg_training.datasets.beam_building import inspect_on_beam

    random = np.random.default_rng(0)
    with h5py.File(tmp_path / "nyu_depth_v2_labeled.mat", "w") as file:
        file["images"] = random.integers(0, 256, (4, 3, 8, 6), np.uint8)
        file["depths"] = random.uniform(1, 9, (4, 8, 6)).astype(np.float32)
        file["labels"] = random.integers(0, 895, (4, 8, 6)).astype(np.uint16)
    scipy.io.savemat(tmp_path / "classMapping40.mat", {"mapClass": random.integers(1, 41, (1, 894))})
    scipy.io.savemat(tmp_path / "splits.mat", {"trainNdxs": [[1], [3]], "testNdxs": [[2], [4]]})
    (tmp_path / "between").mkdir()
    read = functools.partial(read_nyu_depth_v2, classes=13)
    source = read(tmp_path)
    found = inspect_on_beam(read, source, "DirectRunner", None, tmp_path / "between")
    for one, other in zip(found, inspections(source), strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        np.testing.assert_array_equal(one.thumbnail, other.thumbnail)
        assert (one.readings, one.middle) == (other.readings, other.middle) == (48, other.middle)


def test_the_command_of_tfds_builds_from_the_folder_of_the_builder(archive, tmp_path):
    needs_beam()
    pytest.importorskip("mlcroissant", reason="not installed: pip install -r requirements-beam.txt")
    (tmp_path / "manual").mkdir()
    shutil.move(archive, tmp_path / "manual")
    subprocess.run(
        [sys.executable, "-m", "tensorflow_datasets.scripts.cli.main", "build",
         "--manual_dir", tmp_path / "manual", "--data_dir", tmp_path / "built"],
        cwd=ROOT / "training" / "rt_seg_training" / "datasets" / "custom",
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "training")])},
        check=True, timeout=280, capture_output=True,
    )  # fmt: skip
    dataset = load_dataset("custom", tmp_path / "built")
    assert dataset.splits == {"train": 9, "validation": 3} and dataset.has_depth


def test_an_unknown_runner_is_refused_before_anything_is_read(archive, tmp_path):
    needs_beam()
    with pytest.raises(DatasetError, match="--beam-runner NoRunner: Apache Beam has no such runner"):
        build_dataset("custom", archive, data_dir=tmp_path / "built", beam_runner="NoRunner")


def test_without_beam_its_runner_is_refused_with_what_to_install(archive, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "apache_beam"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(DatasetError, match="Apache Beam is not installed.*requirements-beam.txt"):
        build_dataset("custom", archive, data_dir=tmp_path / "built", beam_runner="DirectRunner")


def test_options_without_a_runner_are_refused(archive, capsys):
    with pytest.raises(SystemExit):
        main(["custom", str(archive), "--beam-options", "direct_num_workers=2"])
    assert "--beam-options: needs --beam-runner" in capsys.readouterr().err
