"""CVAT's files for images and for video: painted rightly, or refused with the file, the object and the value."""

from __future__ import annotations

import numpy as np
import pytest
from imported_labels import box

from rt_seg.labels import load_labels
from rt_seg_training.label_exchange.outlines import fill_ellipse

IMAGE = '<image id="0" name="a.png" width="64" height="48">{}</image>'


@pytest.fixture
def cvat(tmp_path, imported):
    """Imports an XML file around the given elements; bytes as they are."""

    def call(content, names=("a.png",), *more, **options):
        file = tmp_path / "a.xml"
        whole = content if isinstance(content, bytes) else f"<annotations>{content}</annotations>".encode()
        file.write_bytes(whole)
        return imported("cvat", file, names, *more, **options)

    return call


def ellipse(*values):
    """(48, 64) bool of an ellipse."""
    mask = np.zeros((48, 64), bool)
    patch = fill_ellipse(*values, 48, 64)
    patch.of(mask)[:] = patch.mask
    return mask


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, -90, 360])
def test_boxes_are_turned(cvat, degrees):
    expected = (28, 2, 32, 42) if degrees % 180 else (10, 20, 50, 24)
    found = cvat(IMAGE.format(f'<box label="x" xtl="10" ytl="20" xbr="50" ybr="24" rotation="{degrees}"/>'))
    np.testing.assert_array_equal(found.pixels("x"), box(*expected))


def test_a_box_is_turned_clockwise(cvat):
    found = cvat(IMAGE.format('<box label="x" xtl="10" ytl="20" xbr="50" ybr="24" rotation="30"/>'))
    rows, columns = np.nonzero(found.pixels("x"))
    assert np.polyfit(columns, rows, 1)[0] == pytest.approx(np.tan(np.radians(30)), abs=0.03)  # y points down
    assert found.pixels("x").sum() == pytest.approx(160, abs=8)


@pytest.mark.parametrize("degrees", [0, 30, 90, 120])
def test_ellipses_are_turned(cvat, degrees):
    found = cvat(IMAGE.format(f'<ellipse label="x" cx="30" cy="24" rx="20" ry="5" rotation="{degrees}"/>'))
    np.testing.assert_array_equal(found.pixels("x"), ellipse((30, 24), (20, 5), degrees))


@pytest.mark.parametrize("left, top", [(-3, -2), (60, 45), (-3, 45), (10, 10), (100, 5), (-50, 0)])
def test_masks_over_the_border_are_clipped(cvat, left, top):
    shape = f'<mask label="x" rle="1,8,4,8,4" left="{left}" top="{top}" width="5" height="5"/>'
    found = cvat(IMAGE.format(shape))
    whole = np.zeros((300, 300), bool)
    part = np.repeat([False, True, False, True, False], [1, 8, 4, 8, 4]).reshape(5, 5)
    whole[100 + top : 105 + top, 100 + left : 105 + left] = part
    np.testing.assert_array_equal(found.mask() == 1, whole[100:148, 100:164])
    assert ("regions extend beyond" in found.text) == ((left, top) != (10, 10))


@pytest.mark.parametrize(
    "changes",
    [
        {"rle": "1,8"}, {"rle": ""}, {"rle": "30"}, {"rle": "-5,30"}, {"rle": "a"}, {"rle": "1.5,23.5"},
        {"width": "0"}, {"height": "-5"}, {"width": "1e9"}, {"left": "x"}, {"top": ""}, {"left": "nan"},
        {"left": "1.5"}, {"label": ""}, {"z_order": "x"}, {"z_order": "inf"},
    ],
)  # fmt: skip
def test_a_mask_that_cannot_be_is_refused(cvat, changes):
    values = {"label": "x", "rle": "25", "left": "0", "top": "0", "width": "5", "height": "5"} | changes
    shape = "<mask " + " ".join(f'{key}="{value}"' for key, value in values.items()) + "/>"
    cvat(IMAGE.format(shape)).refused("a.xml", "a.png", "mask")


@pytest.mark.parametrize(
    "shape",
    [
        '<polygon label="x" points="1,2;3"/>', '<polygon label="x" points="1,2;3,nan;4,4"/>',
        '<polygon label="x" points="1,2;3,1e13;4,4"/>', '<polygon label="x" points="a,b"/>',
        '<box label="x" xtl="1" ytl="2" xbr="3"/>', '<box label="x" xtl="1" ytl="2" xbr="3" ybr="4" rotation="?"/>',
        '<box xtl="1" ytl="2" xbr="3" ybr="4"/>', '<ellipse label="x" cx="1" cy="2" rx="-3" ry="4"/>',
        '<ellipse label="x" cx="1" cy="2" rx="inf" ry="4"/>', '<circle label="x" cx="1" cy="2" r="4"/>',
    ],
)  # fmt: skip
def test_a_shape_that_cannot_be_is_refused(cvat, shape):
    cvat(IMAGE.format(shape)).refused("a.xml", "a.png")


@pytest.mark.parametrize(
    "shape",
    [
        '<polyline label="x" points="1,1;5,5"/>', '<points label="x" points="1,1"/>', '<cuboid label="x"/>',
        '<skeleton label="x"/>', '<polygon label="x" points=""/>', '<polygon label="x" points="1,1;2,2"/>',
        '<polygon label="x"/>',
    ],
)  # fmt: skip
def test_what_has_no_area_is_refused_or_left_out_when_asked_for(cvat, shape):
    content = IMAGE.format(shape + '<box label="y" xtl="1" ytl="1" xbr="9" ybr="9"/>')
    cvat(content).refused("a.xml", "a.png", "covers no area", "--skip")
    found = cvat(content, ["a.png"], "--skip", output="skipped")
    np.testing.assert_array_equal(found.pixels("y"), box(1, 1, 9, 9))
    assert found.count("regions without an area are skipped") == 1


def test_tags_are_no_regions(cvat):
    found = cvat(IMAGE.format('<tag label="night"/><box label="y" xtl="1" ytl="1" xbr="9" ybr="9"/>'))
    np.testing.assert_array_equal(found.pixels("y"), box(1, 1, 9, 9))
    assert found.count("image tags are not regions: skipped") == 1


def test_classes_of_the_task_come_in_its_order_used_or_not(cvat):
    meta = "<meta><task><labels>" + "".join(f"<label><name>{name}</name></label>" for name in "yzx")
    meta += "<label><name>knee</name><parent>leg</parent></label></labels></task></meta>"
    found = cvat(meta + IMAGE.format('<box label="x" xtl="1" ytl="1" xbr="9" ybr="9"/>'))
    assert load_labels(found.output / "labels.yaml").names == ["background", "y", "z", "x"]


@pytest.mark.parametrize("name", ["some/folder/a.png", "some\\folder\\a.png", "C:\\data\\a.png", "./a.png", "/a.png"])
def test_folders_before_the_name_are_read_as_folders(cvat, name):
    content = IMAGE.format('<box label="x" xtl="1" ytl="1" xbr="9" ybr="9"/>').replace("a.png", name)
    np.testing.assert_array_equal(cvat(content).pixels("x"), box(1, 1, 9, 9))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_read(cvat, encoding):
    content = "<annotations>" + IMAGE.format('<box label="ü" xtl="1" ytl="1" xbr="9" ybr="9"/>') + "</annotations>"
    np.testing.assert_array_equal(cvat(content.encode(encoding)).pixels("ü"), box(1, 1, 9, 9))


@pytest.mark.parametrize(
    "content",
    [
        b"", b"<", b"<annotations>", b"<annotations/>", b"<annotation/>", b"[1]", b"\xff\xfe\x00",
        b'<?xml version="1.0" encoding="nonsense"?><annotations/>',
        b'<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY d "&b;&b;">]><annotations>&d;</annotations>',
        b"<a>" * 100_000,
        b'<annotations><image id="0" width="64" height="48"/></annotations>',
        b'<annotations><image id="0" name="" width="64" height="48"/></annotations>',
        b'<annotations><image id="0" name="a.png" width="w" height="48"/></annotations>',
        b'<annotations><image id="0" name="a.png" width="0" height="48"/></annotations>',
        b'<annotations><image id="0" name="a.png" width="64"/></annotations>',
        b'<annotations><image id="0" name="a.png"/><image id="1" name="a.png"/></annotations>',
    ],
)  # fmt: skip
def test_what_is_no_file_of_cvat_is_refused(cvat, content):
    cvat(content).refused("a.png" if b'id="1"' in content else "a.xml")


def test_ids_of_images_mean_something_to_tracks_alone(cvat):
    second = IMAGE.format('<box label="x" xtl="1" ytl="1" xbr="9" ybr="9"/>').replace("a.png", "b.png")
    found = cvat(IMAGE.format("") + second, ["a.png", "b.png"])  # tasks of a project may count from 0 each
    np.testing.assert_array_equal(found.pixels("x", "b"), box(1, 1, 9, 9))
    track = '<track id="0" label="x"><box frame="0" xtl="1" ytl="1" xbr="9" ybr="9"/></track>'
    cvat(IMAGE.format("") + second + track, ["a.png", "b.png"], output="no").refused("b.png has the id 0", "a.png")


# Video

VIDEO = "<meta><task><size>{}</size><original_size><width>64</width><height>48</height></original_size></task></meta>"


def keyframes(*places, tag="box", label="x"):
    """A track: (frame, left, outside) of a box 8 wide, 10 high."""
    shapes = [
        f'<box frame="{frame}" keyframe="1" outside="{outside}" xtl="{left}" ytl="10" xbr="{left + 8}" ybr="20"/>'
        for frame, left, outside in places
    ]
    return f'<track id="0" label="{label}">{"".join(shapes)}</track>'


def frame_names(count, suffix=".png"):
    return [f"frame_{number:06d}{suffix}" for number in range(count)]


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_track_moves_between_keyframes_and_ends_outside(cvat, suffix):
    found = cvat(VIDEO.format(7) + keyframes((0, 10, 0), (4, 18, 0), (6, 18, 1)), frame_names(7, suffix))
    for frame, left in enumerate([10, 12, 14, 16, 18, 18]):
        np.testing.assert_array_equal(found.pixels("x", f"frame_{frame:06d}"), box(left, 10, left + 8, 20))
    assert found.count("frames show a track interpolated linearly") == 3
    assert found.count("frames show a track unchanged") == 1
    # It ends where it is outside, and frame 6 shows nothing.
    assert len(list((found.output / "gt").iterdir())) == 6
    assert found.count("video frames without a track are skipped") == 1


def test_a_track_stays_until_the_end_of_the_video(cvat):
    found = cvat(VIDEO.format(4) + keyframes((1, 10, 0)), frame_names(4))
    assert sorted(file.name for file in (found.output / "gt").iterdir()) == frame_names(4)[1:]
    np.testing.assert_array_equal(found.pixels("x", "frame_000003"), box(10, 10, 18, 20))


def test_a_dense_export_needs_nothing_worked_out(cvat):
    found = cvat(VIDEO.format(3) + keyframes((0, 10, 0), (1, 11, 0), (2, 12, 0)), frame_names(3))
    assert "keyframe" not in found.text
    np.testing.assert_array_equal(found.pixels("x", "frame_000001"), box(11, 10, 19, 20))


def test_images_of_other_names_are_taken_in_their_natural_order(cvat):
    content = VIDEO.format(3) + keyframes((0, 10, 0), (1, 20, 0), (2, 30, 0))
    found = cvat(content, ["8.png", "9.png", "10.png"])
    np.testing.assert_array_equal(found.pixels("x", "9"), box(20, 10, 28, 20))
    np.testing.assert_array_equal(found.pixels("x", "10"), box(30, 10, 38, 20))
    assert found.count("frames are numbered: images are matched in order") == 3
    (found.output.parent / "images" / "10.png").unlink()
    cvat(content, ["8.png", "9.png"], output="few").refused("frame_000000")


def test_polygons_between_keyframes_move_or_are_refused(cvat):
    def track(second):
        return (
            '<track id="3" label="x"><polygon frame="0" outside="0" keyframe="1" points="10,10;20,10;20,20;10,20"/>'
            f'<polygon frame="2" outside="0" keyframe="1" points="{second}"/></track>'
        )

    found = cvat(VIDEO.format(3) + track("14,10;24,10;24,20;14,20"), frame_names(3))
    np.testing.assert_array_equal(found.pixels("x", "frame_000001"), box(12, 10, 22, 20))
    other = cvat(VIDEO.format(3) + track("14,10;24,10;14,20"), frame_names(3), output="other")
    other.refused("track 3", "frames 0 to 2")


@pytest.mark.parametrize(
    "track",
    [
        '<track id="0" label="x"><box xtl="1" ytl="1" xbr="9" ybr="9"/></track>',
        '<track id="0" label="x"><box frame="-1" xtl="1" ytl="1" xbr="9" ybr="9"/></track>',
        '<track id="0" label="x"><box frame="x" xtl="1" ytl="1" xbr="9" ybr="9"/></track>',
        '<track id="0" label="x"><box frame="9" xtl="1" ytl="1" xbr="9" ybr="9"/></track>',
        '<track id="0"><box frame="0" xtl="1" ytl="1" xbr="9" ybr="9"/></track>',
        '<track id="0" label="x"><box frame="0"/></track>',
        '<track id="0" label="x"><box frame="0" xtl="1" ytl="1" xbr="9" ybr="9"/><box frame="0"/></track>',
        '<track id="0" label="x"><points frame="0" points="1,1"/></track>',
    ],
)  # fmt: skip
def test_a_track_that_cannot_be_is_refused(cvat, track):
    cvat(VIDEO.format(3) + track, frame_names(3)).refused("a.xml", "track")
    cvat(IMAGE.format("") + track, output="beside").refused("a.xml", "track")


def test_frames_are_counted_from_the_first_one_in_its_steps(cvat):
    meta = "<meta><task><size>3</size><start_frame>100</start_frame><frame_filter>step=5</frame_filter></task></meta>"
    found = cvat(meta + keyframes((100, 10, 0), (110, 20, 0)), ["x9.png", "x10.png", "x11.png"])
    for name, left in (("x9", 10), ("x10", 15), ("x11", 20)):
        assert np.flatnonzero(found.pixels("x", name).any(axis=0))[0] == left
    cvat(meta + keyframes((101, 10, 0)), output="other").refused("frame 101", "3 frames, 100..110 in steps of 5")
