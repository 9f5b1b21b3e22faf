"""Files of clicks: what they mean, and what is refused by name."""

import numpy as np
import pytest

from rt_seg.labels import labels_from_dict
from rt_seg_training.clicks.click_files import EXAMPLE, mask_of, read_clicks
from rt_seg_training.clicks.click_model import ClickModelError
from rt_seg_training.clicks.simulated_clicks import Click

LABELS = labels_from_dict(
    {"classes": [{"id": i, "name": name, "color": [i, i, i]} for i, name in enumerate(("background", "pole", "hole"))]},
    "labels",
)


class Discs:
    """A model whose region is a disc of 10 pixels around each click that adds, without those that take away."""

    description = "discs"

    def __init__(self):
        self.befores = []

    def mask(self, image, clicks, before=None):
        self.befores.append(before)
        found = np.zeros(image.shape[:2], bool)
        rows, columns = np.indices(found.shape)
        for click in clicks:
            found[np.hypot(columns - click.x, rows - click.y) <= 10] = click.adds
        return found


def test_the_example_in_the_documentation_is_read(tmp_path):
    (tmp_path / "clicks.yaml").write_text(EXAMPLE)
    (region,) = read_clicks(tmp_path / "clicks.yaml", LABELS)["frame_000012"]
    assert region.class_id == 2 and region.clicks == (Click(320, 240), Click(400, 100, False))


def test_the_class_is_the_first_one_unless_it_is_named_and_regions_lie_over_earlier_ones(tmp_path):
    (tmp_path / "c.yaml").write_text("a:\n- add: [[20, 20]]\n- {class: hole, add: [[25, 20]], remove: [[35, 20]]}\n")
    model = Discs()
    mask = mask_of(np.zeros((60, 80, 3), np.uint8), read_clicks(tmp_path / "c.yaml", LABELS)["a"], model)
    assert mask[20, 11] == 1 and mask[20, 24] == 2 and mask[20, 34] == 0
    assert [before is None for before in model.befores] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]", "accepted is"),
        ("a: 3", "a: accepted is a list of regions"),
        ("a: [{class: cat, add: [[1, 2]]}]", "class 'cat': accepted are background, pole, hole"),
        ("a: [{remove: [[1, 2]]}]", "no add click"),
        ("a: [{add: [[1, .nan]]}]", r"accepted is \[x, y\]"),
        ("a: [{add: [[1]]}]", r"accepted is \[x, y\]"),
        ("a: [{where: [[1, 2]]}]", "accepted are the keys class, add and remove"),
        ("a: [{add: 7}]", "accepted is a list"),
        ("a: [{add: [[1, 2]]}]\na: [{add: [[3, 4]]}]", "duplicate key 'a'"),
        ("[" * 3000, "not valid YAML"),
        ("a: {b: [", "not valid YAML"),
    ],
)
def test_what_is_no_file_of_clicks_is_refused_with_what_is_accepted(tmp_path, text, words):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ClickModelError, match=words):
        read_clicks(tmp_path / "c.yaml", LABELS)


def test_a_click_outside_the_image_is_refused_with_the_size(tmp_path):
    (tmp_path / "c.yaml").write_text("a: [{add: [[80, 20]]}]")
    with pytest.raises(ClickModelError, match="click 80, 20: the image is 80x60"):
        mask_of(np.zeros((60, 80, 3), np.uint8), read_clicks(tmp_path / "c.yaml", LABELS)["a"], Discs())


def test_an_image_may_be_called_by_a_number(tmp_path):
    (tmp_path / "c.yaml").write_text("0010:\n- add: [[2e1, 20]]\n1700000000_123:\n- add: [[1, 2]]\n")
    found = read_clicks(tmp_path / "c.yaml", LABELS)
    assert list(found) == ["0010", "1700000000_123"]
    assert found["0010"][0].clicks == (Click(20, 20),)
