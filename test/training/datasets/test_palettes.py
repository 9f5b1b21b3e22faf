"""Masks whose palette shows other classes than their ids mean are not built without a word."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from rt_seg.labels import Label, LabelSet
from rt_seg_training.datasets.custom.custom_source import read_custom
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.labelled_frame import encode, write_labels
from rt_seg_training.datasets.linting import check_source, lint

BLACK, RED, GREEN = (0, 0, 0), (255, 0, 0), (0, 200, 0)
LABELS = LabelSet((Label(0, "background", BLACK), Label(1, "cup", RED), Label(2, "lid", GREEN)))


@pytest.fixture
def data_set(tmp_path):
    """A set of four masks with a palette; their ids are given for each."""

    def make(palette, ids=((0, 1, 2),) * 4):
        for part in ("rgb", "gt"):
            (tmp_path / part).mkdir()
        random = np.random.default_rng(0)
        for number, present in enumerate(ids):
            name = f"{number * 100}.png"
            color = random.integers(0, 255, (24, 32, 3), np.uint8)
            (tmp_path / "rgb" / name).write_bytes(encode(".png", color))
            mask = Image.fromarray(np.resize(np.array(present, np.uint8), (24, 32)))
            if palette is not None:
                mask.putpalette([part for entry in palette for part in entry])
            mask.save(tmp_path / "gt" / name)
        write_labels(tmp_path, LABELS)
        return read_custom(tmp_path)

    return make


@pytest.mark.parametrize("palette", [None, (BLACK, RED, GREEN), ((9, 9, 9), (8, 8, 8)), (BLACK, (1, 2, 3))])
def test_palettes_of_the_same_or_of_other_colours_say_nothing(data_set, palette):
    report = check_source(data_set(palette))
    assert not [finding for finding in report.findings if "palette" in finding.text]


@pytest.mark.parametrize("palette", [(RED, BLACK, GREEN), (BLACK, GREEN, RED), (GREEN, BLACK, RED)])
def test_another_order_of_the_classes_is_an_error(data_set, palette):
    with pytest.raises(DatasetError, match="palette shows .* in the colour of "):
        check_source(data_set(palette))


def test_another_order_is_found_over_the_masks_together(data_set):
    with pytest.raises(DatasetError, match="1 .cup. in the colour of lid, 2 .lid. in the colour of cup"):
        check_source(data_set((BLACK, GREEN, RED), [(0, 1), (0, 2), (0, 1), (0, 2)]))


def test_one_colour_of_another_class_is_a_warning(data_set):
    report = lint(data_set((BLACK, GREEN, (1, 2, 3))))
    assert not report.errors and any("palette" in finding.text for finding in report.findings)
