"""The class settings of the node, from model to model."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from rt_seg.labels import Label, LabelSet
from rt_seg.ros.node import outputs as module
from rt_seg.ros.node.adjustable_settings import AdjustableSettings
from rt_seg.settings import SettingsError


def bundle(name, *classes):
    labels = LabelSet(tuple(Label(number, text, (number, 9, 9)) for number, text in enumerate(classes)))
    return SimpleNamespace(name=name, version="1.0.0", labels=labels)


TABLE = bundle("table", "background", "peg", "cup")
PEGS = bundle("pegs", "background", "peg")


@pytest.fixture
def outputs(monkeypatch):
    """Without a master: of a table, with settings that name its classes."""
    topic = SimpleNamespace(publish=lambda message: None, get_num_connections=lambda: 0)
    monkeypatch.setattr(module, "create_publisher", lambda *arguments: topic)
    monkeypatch.setattr(module.rospy, "Publisher", lambda *arguments, **options: topic)
    monkeypatch.setattr(module.rospy.Time, "now", lambda: module.rospy.Time(1))
    settings = AdjustableSettings(classes="peg,cup", remap="cup=peg", drop="cup", keep="peg", channels="cup,peg")
    return module.Outputs(TABLE, settings, "live", lambda: None)


@pytest.fixture
def warnings(monkeypatch):
    texts = []
    monkeypatch.setattr(module.rospy, "logwarn", texts.append)
    return texts


def named(settings):
    return [getattr(settings, name) for name in module.CLASS_SETTINGS]


def test_a_model_that_lacks_a_class_loses_the_entries_that_name_it_and_the_next_one_has_them_again(outputs, warnings):
    before = named(outputs.settings)
    outputs.use_model(PEGS)
    assert named(outputs.settings) == ["peg", "", "peg", "", "peg"]
    assert warnings == [
        "pegs has only the classes background, peg; these class settings are off for this model: ~classes cup, "
        "~remap cup=peg, ~drop cup, ~channels cup"
    ]
    outputs.use_model(TABLE)
    assert named(outputs.settings) == before and len(warnings) == 1


def test_another_setting_can_be_changed_while_the_model_lacks_a_class(outputs, warnings):
    wanted = outputs.wanted_settings
    outputs.use_model(PEGS)
    outputs.configure(replace(wanted, overlay_alpha=0.25))
    assert (outputs.settings.overlay_alpha, outputs.settings.drop, outputs.wanted_settings.drop) == (0.25, "", "cup")
    with pytest.raises(SettingsError, match="~keep and ~drop: pegs has no class mug, pen; its classes are background"):
        outputs.configure(replace(wanted, drop="mug,pen"))
    assert outputs.wanted_settings.drop == "cup"


@pytest.mark.parametrize("remap", ["peg", "peg=", "=peg", "cup=peg=cup"])
def test_a_remap_of_another_form_is_told_the_form(outputs, remap):
    with pytest.raises(SettingsError, match=f"^~remap: '{remap}': expected CLASS=CLASS, such as hole=peg$"):
        outputs.configure(replace(outputs.settings, remap=remap))


def test_the_filter_in_force_is_that_of_the_classes_that_are_there(outputs, warnings):
    outputs.use_model(PEGS)
    assert outputs._plan.filter.apply(np.array([[0, 1]], np.uint8)).tolist() == [[255, 1]]
