"""docs/models.sh makes a bundle from its source in one command, and goes on where it was stopped."""

import os
import re
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "models.sh"
SMALL = (
    "--height 96 --width 128 --crop-height 64 --crop-width 64 --batch-size 2 --steps 2 --validate-every 2 "
    "--warmup-steps 1"
)


def run(*arguments, **settings):
    quick = {"TRAIN": SMALL, "EXPORT": "--precision f32 --input-sizes none", "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [str(SCRIPT), *map(str, arguments)]
    environment = {**os.environ, **quick, **settings}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)


def write_camvid(folder):
    rng = np.random.default_rng(0)
    for part, drive in (("train", "0001TP"), ("train", "0016E5"), ("val", "0016E5")):
        for index in range(3):
            labels = rng.integers(0, 12, (6, 8)).astype(np.uint8).repeat(15, 0).repeat(15, 1)
            name = f"{drive}_{index + 10 * (part == 'val'):05d}.png"
            for kind, pixels in ((part, labels[..., np.newaxis].repeat(3, 2) * 20), (f"{part}annot", labels)):
                (folder / kind).mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(folder / kind / name), pixels)


@pytest.mark.slow
def test_a_model_is_made_from_its_source_in_one_command_and_a_second_one_repeats_nothing(tmp_path):
    write_camvid(tmp_path / "camvid")
    stopped = run("camvid", tmp_path / "work", tmp_path / "camvid", EXPORT="--precision none")
    assert stopped.returncode == 2 and "--precision" in stopped.stderr
    result = run("camvid", tmp_path / "work", tmp_path / "camvid")
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.findall(r"^== (.*)\n(done before)?", result.stdout, re.MULTILINE)[:3] == [
        ("data set", "done before"), ("training camvid", "done before"), ("bundle", ""),
    ]  # fmt: skip
    other = run("camvid", tmp_path / "work", tmp_path / "camvid", TRAIN=f"{SMALL} --seed 3")
    assert other.returncode == 2 and "'training camvid' was done" in other.stderr and "--seed 3" in other.stderr
    bundle = tmp_path / "work" / "models" / "camvid"
    assert f"bundle:={bundle}" in result.stdout
    made, shipped = (
        yaml.safe_load((folder / "bundle.yaml").read_text()) for folder in (bundle, ROOT / "models" / "camvid")
    )
    assert made["license"] == shipped["license"]
    assert [entry["name"] for entry in made["labels"]["classes"]] == [
        entry["name"] for entry in shipped["labels"]["classes"]
    ]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["camvid"], "camvid FOLDER SOURCE"),
        (["things", "/"], "things takes no source"),
        (["tabletop_ddrnet", "/"], "tabletop_ddrnet FOLDER SMALL LARGE"),
        (["other"], "accepted are tabletop, tabletop_ddrnet, things, polehole, camvid and indoor"),
    ],
)
def test_what_is_missing_or_unknown_is_named(arguments, named, tmp_path):
    result = run(arguments[0], tmp_path, *arguments[1:])
    assert result.returncode == 2 and named in result.stderr


def test_every_shipped_model_for_the_node_has_its_recipe_and_case():
    script = SCRIPT.read_text()
    cases = set(re.findall(r"^    (\w+)\)$", script, re.MULTILINE))
    shipped = {path.parent.name for path in ROOT.glob("models/*/bundle.yaml")}
    assert cases == shipped
    assert all((ROOT / "config" / "training" / f"{name}.yaml").exists() for name in shipped)
