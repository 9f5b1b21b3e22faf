"""labelme's files of all kinds: painted rightly, or refused with the file, the object and the value."""

from __future__ import annotations

import json

import numpy as np
import pytest
from imported_labels import box
from png_in_base64 import png

SQUARE = [[10, 10], [20, 10], [20, 20], [10, 20]]


def shape(points=SQUARE, kind="polygon", label="x", **more):
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, "flags": {}} | more


def data(*shapes, **changes):
    whole = {"shapes": list(shapes), "imagePath": "a.png", "imageData": None, "imageHeight": 48, "imageWidth": 64}
    whole.update(changes)
    return {key: value for key, value in whole.items() if value != "absent"}


@pytest.fixture
def labelme(tmp_path, imported):
    """Imports a folder of files: name → data."""

    def call(content, names=("a.png",), *more, **options):
        files = {"a.json": content} if not isinstance(content, dict) or "shapes" in content else content
        for name, part in files.items():
            file = tmp_path / "labels" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(part if isinstance(part, bytes) else json.dumps(part).encode())
        return imported("labelme", tmp_path / "labels", names, *more, **options)

    return call


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_read(labelme, encoding):
    text = json.dumps(data(shape(label="Würfel")), ensure_ascii=False)
    np.testing.assert_array_equal(labelme(text.encode(encoding)).pixels("Würfel"), box(10, 10, 20, 20))


@pytest.mark.parametrize("label, name", [(1, "1"), (0, "0"), (2.5, "2.5"), ("no", "no"), ("null", "null"), ("~", "~")])
def test_labels_stay_what_they_are(labelme, label, name):
    np.testing.assert_array_equal(labelme(data(shape(label=label))).pixels(name), box(10, 10, 20, 20))


@pytest.mark.parametrize("label", [None, "", " ", True, [], {}, "a\tb", "\ud800"])
def test_what_is_no_label_is_refused(labelme, label):
    labelme(data(shape(), shape(label=label))).refused("a.json", "shapes[1]", "'label'")


@pytest.mark.parametrize(
    "points",
    [
        [[10, 10], [20, 20]], [[20, 20], [10, 10]], [[20, 10], [10, 20]], SQUARE, SQUARE[::-1],
        [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]],
    ],
)  # fmt: skip
def test_rectangles_of_two_and_of_four_points(labelme, points):
    np.testing.assert_array_equal(labelme(data(shape(points, "rectangle"))).pixels("x"), box(10, 10, 20, 20))


@pytest.mark.parametrize("kind", ["rectangle", "rotation"])
def test_turned_rectangles_of_four_points(labelme, kind):
    found = labelme(data(shape([[20, 10], [30, 20], [20, 30], [10, 20]], kind))).pixels("x")
    assert found.sum() == pytest.approx(200, abs=10) and found[20, 20] and not found[11, 11]


def test_circles(labelme):
    found = labelme(data(shape([[20, 20], [20, 28]], "circle"))).pixels("x")
    assert found.sum() == pytest.approx(np.pi * 64, rel=0.05)
    rows, columns = np.nonzero(found)
    assert rows.mean() + 0.5 == pytest.approx(20) and columns.mean() + 0.5 == pytest.approx(20)


@pytest.mark.parametrize("kind, points", [("line", SQUARE[:2]), ("linestrip", SQUARE), ("point", SQUARE[:1]),
                                          ("points", SQUARE), ("polygon", []), ("polygon", SQUARE[:2]),
                                          ("rectangle", []), ("circle", [[3, 3], [3, 3]])])  # fmt: skip
def test_what_has_no_area_is_refused_or_left_out_when_asked_for(labelme, kind, points):
    content = data(shape(points, kind), shape(label="y"))
    labelme(content).refused("a.json", "shapes[0] 'x'", "covers no area", "--skip")
    found = labelme(content, ["a.png"], "--skip", output="skipped")
    np.testing.assert_array_equal(found.pixels("y"), box(10, 10, 20, 20))
    assert found.count("regions without an area are skipped") == 1


@pytest.mark.parametrize(
    "change",
    [
        {"points": None}, {"points": 5}, {"points": [[1, 2, 3]]}, {"points": [1, 2, 3, 4]},
        {"points": [["1", "2"]] * 3},
        {"points": [[1, None]] * 3}, {"points": [[float("nan"), 1]] * 3}, {"points": [[1e13, 1]] * 3},
        {"points": [[True, 1]] * 3}, {"shape_type": "star"}, {"shape_type": 5},
        {"shape_type": "rectangle", "points": SQUARE[:3]},
        {"shape_type": "circle", "points": SQUARE}, {"shape_type": "mask", "points": SQUARE[:1]},
    ],
)  # fmt: skip
def test_a_shape_that_cannot_be_is_refused(labelme, change):
    labelme(data(shape() | change)).refused("a.json", "shapes[0]")


@pytest.mark.parametrize("left, top", [(-3, -2), (60, 45), (10, 10), (100, 5), (-50, -50)])
@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA"])
def test_masks_over_the_border_are_clipped(labelme, left, top, mode):
    part = np.random.default_rng(0).random((6, 8)) < 0.6
    part[0, 0] = True
    found = labelme(data(shape([[left, top], [left + 7, top + 5]], "mask", mask=png(part, mode))))
    whole = np.zeros((300, 300), bool)
    whole[100 + top : 106 + top, 100 + left : 108 + left] = part
    np.testing.assert_array_equal(found.mask() == 1, whole[100:148, 100:164])
    assert ("regions extend beyond" in found.text) == ((left, top) != (10, 10))


@pytest.mark.parametrize("mask", [None, "", "!!", "abcd", 5, png(np.ones((20, 20), bool)), png(np.ones((4, 4)))[:40]])
def test_a_mask_that_cannot_be_is_refused(labelme, mask):
    labelme(data(shape([[0, 0], [7, 5]], "mask", mask=mask))).refused("a.json", "shapes[0] 'x'", "mask")


def test_groups_flags_and_image_data_change_nothing(labelme):
    other = shape([[30, 30], [40, 30], [40, 40], [30, 40]], group_id=3)
    found = labelme(data(shape(group_id=3, flags={"a": True}), other, imageData="abc"))
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20) | box(30, 30, 40, 40))


def test_later_shapes_lie_over_earlier_ones(labelme):
    found = labelme(data(shape(label="hole", points=[[12, 12], [15, 12], [15, 15], [12, 15]]), shape()))
    assert not found.pixels("hole").any() and "part" not in found.text


@pytest.mark.parametrize("path", ["a.png", "..\\images\\a.png", "D:\\x\\a.png", "/home/me/a.png", "../images/a.png"])
def test_the_path_of_the_image_may_be_of_any_system(labelme, path):
    np.testing.assert_array_equal(labelme(data(shape(), imagePath=path)).pixels("x"), box(10, 10, 20, 20))


@pytest.mark.parametrize("path", ["absent", None, ""])
def test_a_file_that_names_no_image_is_that_of_its_own_name(labelme, path):
    found = labelme(data(shape(), imagePath=path))
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20))
    assert found.count("files name no image") == 1


@pytest.mark.parametrize("change", [{"imagePath": 5}, {"imagePath": []}, {"imageHeight": "48"}, {"imageWidth": 0},
                                    {"imageWidth": None}, {"imageHeight": 47}, {"shapes": {}}, {"shapes": [5]},
                                    {"shapes": None}, {"imageHeight": True}])  # fmt: skip
def test_a_file_that_cannot_be_is_refused(labelme, change):
    labelme(data(shape(), **change)).refused("a.png" if change == {"imageHeight": 47} else "a.json")


def test_sizes_may_be_missing(labelme):
    found = labelme(data(shape(), imageHeight="absent", imageWidth="absent"))
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20))


def test_folders_of_labels_beside_folders_of_images(labelme):
    moved = [[x + 20, y] for x, y in SQUARE]
    found = labelme({"one/a.json": data(shape()), "two/a.json": data(shape(moved))}, ["one/a.png", "two/a.png"])
    np.testing.assert_array_equal(found.pixels("x", "one_a"), box(10, 10, 20, 20))
    np.testing.assert_array_equal(found.pixels("x", "two_a"), box(30, 10, 40, 20))


def test_two_files_of_one_image_are_refused(labelme):
    labelme({"a.json": data(shape()), "b.json": data(shape())}).refused("a.png", "twice", "b.json")


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"{", b"null", b"[" * 100_000])
def test_what_is_no_file_of_labelme_is_refused(labelme, content):
    labelme(content).refused("a.json", "labelme")


@pytest.mark.parametrize("kind", ["rotation", "oriented_rectangle", "quadrilateral"])
def test_four_corners_are_painted_as_they_lie(labelme, kind):
    diamond = [[20, 10], [30, 20], [20, 30], [10, 20]]
    assert labelme(data(shape(diamond, kind))).pixels("x").sum() == 200
    labelme(data(shape(diamond[:2], kind)), output="other").refused("shapes[0]", kind, "2 points")


def test_fractions_of_the_box_of_a_mask_are_cut_off_as_labelme_does(labelme):
    found = labelme(data(shape([[-0.4, 9.6], [5.2, 14.9]], "mask", mask=png(np.ones((6, 6), bool)))))
    np.testing.assert_array_equal(found.pixels("x"), box(0, 9, 6, 15))
