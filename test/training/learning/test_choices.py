"""What `learn` chooses follows from the data and the machine, and each choice has a reason."""

import dataclasses

import cv2
import numpy as np
import pytest
import yaml

from rt_seg_training.configuration import load_configuration
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.learning.choices import STEPS, Facts, choose, look_at

FACTS = Facts(40, 10, 480, 640, ("background", "cup"), 0.0, 120.0, "cup")


def test_a_folder_is_measured_by_its_smallest_class(tmp_path):
    (tmp_path / "rgb").mkdir()
    (tmp_path / "gt").mkdir()
    for number in range(30):
        mask = np.zeros((96, 128), np.uint8)
        mask[10:50, 10:50], mask[60:70, 60:70] = 1, 2
        cv2.imwrite(str(tmp_path / "rgb" / f"{number}.png"), np.full((96, 128, 3), 90, np.uint8))
        cv2.imwrite(str(tmp_path / "gt" / f"{number}.png"), mask)
    classes = [{"id": i, "name": name, "color": [i, i, i]} for i, name in enumerate(("background", "cup", "lid"))]
    (tmp_path / "labels.yaml").write_text(yaml.safe_dump({"classes": classes}))
    facts = look_at(str(tmp_path))
    assert (facts.height, facts.width, facts.smallest_class, facts.object_side) == (96, 128, "lid", 10.0)
    assert facts.train + facts.validation == 30 and facts.validation > 0 and facts.depth_share == 0.0


def test_a_folder_that_is_no_set_is_refused(tmp_path):
    with pytest.raises(DatasetError):
        look_at(str(tmp_path))


def test_the_choices_are_a_configuration_that_train_accepts(tmp_path):
    path = tmp_path / "training.yaml"
    path.write_text(yaml.safe_dump({"dataset": "cup", **choose(FACTS, 10.0, 5.0).settings}))
    configuration = load_configuration(path)
    assert configuration.net == "lite0_pyramid" and configuration.steps == 500
    assert configuration.height % 32 == configuration.width % 32 == 0


@pytest.mark.parametrize(
    ("changes", "key", "value"),
    [
        ({"depth_share": 1.0}, "net", "lite0_pyramid_rgbd"),
        ({"depth_share": 0.5}, "net", "lite0_pyramid"),
        ({"object_side": 20.0}, "width", 640),
        ({"object_side": 120.0}, "width", 480),
        ({"object_side": None}, "width", 480),
        ({"validation": 0}, "validation_split", "train"),
        ({"height": 720, "width": 1280}, "height", 256),
        ({"height": 100, "width": 100}, "crop_width", 320),
    ],
)
def test_a_fact_decides(changes, key, value):
    assert choose(dataclasses.replace(FACTS, **changes), 10.0, 5.0).settings[key] == value


@pytest.mark.parametrize(
    ("speed", "minutes", "steps", "words"),
    [(0.1, 1.0, STEPS[0], "more than the 1 minutes"), (100.0, 60.0, STEPS[1], "less than the 60 minutes")],
)
def test_the_steps_have_limits_and_say_so(speed, minutes, steps, words):
    choices = choose(FACTS, speed, minutes)
    assert choices.settings["steps"] == steps
    assert any(words in reason for reason in choices.reasons)


def test_a_set_without_validation_says_that_its_score_means_little():
    assert "not meaningful" in choose(dataclasses.replace(FACTS, validation=0), 10.0, 5.0).reasons[-1]
