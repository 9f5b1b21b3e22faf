"""The labelling window without a window: what keys and pointer do to frames and files."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from rt_seg.labels import Label, LabelSet, labels_from_dict
from rt_seg_training.datasets.custom.custom_source import read_custom
from rt_seg_training.datasets.labelled_frame import encode
from rt_seg_training.datasets.linting import check_source
from rt_seg_training.datasets.source import read_pair
from rt_seg_training.labelling import editor as editor_module
from rt_seg_training.labelling import labelling_session
from rt_seg_training.labelling.captures import LabellingError
from rt_seg_training.labelling.drawing.brush import Brush
from rt_seg_training.labelling.drawing.grabcut import GrabCut
from rt_seg_training.labelling.drawing.polygon import Polygon
from rt_seg_training.labelling.editor import Editor
from rt_seg_training.labelling.label_lists import with_classes
from rt_seg_training.labelling.labelling_session import LabellingSession
from rt_seg_training.labelling.propagation import propagate
from rt_seg_training.labelling.screen import PANEL, STATUS, Screen

LABELS = LabelSet((Label(0, "background", (0, 0, 0)), Label(1, "part", (230, 25, 75)), Label(2, "hole", (0, 0, 200))))
SHAPE = (60, 80)


def _picture(number):
    """A textured block that moves by 3 pixels a frame, and where it is."""
    random = np.random.default_rng(0)
    color = np.clip(random.normal(200, 4, (*SHAPE, 3)), 0, 255).astype(np.uint8)
    block = np.zeros(SHAPE, bool)
    block[15:45, 20 + 3 * number : 50 + 3 * number] = True
    color[block] = np.clip(random.normal(80, 20, (900, 3)), 0, 255).astype(np.uint8)
    return color, block


@pytest.fixture
def folder(tmp_path):
    """Four images in rgb/."""
    (tmp_path / "set" / "rgb").mkdir(parents=True)
    for number in range(4):
        (tmp_path / "set" / "rgb" / f"{number:02d}.png").write_bytes(encode(".png", _picture(number)[0]))
    return tmp_path / "set"


def _editor(folder, output=None, propagating=False, **options):
    return Editor(
        LabellingSession(folder, output or folder, LABELS, propagating), [Brush(), Polygon(), GrabCut()], **options
    )


def _paint(editor, x, y, secondary=False):
    editor.press((x, y), secondary)
    editor.release((x, y))


def _mask(folder, name):
    return cv2.imread(str(folder / "gt" / f"{name}.png"), cv2.IMREAD_UNCHANGED)


def test_going_on_writes_the_mask_and_an_untouched_frame_gets_none(folder):
    editor = _editor(folder)
    _paint(editor, 30, 30)
    editor.key("n")
    editor.key("n")
    assert editor.session.index == 2
    assert sorted(path.name for path in (folder / "gt").iterdir()) == ["00.png"]
    assert _mask(folder, "00")[30, 30] == 1


def test_enter_accepts_an_empty_frame_and_the_result_is_a_data_set(folder):
    editor = _editor(folder)
    for _ in range(4):
        _paint(editor, 30, 30)
        editor.key("Return")
    assert "last frame" in editor.message
    editor.key("e")
    editor.key("Return")
    assert not _mask(folder, "03").any()
    source = read_custom(folder)
    check_source(source)
    assert source.labels == LABELS


def test_a_mask_that_was_undone_to_nothing_is_not_made_an_empty_one(folder):
    editor = _editor(folder)
    _paint(editor, 30, 30)
    editor.key("z")
    editor.key("n")
    assert not (folder / "gt").exists()


def test_labelling_goes_on_at_the_first_frame_without_a_mask(folder):
    first = _editor(folder)
    _paint(first, 30, 30)
    first.key("q")
    assert first.finished
    again = _editor(folder)
    assert again.session.capture.name == "01" and again.session.count_with_mask == 1
    again.key("p")
    assert again.session.document.mask[30, 30] == 1
    again.key("u")
    assert again.session.capture.name == "01"


def test_a_change_is_written_after_a_rest(folder, monkeypatch):
    now = 100.0
    monkeypatch.setattr(editor_module.time, "monotonic", lambda: now)
    editor = _editor(folder)
    _paint(editor, 30, 30)
    editor.idle()
    assert not (folder / "gt").exists() and editor.title.endswith("*")
    now += editor_module.AUTOSAVE_SECONDS
    editor.press((10, 10))
    editor.idle()
    assert not (folder / "gt").exists(), "not in the midst of a stroke"
    editor.release((10, 10))
    now += editor_module.AUTOSAVE_SECONDS
    editor.idle()
    assert _mask(folder, "00")[10, 10] == 1 and not editor.title.endswith("*")


def test_into_another_folder_pictures_and_depth_go_along(folder, tmp_path):
    (folder / "depth").mkdir()
    (folder / "depth" / "00.png").write_bytes(encode(".png", np.full(SHAPE, 900, np.uint16)))
    editor = _editor(folder, tmp_path / "out")
    _paint(editor, 30, 30)
    editor.key("q")
    assert not (folder / "gt").exists()
    source = read_custom(tmp_path / "out")
    (pair,) = [pair for members in source.splits.values() for pair in members]
    color, mask, depth = read_pair(pair, source)
    assert mask[30, 30] == 1 and depth[0, 0] == 900 and (color == _picture(0)[0]).all()


@pytest.fixture
def full_disk(monkeypatch):
    """A switch: while it holds "full", nothing can be written."""
    state = {"full": True}
    usual = labelling_session.write_atomically

    def write(path, data):
        if state["full"] and "gt" in path.parts:
            raise OSError(28, "No space left on device", str(path))
        usual(path, data)

    monkeypatch.setattr(labelling_session, "write_atomically", write)
    return state


def test_what_the_full_disk_refuses_stays_in_memory_and_is_written_later(folder, full_disk):
    editor = _editor(folder)
    _paint(editor, 30, 30)
    editor.key("n")
    assert editor.session.index == 1
    assert editor.alarming and "NOT SAVED (No space left on device" in editor.message and "00" in editor.message
    _paint(editor, 20, 20)
    editor.key("p")
    assert editor.session.document.mask[30, 30] == 1, "as it was left"
    assert editor.session.unsaved == ["00", "01"]
    full_disk["full"] = False
    editor.key("s")
    assert editor.session.unsaved == [] and editor.message == "saved"
    assert _mask(folder, "00")[30, 30] == 1 and _mask(folder, "01")[20, 20] == 1
    assert not list(folder.rglob("*.part"))


def test_leaving_with_unsaved_masks_is_asked_twice_and_they_are_rescued(folder, full_disk):
    editor = _editor(folder)
    _paint(editor, 30, 30)
    editor.key("q")
    assert not editor.finished and "q again" in editor.message
    editor.key("v")
    editor.key("q")
    assert not editor.finished, "another key in between takes the question back"
    editor.key("q")
    assert editor.finished
    full_disk["full"] = False
    rescued = editor.session.rescue()
    assert cv2.imread(str(rescued / "00.png"), cv2.IMREAD_UNCHANGED)[30, 30] == 1


def test_a_folder_in_the_way_of_the_masks_is_no_end(folder):
    (folder / "gt").write_text("a file")
    editor = _editor(folder)
    _paint(editor, 30, 30)
    editor.key("s")
    assert editor.alarming and "NOT SAVED" in editor.message
    (folder / "gt").unlink()
    editor.key("s")
    assert _mask(folder, "00")[30, 30] == 1


def test_an_unreadable_picture_is_named_and_passed_over(folder):
    (folder / "rgb" / "00.png").write_bytes(b"no image")
    editor = _editor(folder)
    assert editor.alarming and "00.png: cannot be read" in editor.message
    for key in ["z", "y", "e", "r", "g", "Return", "s"]:
        editor.key(key)
    assert editor.session.index == 1
    editor.key("p")
    _paint(editor, 10, 10)
    Screen(editor).draw((600, 400))
    editor.key("n")
    assert not (folder / "gt").exists()


@pytest.mark.parametrize("spoilt", ["size", "class", "colour", "bytes"])
def test_a_mask_that_cannot_be_used_is_said_and_stays_until_the_frame_is_labelled(folder, spoilt):
    data = {
        "size": encode(".png", np.zeros((10, 10), np.uint8)), "class": encode(".png", np.full(SHAPE, 7, np.uint8)),
        "colour": encode(".png", _picture(0)[0]), "bytes": b"x",
    }[spoilt]  # fmt: skip
    (folder / "gt").mkdir()
    (folder / "gt" / "00.png").write_bytes(data)
    editor = _editor(folder)
    editor.key("p")
    assert editor.session.index == 0 and editor.alarming and "00.png" in editor.message
    editor.key("n")
    assert (folder / "gt" / "00.png").read_bytes() == data
    editor.key("p")
    _paint(editor, 30, 30)
    editor.key("n")
    assert _mask(folder, "00")[30, 30] == 1


def _png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["16 bit", "palette", "named after the mask"])
def test_masks_of_any_kind_that_the_builder_reads_are_gone_on_with(folder, kind):
    mask = np.zeros(SHAPE, np.uint8)
    mask[10:20, 10:30] = 2
    name = "00_mask.png" if kind == "named after the mask" else "00.png"
    image = Image.fromarray(mask.astype(np.uint16) if kind == "16 bit" else mask)
    if kind == "palette":
        image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    (folder / "gt").mkdir()
    (folder / "gt" / name).write_bytes(_png(image))
    editor = _editor(folder)
    editor.key("p")
    np.testing.assert_array_equal(editor.session.document.mask, mask)
    _paint(editor, 60, 40)
    editor.key("q")
    assert [path.name for path in (folder / "gt").iterdir()] == [name], "one mask for an image"
    assert cv2.imread(str(folder / "gt" / name), cv2.IMREAD_UNCHANGED)[40, 60] == 1


def test_a_turned_photograph_is_labelled_as_the_builder_reads_it(folder):
    color, block = _picture(0)
    exif = Image.Exif()
    exif[274] = 6  # turn by 90 degrees to see it upright
    turned = folder / "rgb" / "00.jpg"
    Image.fromarray(np.ascontiguousarray(np.rot90(color))).save(turned, exif=exif, quality=98)
    (folder / "rgb" / "00.png").unlink()
    editor = _editor(folder)
    assert editor.session.document.mask.shape == SHAPE
    editor.key("o")
    for corner in [(19.5, 14.5), (49.5, 14.5), (49.5, 44.5), (19.5, 44.5)]:  # the outer edges of its pixels
        _paint(editor, *corner)
    editor.key("Return")
    editor.key("q")
    for path in sorted((folder / "rgb").glob("*.png")):
        path.unlink()
    source = read_custom(folder)
    (pair,) = [pair for members in source.splits.values() for pair in members]
    image, mask, _ = read_pair(pair, source)
    np.testing.assert_array_equal(mask > 0, block)
    assert image[block].mean() < 100 < image[~block].mean()


def test_the_next_frame_begins_with_the_mask_of_the_last_carried_over(folder):
    editor = _editor(folder, propagating=True)
    editor.session.document.change(_picture(0)[1].astype(np.uint8))
    editor.key("n")
    found, truth = editor.session.document.mask > 0, _picture(1)[1]
    assert np.count_nonzero(found & truth) / np.count_nonzero(found | truth) > 0.95
    assert editor.session.proposed and "proposal" in editor.message
    editor.key("n")
    assert not (folder / "gt" / "01.png").exists(), "a proposal that nobody accepted is no mask"
    editor.key("p")
    editor.key("Return")
    assert (folder / "gt" / "01.png").exists()


def test_several_classes_are_carried_over_as_they_are():
    before, block = _picture(0)
    mask = block.astype(np.uint8)
    mask[25:35, 30:40] = 2
    carried = propagate(before, mask, _picture(1)[0])
    expected = np.roll(mask, 3, axis=1)
    assert set(np.unique(carried)) == {0, 1, 2}
    assert (carried == expected).mean() > 0.98


def test_without_a_labelled_frame_nothing_is_carried_over(folder):
    editor = _editor(folder)
    editor.key("r")
    assert "no labelled frame" in editor.message and not editor.session.document.mask.any()


def test_classes_and_erasing_inside_the_object_only(folder):
    (folder / "gt").mkdir()
    (folder / "gt" / "00.png").write_bytes(encode(".png", _picture(0)[1].astype(np.uint8)))
    editor = _editor(folder, inside_only=True)
    editor.key("p")
    editor.key("2")
    _paint(editor, 20, 30)
    mask = editor.session.document.mask
    assert set(np.unique(mask[:, 20:])) == {0, 1, 2} and not mask[:, :20].any()
    editor.key("x")
    _paint(editor, 20, 30)
    assert mask[30, 20] == 0
    editor.key("1")
    _paint(editor, 20, 30)
    np.testing.assert_array_equal(mask > 0, _picture(0)[1])
    editor.key("i")
    _paint(editor, 5, 30)
    assert mask[30, 5] == 1
    for _ in range(2):
        editor.key("Tab")
    _paint(editor, 5, 30)
    assert mask[30, 5] == 255, "after the last class comes what is ignored"


def test_a_long_message_is_shown_whole(folder):
    editor = _editor(folder)
    editor.say("word " * 60, alarming=True)
    picture = Screen(editor).draw((PANEL + 400, 400))
    red = (picture[:, -1] == (190, 30, 30)).all(axis=1)
    assert red.sum() > 5 * STATUS / 2, "as many lines as it needs"


def test_new_classes_have_ids_after_the_others_and_colours_of_their_own():
    labels = with_classes(LABELS, ["hole", *(f"class {number}" for number in range(40))])
    assert labels.labels[:3] == LABELS.labels and len(labels) == 43
    assert len({label.color for label in labels.labels}) == 43
    assert labels_from_dict(labels.to_dict(), "x") == labels
    with pytest.raises(LabellingError, match="303 classes"):
        with_classes(LABELS, [f"class {number}" for number in range(300)])


def test_the_pointer_on_the_screen_reaches_picture_sliders_tools_and_classes(folder):
    editor = _editor(folder)
    screen = Screen(editor)
    size = (PANEL + 800, 600 + STATUS)
    screen.draw(size)
    assert screen.viewport.scale == 10
    screen.press(PANEL + 305, 305, "left")
    screen.release(PANEL + 305, 305)
    painted = np.argwhere(editor.session.document.mask)
    np.testing.assert_allclose(painted.mean(axis=0), (30, 30), atol=0.01)
    picture = screen.draw(size)
    assert picture[305, PANEL + 305, 0] > picture[305, PANEL + 305, 2] + 20, "red over the grey block"
    slider = next(row for row in screen._rows if row.kind == "slider")
    screen.press(10, slider.top + 3, "left")
    screen.move(10_000, slider.top + 3)
    screen.release(10_000, slider.top + 3)
    assert editor.tool.sliders[0].value == 200
    for row in [row for row in screen._rows if row.kind in ("tool", "class")]:
        screen.press(30, (row.top + row.bottom) // 2, "left")
        assert row.what == (editor.tool.key if row.kind == "tool" else editor.label)
    screen.wheel(PANEL + 305, 305, 1)
    screen.press(PANEL + 305, 305, "middle")
    screen.move(PANEL + 355, 305)
    screen.release(PANEL + 355, 305)
    assert [round(value) for value in screen.viewport.to_picture(355, 305)] == [30, 30]
    screen.draw((1, 1)), screen.draw((2000, 1500))


def test_masks_without_end_do_not_slow_the_start(tmp_path):
    """Each image is looked up in one listing of gt/, not each in its own."""
    for name in ("rgb", "gt"):
        (tmp_path / name).mkdir()
    for number in range(400):
        (tmp_path / "rgb" / f"{number:04d}.png").write_bytes(b"")
        (tmp_path / "gt" / f"{number:04d}_mask.png").write_bytes(b"")
    listings = []
    usual = Path.iterdir
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "iterdir", lambda self: listings.append(self) or usual(self))
        session = LabellingSession(tmp_path, tmp_path, LABELS)
        assert session.count_with_mask == 400 and session.without_mask(0) is None
    assert len(listings) <= 3
