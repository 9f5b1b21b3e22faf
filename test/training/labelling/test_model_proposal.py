"""A model corrects masks that were carried over near them and where it is sure, and proposes where there is none."""

import cv2
import numpy as np
import pytest

from rt_seg.labels import labels_from_dict
from rt_seg_training.commands.label_binary import main
from rt_seg_training.labelling.captures import LabellingError
from rt_seg_training.labelling.model_proposal import REACH, ModelProposal, combine


def square(left):
    mask = np.zeros((120, 160), np.uint8)
    mask[40:80, left : left + 40] = 1
    return mask


def test_near_the_carried_mask_a_sure_model_decides_and_an_unsure_one_does_not():
    sure, unsure = np.full((120, 160), 0.95, np.float32), np.full((120, 160), 0.6, np.float32)
    np.testing.assert_array_equal(combine(square(40), square(45), sure), square(45))
    np.testing.assert_array_equal(combine(square(40), square(45), unsure), square(40))


def test_what_a_sure_model_finds_far_away_is_another_object():
    sure = np.full((120, 160), 0.95, np.float32)
    found = combine(square(20), square(20) | square(115), sure)
    assert not found[:, 20 + 40 + REACH + 2 :].any() and found[60, 30]


def test_without_a_carried_mask_the_model_alone_proposes():
    for carried in (None, np.zeros((120, 160), np.uint8)):
        np.testing.assert_array_equal(combine(carried, square(5), np.zeros((120, 160), np.float32)), square(5))


def test_a_model_of_other_classes_is_refused_unless_one_object_is_wanted():
    names = ("background", "a", "b")
    classes = [{"id": i, "name": name, "color": [i, i, i]} for i, name in enumerate(names)]
    with pytest.raises(LabellingError, match="has the classes background, peg"):
        ModelProposal("tabletop", labels_from_dict({"classes": classes}, "labels"))


def test_propagation_with_a_bundle_labels_the_first_frame_by_the_model_and_goes_on_from_it(tmp_path, capsys):
    (tmp_path / "rgb").mkdir()
    random = np.random.default_rng(0)
    image = np.full((240, 320, 3), 150, np.uint8)
    cv2.circle(image, (160, 120), 50, (30, 60, 200), cv2.FILLED)
    for number in range(2):
        noisy = np.clip(image + random.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(tmp_path / "rgb" / f"{number}.png"), noisy)
    code = main([str(tmp_path), "--auto", "propagate", "--bundle", "things"])
    said = capsys.readouterr()
    assert "no mask to propagate" not in said.err, "the model has looked at the first frame"
    assert code in (0, 1) and "images without" in said.out
