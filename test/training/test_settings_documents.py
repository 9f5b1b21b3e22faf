"""What is made of the settings' dataclasses is current."""

import importlib.util
from pathlib import Path

import yaml

from rt_seg.ros.node.adjustable_settings import AdjustableSettings
from rt_seg.ros.node.segmentation_settings import SegmentationSettings, read_all_settings

REPOSITORY = Path(__file__).resolve().parents[2]
specification = importlib.util.spec_from_file_location("make_settings", REPOSITORY / "make" / "settings.py")
make_settings = importlib.util.module_from_spec(specification)
specification.loader.exec_module(make_settings)


def test_the_parameters_file_and_the_tables_are_those_that_make_settings_writes():
    assert (REPOSITORY / "config" / "segmentation.yaml").read_text() == make_settings.parameters()
    assert (REPOSITORY / "docs" / "settings.md").read_text() == make_settings.tables()


def test_the_parameters_file_holds_every_default():
    values = yaml.safe_load((REPOSITORY / "config" / "segmentation.yaml").read_text())
    assert read_all_settings({"bundle": "b", **values}, "test") == (SegmentationSettings("b"), AdjustableSettings())


def test_every_setting_has_its_meaning_in_words():
    for kind in (SegmentationSettings, AdjustableSettings):
        assert not [name for name, entry in kind.__dataclass_fields__.items() if not entry.metadata["help"]]
