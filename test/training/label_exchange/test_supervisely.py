"""Supervisely's files: polygons with holes and bitmaps painted rightly, or refused by file, object and value."""

from __future__ import annotations

import base64
import json
import zlib

import numpy as np
import pytest
from imported_labels import box
from png_in_base64 import png_bytes

from rt_seg.labels import load_labels

SQUARE = [[10, 10], [20, 10], [20, 20], [10, 20]]
HOLE = [[12, 12], [15, 12], [15, 15], [12, 15]]
META = {"classes": [{"title": "y", "shape": "polygon"}, {"title": "x", "shape": "bitmap"}], "tags": []}


def polygon(exterior=SQUARE, *interior, title="x", **more):
    points = {"exterior": exterior, "interior": list(interior)}
    return {"classTitle": title, "geometryType": "polygon", "points": points} | more


def bitmap(mask, left=0, top=0, mode="P", **more):
    data = base64.b64encode(zlib.compress(png_bytes(mask, mode))).decode()
    return {"classTitle": "x", "geometryType": "bitmap", "bitmap": {"data": data, "origin": [left, top]}} | more


def data(*objects, **changes):
    return {"description": "", "tags": [], "size": {"height": 48, "width": 64}, "objects": list(objects)} | changes


@pytest.fixture
def supervisely(tmp_path, imported):
    """Imports files of a project: path → data; or one as ds/ann/a.png.json."""

    def call(content, names=("a.png",), *more, meta=META, **options):
        files = content if isinstance(content, dict) and "objects" not in content else {"ds/ann/a.png.json": content}
        for name, part in (files | ({"meta.json": meta} if meta is not None else {})).items():
            file = tmp_path / "project" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(part if isinstance(part, bytes) else json.dumps(part).encode())
        return imported("supervisely", tmp_path / "project", names, *more, **options)

    return call


def test_polygons_with_holes_and_the_classes_of_the_project(supervisely):
    found = supervisely(data(polygon(SQUARE, HOLE)))
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20) & ~box(12, 12, 15, 15))
    assert load_labels(found.output / "labels.yaml").names == ["background", "y", "x"]


def test_without_meta_the_classes_are_those_found(supervisely):
    found = supervisely(data(polygon()), meta=None)
    assert load_labels(found.output / "labels.yaml").names == ["background", "x"]


@pytest.mark.parametrize("mode", ["P", "L", "1", "RGBA"])
@pytest.mark.parametrize("left, top", [(10, 10), (-3, -2), (60, 45), (100, 0)])
def test_bitmaps_at_their_origin_are_clipped(supervisely, mode, left, top):
    part = np.random.default_rng(0).random((6, 8)) < 0.6
    part[0, 0] = True
    found = supervisely(data(bitmap(part, left, top, mode)))
    whole = np.zeros((300, 300), bool)
    whole[100 + top : 106 + top, 100 + left : 108 + left] = part
    np.testing.assert_array_equal(found.mask() == 2, whole[100:148, 100:164])


def test_rectangles_later_objects_on_top_and_old_files(supervisely):
    rectangle = polygon([[20, 20], [10, 10]], title="y", geometryType="rectangle")
    old = polygon(HOLE)
    del old["geometryType"]
    found = supervisely({"ds/ann/a.json": data(rectangle, old)})
    np.testing.assert_array_equal(found.pixels("x"), box(12, 12, 15, 15))
    np.testing.assert_array_equal(found.pixels("y"), box(10, 10, 20, 20) & ~box(12, 12, 15, 15))


def test_data_sets_with_images_of_one_name(supervisely):
    moved = [[x + 20, y] for x, y in SQUARE]
    files = {"one/ann/a.jpg.json": data(polygon()), "two/ann/a.jpg.json": data(polygon(moved))}
    found = supervisely(files, ["one/img/a.jpg", "two/img/a.jpg"])
    np.testing.assert_array_equal(found.pixels("x", "one_img_a"), box(10, 10, 20, 20))
    np.testing.assert_array_equal(found.pixels("x", "two_img_a"), box(30, 10, 40, 20))


@pytest.mark.parametrize("kind", ["point", "line", "graph", "cuboid"])
def test_what_has_no_area_is_refused_or_left_out_when_asked_for(supervisely, kind):
    content = data(polygon(geometryType=kind), polygon(title="y"))
    supervisely(content).refused("a.png.json", "objects[0] 'x'", "covers no area", "--skip")
    found = supervisely(content, ["a.png"], "--skip", output="skipped")
    np.testing.assert_array_equal(found.pixels("y"), box(10, 10, 20, 20))


def _bomb():
    packer = zlib.compressobj(9)
    return base64.b64encode(b"".join([packer.compress(bytes(1 << 20)) for _ in range(80)]) + packer.flush()).decode()


@pytest.mark.parametrize(
    "entry",
    [
        5, polygon(title=None), polygon(title=""), polygon(geometryType="star"), polygon(geometryType=5),
        polygon([[1, 2], [3]]), polygon([[1, float("nan")]] * 3), polygon(None), polygon(SQUARE, [[1, "2"]] * 3),
        polygon(points=None), polygon(points={}), polygon(SQUARE[:3], geometryType="rectangle"),
        bitmap(np.ones((4, 4)), bitmap=None), bitmap(np.ones((4, 4)), bitmap={"origin": [0, 0], "data": None}),
        bitmap(np.ones((4, 4)), bitmap={"origin": [0, 0], "data": "abcd"}),
        bitmap(np.ones((4, 4)), bitmap={"origin": [0, 0], "data": base64.b64encode(zlib.compress(b"no")).decode()}),
        bitmap(np.ones((4, 4)), bitmap={"origin": [0], "data": ""}), bitmap(np.ones((4, 4)), left=1.5),
        bitmap(np.ones((4, 4)), left=float("inf")), bitmap(np.ones((4, 4)), bitmap={"origin": [0, 0], "data": _bomb()}),
    ],
)  # fmt: skip
def test_an_object_that_cannot_be_is_refused(supervisely, entry):
    supervisely(data(entry)).refused("a.png.json", "objects[0]")


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", data(size=None), data(size={"height": 0, "width": 5}), data(objects=5), data(objects={}),
     b"[" * 100_000, data(size={"height": "48", "width": 64})],
)  # fmt: skip
def test_a_file_that_cannot_be_is_refused(supervisely, content):
    supervisely({"ds/ann/a.png.json": content}).refused("a.png.json")


@pytest.mark.parametrize("meta", [b"", {}, {"classes": 5}, {"classes": [5]}, {"classes": [{"title": None}]}])
def test_a_project_file_that_cannot_be_is_refused(supervisely, meta):
    supervisely(data(polygon()), meta=meta).refused("meta.json")


def test_holes_that_overlap_or_reach_over_the_rim_are_holes(supervisely):
    outer = [[5, 5], [30, 5], [30, 30], [5, 30]]
    holes = [[[10, 10], [20, 10], [20, 20], [10, 20]], [[15, 15], [25, 15], [25, 25], [15, 25]],
             [[28, 8], [38, 8], [38, 12], [28, 12]]]  # fmt: skip
    found = supervisely(data(polygon(outer, *holes)))
    expected = box(5, 5, 30, 30) & ~box(10, 10, 20, 20) & ~box(15, 15, 25, 25) & ~box(28, 8, 38, 12)
    np.testing.assert_array_equal(found.pixels("x"), expected)
