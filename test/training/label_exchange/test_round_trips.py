"""Whatever is labelled comes back pixel by pixel through every format that is written, however classes are called."""

from __future__ import annotations

import tempfile
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rt_seg_training.datasets.labelled_frame import encode, write_labels
from rt_seg_training.label_exchange.annotations import IGNORE, is_background, labels_of
from rt_seg_training.label_exchange.exchange import FORMATS, export_labels, import_labels

names = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=12).filter(
    lambda name: name.strip() and not is_background(name) and name != IGNORE
)
file_names = st.text("abcXYZ019 .-äß", min_size=1, max_size=8).filter(lambda name: name.strip(" .") == name)
masks = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2, 3, 255]))
)


@pytest.mark.parametrize("form", FORMATS)
@given(masks, st.lists(names, min_size=3, max_size=3, unique=True), file_names, st.booleans())
@settings(max_examples=20)
def test_a_mask_comes_back_bit_by_bit(form, mask, classes, file_name, zipped):
    if form == "voc":  # labelmap.txt separates by colons, and # begins a comment
        classes = [f"c{number}{name}".replace(":", "").strip() for number, name in enumerate(classes)]
    labels = labels_of(classes)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for part in ("set/rgb", "set/gt"):
            (root / part).mkdir(parents=True)
        (root / "set" / "rgb" / f"{file_name}.png").write_bytes(encode(".png", np.zeros((*mask.shape, 3), np.uint8)))
        (root / "set" / "gt" / f"{file_name}.png").write_bytes(encode(".png", mask))
        write_labels(root / "set", labels)
        out = root / ("out.zip" if zipped else "out")
        assert export_labels(form, root / "set", out) == 1
        labels_file = root / "set" / "labels.yaml"
        found = import_labels(form, [out], root / "set" / "rgb", root / "back", labels_file)
        assert found.classes == ["background", *classes]
        back = cv2.imread(str(root / "back" / "gt" / f"{file_name}.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(back, mask)


@pytest.mark.parametrize("form", FORMATS)
@given(data=st.data())
@settings(max_examples=15)
def test_objects_lie_over_each_other_as_they_were_listed(form, data):
    """The classes that are found without a labels file are those of the set, in its order."""
    count = data.draw(st.integers(1, 4))
    mask = np.zeros((20, 24), np.uint8)
    for number in range(1, count + 1):
        x, y = data.draw(st.integers(0, 20)), data.draw(st.integers(0, 16))
        cv2.circle(mask, (x, y), data.draw(st.integers(0, 9)), number, -1)
    mask[0, :count] = np.arange(1, count + 1)  # each is there
    labels = labels_of([f"class {number}" for number in range(1, count + 1)])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for part in ("rgb", "gt"):
            (root / "set" / part).mkdir(parents=True)
        (root / "set" / "rgb" / "1.png").write_bytes(encode(".png", np.zeros((20, 24, 3), np.uint8)))
        (root / "set" / "gt" / "1.png").write_bytes(encode(".png", mask))
        write_labels(root / "set", labels)
        export_labels(form, root / "set", root / "out")
        found = import_labels(form, [root / "out"], root / "set" / "rgb", root / "back")
        assert unicodedata.normalize("NFC", found.classes[-1]) == f"class {count}"
        back = cv2.imread(str(root / "back" / "gt" / "1.png"), cv2.IMREAD_UNCHANGED)
        if form == "labelme":  # has no list of classes: those found, in the order of the outlines
            order = [0, *(labels.names.index(name) for name in found.classes[1:])]
            back = np.array(order, np.uint8)[back]
        np.testing.assert_array_equal(back, mask)
