"""What the package ships is found by name, from any folder, in source and install space."""

from pathlib import Path

import pytest

from rt_seg import package_files
from rt_seg.package_files import named_file, names_of
from rt_seg.simulation.errors import SimulationError
from rt_seg.simulation.recipe_file import load_recipe

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["custom", "custom.yaml", "config/training/custom.yaml"])
def test_a_shipped_file_is_found_by_name_and_by_its_place_from_any_folder(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert named_file(name, "config/training") == ROOT / "config" / "training" / "custom.yaml"


def test_a_file_that_is_there_is_meant_before_a_shipped_one_and_a_folder_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("custom").mkdir()
    assert named_file("custom", "config/training").is_absolute()
    Path("custom.yaml").write_text("dataset: mine")
    assert named_file("custom.yaml", "config/training") == Path("custom.yaml")


def test_what_is_neither_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("nothing", "../config/training/custom.yaml", "package.xml", "config/labels/camvid.yaml", "/custom"):
        assert named_file(name, "config/training") == Path(name)


def test_in_install_space_files_lie_in_share(tmp_path, monkeypatch):
    share = tmp_path / "share" / "rt_seg" / "config" / "scenes"
    share.mkdir(parents=True)
    (share / "mug.yaml").write_text("objects: []")
    module = tmp_path / "lib" / "python3" / "dist-packages" / "rt_seg" / "package_files.py"
    monkeypatch.setattr(package_files, "__file__", str(module))
    assert named_file("mug", "config/scenes") == share / "mug.yaml"
    assert names_of("config/scenes") == ["mug"]


def test_a_shipped_recipe_is_read_by_its_name_with_its_mesh(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "bracket" in load_recipe(Path("bracket")).labels.names
    with pytest.raises(SimulationError, match="brackets: cannot be read: .*; shipped are bracket, part_alone"):
        load_recipe(Path("brackets"))
