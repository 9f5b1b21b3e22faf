"""The tools of the labelling window on an image of a grey part with a black hole, before a light ground."""

import cv2
import numpy as np
import pytest

from rt_seg_training.labelling.drawing.brush import Brush
from rt_seg_training.labelling.drawing.click_tool import ClickTool
from rt_seg_training.labelling.drawing.contour_pick import ContourPick, edge_contours, region_inside
from rt_seg_training.labelling.drawing.grabcut import GrabCut
from rt_seg_training.labelling.drawing.polygon import Polygon
from rt_seg_training.labelling.drawing.tolerance_fill import ToleranceFill
from rt_seg_training.labelling.drawing.tool import Slider, Target
from rt_seg_training.labelling.label_document import HISTORY, LabelDocument
from rt_seg_training.labelling.viewport import Viewport

PART = np.zeros((120, 160), bool)
PART[30:90, 40:120] = True
HOLE = cv2.circle(np.zeros((120, 160), np.uint8), (80, 60), 12, 1, cv2.FILLED) > 0


def _target(mask=None, label=1, **options):
    noise = np.random.default_rng(0).normal(0, 3, (120, 160, 3))
    color = np.full((120, 160, 3), 200.0)
    color[PART] = (90, 110, 130)
    color[HOLE] = 15
    color = np.clip(color + noise, 0, 255).astype(np.uint8)
    return Target(LabelDocument(color, np.zeros((120, 160), np.uint8) if mask is None else mask), label, **options)


def _drag(tool, target, *points, secondary=False, shift=False):
    tool.press(target, points[0], secondary, shift)
    for point in points[1:]:
        tool.move(target, point)
    return tool.release(target, points[-1])


def _iou(one, other):
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


def test_every_change_can_be_taken_back_and_made_again():
    document = _target().document
    random = np.random.default_rng(1)
    masks = [document.mask.copy()]
    for _ in range(20):
        mask = document.mask.copy()
        x, y = random.integers(0, 100, 2)
        mask[y : y + 20, x : x + 30] = random.integers(0, 5)
        if document.change(mask, memory=len(masks)):
            masks.append(mask)
    assert document.touched
    for mask in reversed(masks[:-1]):
        assert document.undo()
        np.testing.assert_array_equal(document.mask, mask)
    assert not document.undo() and document.memory is None
    for number, mask in enumerate(masks[1:], start=1):
        assert document.redo()
        np.testing.assert_array_equal(document.mask, mask)
        assert document.memory is not None and document.memory >= number
    assert not document.redo()


def test_a_new_change_ends_what_could_be_made_again_and_the_history_is_bounded():
    document = _target().document
    for value in range(HISTORY + 20):
        document.change(np.full_like(document.mask, value % 200 + 1))
    document.undo()
    document.change(np.zeros_like(document.mask))
    assert not document.redo()
    assert sum(document.undo() for _ in range(2 * HISTORY)) == HISTORY


def test_no_change_is_none():
    document = _target().document
    assert not document.change(document.mask.copy())
    assert not document.touched and not document.undo()


def test_the_brush_paints_a_disc_of_its_size_and_the_right_button_erases():
    target, brush = _target(), Brush()
    brush.sliders[0].set(21)
    brush.press(target, (50, 50), False, False)
    assert not target.document.mask.any() and brush.preview(target).sum() > 300, "shown before the button is released"
    brush.release(target, (50, 50))
    assert np.count_nonzero(target.document.mask) == pytest.approx(np.pi * 10.5**2, rel=0.05)
    _drag(brush, target, (40, 50), (60, 50))
    rows = np.flatnonzero(target.document.mask[:, 50])
    assert len(rows) == 21 and rows.mean() == 50
    _drag(brush, target, (30, 50), (70, 50), secondary=True)
    assert not target.document.mask.any()
    brush.sliders[0].set(1)
    _drag(brush, target, (5, 5))
    assert np.argwhere(target.document.mask).tolist() == [[5, 5]]


def test_a_stroke_that_leaves_the_picture_does_no_harm():
    target, brush = _target(), Brush()
    _drag(brush, target, (-50, -20), (400, 60), (80, 500))
    assert target.document.mask.any()


def test_pixels_outside_of_what_is_allowed_stay():
    target = _target(allowed=PART)
    _drag(Brush(), target, (20, 30), (140, 90))
    assert target.document.mask[PART].any() and not target.document.mask[~PART].any()


def test_an_outline_is_filled_when_it_is_closed():
    # Whole numbers are the centres of pixels: these are the outer edges of the part.
    corners = [(39.5, 29.5), (119.5, 29.5), (119.5, 89.5), (39.5, 89.5)]
    for close in ("first corner", "right button", "Enter"):
        target, polygon = _target(), Polygon()
        for corner in corners:
            _drag(polygon, target, corner)
        assert not target.document.mask.any()
        if close == "Enter":
            assert polygon.confirm(target)
        else:
            _drag(polygon, target, (42, 31), secondary=close == "right button")
        np.testing.assert_array_equal(target.document.mask > 0, PART)
    assert not polygon.confirm(target), "nothing is left to confirm: Enter is for the frame again"


def test_corners_are_taken_back_one_by_one_before_changes_are():
    target, polygon = _target(), Polygon()
    for corner in [(40, 30), (119, 30), (119, 89)]:
        _drag(polygon, target, corner)
    assert [polygon.back(target) for _ in range(4)] == [True, True, True, False]


def test_grabcut_finds_the_object_in_a_box_and_strokes_correct_it():
    target, tool = _target(), GrabCut()
    assert _drag(tool, target, (30, 20), (130, 100)) is None
    found = target.document.mask > 0
    assert _iou(found, PART) > 0.95
    _drag(tool, target, (72, 60), (88, 60), secondary=True)
    without = target.document.mask > 0
    assert not without[60, 75] and without[35, 50], "background by a stroke, the rest stays"
    _drag(tool, target, (72, 60), (88, 60))
    assert target.document.mask[60, 80], "the later stroke counts"
    target.document.undo()
    np.testing.assert_array_equal(target.document.mask > 0, without)
    assert (target.document.memory.strokes == 2).any() and not (target.document.memory.strokes == 1).any(), (
        "strokes go back with the mask"
    )


def test_grabcut_corrects_a_mask_that_is_there_without_a_box():
    half = np.zeros(PART.shape, np.uint8)
    half[30:90, 40:80] = 1
    target, tool = _target(half), GrabCut()
    tool.sliders[0].set(9)
    _drag(tool, target, (85, 40), (115, 40), (115, 80), (85, 80))
    assert _iou(target.document.mask > 0, PART) > 0.95


def test_a_box_around_the_whole_picture_still_finds_the_object():
    target = _target()
    _drag(GrabCut(), target, (-5, -5), (200, 200))
    assert _iou(target.document.mask > 0, PART) > 0.95


def test_a_click_is_no_box_for_grabcut():
    target = _target()
    assert "drag a box" in _drag(GrabCut(), target, (50, 50))
    assert not target.document.mask.any()


def test_grabcut_of_a_large_picture_works_at_a_coarser_scale():
    small = _target().document.color
    color = cv2.resize(small, (1600, 1200), interpolation=cv2.INTER_LINEAR)
    target = Target(LabelDocument(color, np.zeros((1200, 1600), np.uint8)), 1)
    _drag(GrabCut(), target, (300, 200), (1300, 1000))
    truth = cv2.resize(PART.astype(np.uint8), (1600, 1200), interpolation=cv2.INTER_NEAREST) > 0
    assert _iou(target.document.mask > 0, truth) > 0.95


def test_a_contour_in_a_box_is_picked_and_the_hole_in_it_gets_another_class():
    target, tool = _target(), ContourPick()
    assert "contours" in _drag(tool, target, (25, 15), (135, 105))
    assert _drag(tool, target, (50, 40)) is None
    assert _iou(target.document.mask > 0, PART) > 0.93
    # As label_semantic does: from the binary mask, inside the object, without a box.
    target = _target(PART.astype(np.uint8), label=2, allowed=PART)
    tool = ContourPick()
    assert _drag(tool, target, (80, 60)) is None
    assert _iou(target.document.mask == 2, HOLE) > 0.85
    assert (target.document.mask[PART] > 0).all()
    _drag(tool, target, (80, 60), secondary=True)
    assert not (target.document.mask == 2).any()


def test_the_black_threshold_finds_a_soft_shadow_that_has_no_edges():
    sharp = _target().document.color
    soft = cv2.GaussianBlur(sharp, (0, 0), 9)
    target, tool = Target(LabelDocument(soft, PART.astype(np.uint8)), 2), ContourPick()
    low, high, black, _ = tool.sliders
    low.set(200), high.set(255)
    assert "no closed contour" in _drag(tool, target, (80, 60))
    black.set(90)
    assert _drag(tool, target, (80, 60)) is None
    np.testing.assert_array_equal(target.document.mask == 2, cv2.cvtColor(soft, cv2.COLOR_RGB2GRAY) < 90)


def test_tolerance_takes_the_connected_colour_and_no_further_than_it_reaches():
    target, tool = _target(), ToleranceFill()
    tool.sliders[0].set(25)
    _drag(tool, target, (45, 40))
    assert _iou(target.document.mask > 0, PART & ~HOLE) > 0.98
    _drag(tool, target, (45, 40), secondary=True)
    assert np.count_nonzero(target.document.mask) < 60
    tool.sliders[1].set(10)
    target = _target()
    _drag(tool, target, (60, 45))
    assert 0.8 * np.pi * 100 < np.count_nonzero(target.document.mask) <= 1.2 * np.pi * 100
    assert _drag(tool, target, (-30, 45)) is None, "outside of the image nothing happens"


def test_sliders_stay_in_their_range():
    slider = Slider("size", 5, 1, 20)
    slider.set(-4.3)
    assert slider.value == 1
    slider.set(1e9)
    assert slider.value == 20


def test_places_in_the_view_and_in_the_picture_are_each_others_inverse():
    view = Viewport()
    view.place((640, 480), (900, 600))
    assert view.scale == 1.25
    view.zoom(7, 200, 300)
    view.pan(30, -20)
    places = np.array([[0.0, 0.0], [639.0, 479.0], [320.3, 200.8]])
    for place, (x, y) in zip(places, view.to_view(places)):
        np.testing.assert_allclose(view.to_picture(x, y), place, atol=0.6 / view.scale)


def test_zooming_keeps_what_is_under_the_pointer():
    view = Viewport()
    view.place((640, 480), (900, 600))
    before = view.to_picture(123, 456)
    view.zoom(3, 123, 456)
    np.testing.assert_allclose(view.to_picture(123, 456), before)


def test_a_pixel_is_drawn_where_the_pointer_finds_it():
    picture = np.zeros((48, 64), np.uint8)
    picture[20, 30] = 255
    view = Viewport()
    view.place((64, 48), (200, 150))
    view.zoom(9, 93, 65)
    rows, columns = np.nonzero(view.draw(picture, nearest=True))
    assert len(rows)
    for row, column in [(rows.min(), columns.min()), (rows.max(), columns.max())]:
        assert [round(value) for value in view.to_picture(column, row)] == [30, 20]


def test_the_picture_cannot_be_lost_from_sight():
    view = Viewport()
    view.place((640, 480), (900, 600))
    view.pan(1e6, -1e6)
    assert view.draw(np.full((480, 640), 255, np.uint8)).any()


class _SameColour:
    """A model for clicks: what has the colour of the clicks that add, unless a click that takes away has it, too."""

    description = "same colour"

    def mask(self, image, clicks, before=None):
        found = np.zeros(image.shape[:2], bool)
        for click in clicks:
            color = image[round(click.y), round(click.x)].astype(int)
            alike = np.abs(image.astype(int) - color).max(axis=2) < 40
            found = found | alike if click.adds else found & ~alike
        return found


def test_a_click_makes_a_region_a_right_one_takes_away_and_each_can_be_undone():
    target, tool = _target(), ClickTool(_SameColour())
    assert _drag(tool, target, (50, 40)) is None
    assert _iou(target.document.mask > 0, PART & ~HOLE) > 0.99
    _drag(tool, target, (80, 60))
    assert _iou(target.document.mask > 0, PART) > 0.99
    _drag(tool, target, (80, 60), secondary=True)
    assert _iou(target.document.mask > 0, PART & ~HOLE) > 0.99
    assert len(list(tool.lines(target))) == 2 + 2 + 1
    assert target.document.undo() and _iou(target.document.mask > 0, PART) > 0.99
    assert target.document.undo() and target.document.undo() and not target.document.mask.any()
    assert not list(tool.lines(target))


def test_the_next_region_leaves_the_one_before_it_and_may_have_another_class():
    target, tool = _target(), ClickTool(_SameColour())
    _drag(tool, target, (50, 40))
    assert tool.confirm(target) and not tool.confirm(target), "the second Enter means the frame"
    target.label = 2
    _drag(tool, target, (80, 60))
    assert _iou(target.document.mask == 1, PART & ~HOLE) > 0.99 and _iou(target.document.mask == 2, HOLE) > 0.99
    _drag(tool, target, (80, 60), secondary=True)
    assert not (target.document.mask == 2).any() and (target.document.mask == 1).any()


def test_what_was_there_is_corrected_by_a_right_click_and_without_it_there_is_nothing_to_correct():
    target, tool = _target((PART | HOLE).astype(np.uint8)), ClickTool(_SameColour())
    _drag(tool, target, (80, 60), secondary=True)
    assert not target.document.mask[60, 80]
    empty = _target()
    assert "click into the region first" in _drag(tool, empty, (10, 10), secondary=True)
    assert _drag(tool, empty, (-5, 10)) is None and not empty.document.mask.any()


def test_clicks_respect_where_pixels_may_change_and_erase_when_erasing():
    target, tool = _target(allowed=PART), ClickTool(_SameColour())
    _drag(tool, target, (5, 5))
    assert not target.document.mask.any()
    target = _target(PART.astype(np.uint8), erasing=True)
    _drag(tool, target, (80, 60), shift=True)
    assert _iou(target.document.mask > 0, PART & ~HOLE) > 0.99


def test_a_contour_gives_the_pixels_of_the_disc_that_it_goes_around():
    random, ratios = np.random.default_rng(0), []
    for radius in (6.3, 9.0, 12.7, 19.5):
        x, y = random.uniform(30, 66, 2)
        rows, columns = np.mgrid[0 : 96 * 8, 0 : 96 * 8] / 8 + 1 / 16
        coverage = ((columns - x) ** 2 + (rows - y) ** 2 <= radius**2).reshape(96, 8, 96, 8).mean(axis=(1, 3))
        image = 60 + 130 * coverage[..., np.newaxis] + random.normal(0, 3, (96, 96, 3))
        image = image.clip(0, 255).astype(np.uint8)
        around = [c for c in edge_contours(image, (0, 0, 96, 96), 40, 120, 0, 3) if cv2.contourArea(c.pixels) > 30]
        found, truth = region_inside(image, around[-1]), coverage >= 0.5
        ratios.append((found & truth).sum() / (found | truth).sum())
    assert min(ratios) >= 0.98, ratios
