"""The output folder of predict knows which model, options and source made what lies in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from rt_seg_training.commands import predict as predict_command

MODELS = Path(__file__).parents[3] / "models"


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in (1, 2, 10):
        picture = np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    return folder


def _run(tmp_path, bundle, *more):
    arguments = [str(MODELS / bundle), *map(str, more), "--output", str(tmp_path / "out")]
    return predict_command.main(arguments)


def test_the_results_of_another_model_are_refused_and_replaced_when_asked(tmp_path, pictures, capsys):
    assert _run(tmp_path, "tabletop", pictures) == 0
    first = (tmp_path / "out" / "1_mask.png").read_bytes()
    assert _run(tmp_path, "camvid", pictures) == 2
    assert "holds results of tabletop" in capsys.readouterr().err
    assert (tmp_path / "out" / "1_mask.png").read_bytes() == first
    assert _run(tmp_path, "camvid", pictures, "--overwrite") == 0
    assert (tmp_path / "out" / "1_mask.png").read_bytes() != first
    assert _run(tmp_path, "camvid", pictures) == 0
    assert "0 made, 3 already there" in capsys.readouterr().out


def test_a_changed_network_or_other_options_are_another_model(tmp_path, pictures, capsys):
    assert _run(tmp_path, "tabletop", pictures) == 0
    assert _run(tmp_path, "tabletop", pictures, "--alpha", "0.2") == 2
    assert "alpha 0.5" in capsys.readouterr().err
    changed = tmp_path / "changed"
    shutil.copytree(MODELS / "tabletop", changed)
    manifest = changed / "bundle.yaml"
    manifest.write_text(manifest.read_text().replace("version: ", "version: 9", 1))
    assert _run(tmp_path, changed, pictures) == 2


def test_a_result_of_another_picture_of_the_same_name_is_refused_by_name(tmp_path, pictures, capsys):
    assert _run(tmp_path, "tabletop", pictures) == 0
    other = tmp_path / "others"
    other.mkdir()
    cv2.imwrite(str(other / "2.png"), np.zeros((48, 64, 3), np.uint8))
    assert _run(tmp_path, "tabletop", other) == 1
    assert "2_overlay.jpg: was made from" in capsys.readouterr().err
    assert _run(tmp_path, "tabletop", other, "--overwrite") == 0
    (tmp_path / "out" / "predictions.jsonl").unlink()
    assert _run(tmp_path, "tabletop", pictures) == 1
    assert "does not record its model" in capsys.readouterr().err


def test_a_record_that_was_broken_off_in_the_middle_of_a_line_resumes(tmp_path, pictures, capsys):
    assert _run(tmp_path, "tabletop", pictures / "1.png", pictures / "2.png") == 0
    record = tmp_path / "out" / "predictions.jsonl"
    record.write_text(record.read_text()[:-9])
    assert _run(tmp_path, "tabletop", pictures / "1.png", pictures / "10.png") == 0
    assert "1 made, 1 already there" in capsys.readouterr().out
    assert _run(tmp_path, "tabletop", pictures / "1.png", pictures / "10.png") == 0
    assert "0 made, 2 already there" in capsys.readouterr().out


def test_pictures_follow_each_other_as_people_count(tmp_path, pictures):
    assert _run(tmp_path, "tabletop", pictures) == 0
    lines = (tmp_path / "out" / "predictions.jsonl").read_text().splitlines()
    assert [line.split('"')[3] for line in lines[1:]] == ["1_overlay.jpg", "2_overlay.jpg", "10_overlay.jpg"]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tif", ".webp"])
def test_a_picture_that_was_cut_is_refused_by_name(tmp_path, suffix, capsys):
    data = cv2.imencode(suffix, np.random.default_rng(3).integers(0, 256, (48, 64, 3), np.uint8))[1].tobytes()
    (tmp_path / f"cut{suffix}").write_bytes(data[: len(data) // 2])
    assert _run(tmp_path, "tabletop", tmp_path / f"cut{suffix}") == 1
    assert f"cut{suffix}: cannot be read as an image" in capsys.readouterr().err
