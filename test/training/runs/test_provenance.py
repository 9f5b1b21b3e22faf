"""Places are told without the folders in which they lay."""

import pytest

from rt_seg_training.runs.provenance import public_data_set, public_place


def test_a_bundle_is_known_by_its_manifest_and_found_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setenv("RT_SEG_MODELS", str(tmp_path / "own"))
    for folder in (tmp_path / "own" / "mine", tmp_path / "elsewhere" / "other"):
        folder.mkdir(parents=True)
        (folder / "bundle.yaml").write_text("")
    assert public_place("mine") == public_place(str(tmp_path / "own" / "mine")) == "models/mine"
    assert public_place("things") == "models/things", "a shipped one"
    assert public_place(str(tmp_path / "elsewhere" / "other")) == "models/other"
    assert public_place(str(tmp_path / "learn_x" / "run_1")) == public_place("run_1") == "runs/run_1"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("mine", "mine"),
        ("custom/mine", "custom/mine"),
        ("/home/anna/built/custom/mine", "mine"),
        ("~/built/mine/1.0.0", "mine"),
        ("../mine", "mine"),
        ("data/built/mine", "mine"),
    ],
)
def test_a_data_set_keeps_its_name_and_loses_its_folder(given, told):
    assert public_data_set(given) == told
