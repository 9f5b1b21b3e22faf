"""Coloured masks and overlays, against plain NumPy."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from rt_seg.labels import load_labels
from rt_seg.products.overlay import Palette

LABELS = load_labels(Path(__file__).parents[3] / "config" / "labels" / "tabletop.yaml")
PALETTE = Palette(LABELS)
MASK = np.random.default_rng(1).integers(0, 256, (48, 64), np.uint8)
IMAGE = np.random.default_rng(2).integers(0, 256, (48, 64, 3), np.uint8)


def test_the_coloured_mask_has_exactly_the_colours_of_the_label_set():
    classes = MASK % len(LABELS)
    assert np.array_equal(PALETTE.colorize(classes), LABELS.color_table[classes])


def test_the_colours_of_a_mask_tell_its_ids_and_what_is_unlabelled():
    colors = PALETTE.colorize(MASK).reshape(-1, 3)
    known = MASK.ravel() < len(LABELS)
    assert {tuple(color) for color in colors[~known]} == {LABELS.unlabelled_color} == {(1, 1, 1)}
    assert LABELS.unlabelled_color not in {tuple(color) for color in colors[known]}


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5, 1.0])
def test_the_overlay_is_the_weighted_mean_where_a_coloured_class_is(alpha):
    colors = LABELS.color_table[MASK].astype(np.float64)
    expected = (1 - alpha) * IMAGE + alpha * colors
    expected[~colors.any(axis=2)] = IMAGE[~colors.any(axis=2)]
    assert np.abs(PALETTE.blend(IMAGE, MASK, alpha) - expected).max() <= 0.51


def test_background_and_unlabelled_leave_the_image_untouched():
    for class_id in (0, 255):
        assert np.array_equal(PALETTE.blend(IMAGE, np.full((48, 64), class_id, np.uint8), 0.7), IMAGE)


def test_blending_leaves_its_arguments_alone_and_takes_read_only_images():
    image = IMAGE.copy()
    image.setflags(write=False)
    assert PALETTE.blend(image, MASK, 0.5).flags.writeable
    assert np.array_equal(image, IMAGE)


def test_different_sizes_are_refused_with_both():
    with pytest.raises(ValueError, match="image is 64x48 and the mask 32x48"):
        PALETTE.blend(IMAGE, MASK[:, :32].copy(), 0.5)


def test_contours_draw_the_borders_in_full_colour_and_nothing_else():
    mask = np.zeros((20, 30), np.uint8)
    mask[5:15, 8:22] = 1
    image = np.full((20, 30, 3), 100, np.uint8)
    plain = PALETTE.blend(image, mask, 0.5)
    drawn = PALETTE.blend(image, mask, 0.5, contours=True)
    border = (mask == 1) & (cv2.erode(mask, np.ones((3, 3), np.uint8)) == 0)
    np.testing.assert_array_equal(drawn[border], np.broadcast_to(PALETTE.colorize(mask)[border], drawn[border].shape))
    np.testing.assert_array_equal(drawn[~border], plain[~border])


def test_names_are_written_into_the_largest_region_of_their_class():
    mask = np.zeros((80, 160), np.uint8)
    mask[10:70, 60:150] = 1
    mask[5:10, 2:7] = 1
    image = np.full((80, 160, 3), 100, np.uint8)
    plain = PALETTE.blend(image, mask, 0.5)
    rows, columns = np.nonzero((PALETTE.blend(image, mask, 0.5, names=True) != plain).any(axis=2))
    assert rows.size > 20
    assert 60 <= columns.min() and columns.max() < 150 and 30 < rows.min() and rows.max() <= 50
