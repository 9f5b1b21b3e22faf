"""Model bundles by name: the user's own and the shipped ones, from any folder."""

import shutil
from pathlib import Path

import pytest

from rt_seg.bundle import BundleError, load_bundle
from rt_seg.model_home import find_bundle, known_bundles, model_home

MODELS = Path(__file__).resolve().parents[2] / "models"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("RT_SEG_MODELS", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.mark.parametrize("name", ["tabletop", "models/tabletop"])
def test_a_shipped_model_is_found_from_any_folder(home, name):
    assert find_bundle(name) == MODELS / "tabletop"
    assert load_bundle(name).name == "tabletop"


def test_ones_own_model_is_found_by_its_name_and_before_a_shipped_one(home):
    for name in ("mine", "camvid"):
        shutil.copytree(MODELS / "tabletop", home / name)
    assert load_bundle("mine").folder == home / "mine"
    assert find_bundle("camvid") == home / "camvid" == known_bundles()["camvid"]


def test_a_path_is_a_path_and_another_folder_of_a_models_name_is_no_model(home):
    Path("tabletop").mkdir()
    assert find_bundle("tabletop") == MODELS / "tabletop"
    assert find_bundle("./runs/tabletop") == Path("runs/tabletop")
    shutil.copytree(MODELS / "camvid", "tabletop", dirs_exist_ok=True)
    assert find_bundle("tabletop") == Path("tabletop")


def test_an_unknown_name_is_answered_with_the_known_ones(home):
    with pytest.raises(BundleError, match="nothing: no such model bundle; .* the names .*camvid.*tabletop"):
        load_bundle("nothing")


def test_without_a_setting_the_home_is_the_users_data_folder(monkeypatch):
    monkeypatch.delenv("RT_SEG_MODELS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert model_home() == Path("/data/rt_seg/models")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert model_home() == Path("~/.local/share/rt_seg/models").expanduser()
