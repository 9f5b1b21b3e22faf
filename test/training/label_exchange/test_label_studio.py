"""Label Studio's export: percent, brushes and boxes painted rightly, or refused by file, task, result and value."""

from __future__ import annotations

import json

import numpy as np
import pytest
from imported_labels import box

SQUARE = [[10, 10], [20, 10], [20, 20], [10, 20]]


def percent(points):
    return [[100 * x / 64, 100 * y / 48] for x, y in points]


def result(kind="polygonlabels", label="x", **value):
    value = value or {"points": percent(SQUARE)}
    return {
        "id": "r1", "type": kind, "from_name": "label", "to_name": "image", "original_width": 64,
        "original_height": 48, "image_rotation": 0, "value": value | {kind: [label]},
    }  # fmt: skip


def task(*results, image="/data/upload/1/1a2b3c4d-a.png", **more):
    return {"id": 1, "data": {"image": image}, "annotations": [{"id": 1, "result": list(results)}]} | more


@pytest.fixture
def studio(tmp_path, imported):
    """Imports what json.dumps makes of the tasks."""

    def call(content, names=("a.png",), *more, **options):
        file = tmp_path / "project.json"
        file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return imported("labelstudio", file, names, *more, **options)

    return call


def brush(mask, repeat=True, bits=(4, 8, 13, 16)):
    """Bytes of RGBA values of a mask in rle-pack's form, in runs or one by one."""
    values = np.repeat(mask.astype(np.uint8).ravel() * 255, 4)
    out = f"{len(values):032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in bits)
    place = 0
    while place < len(values):
        count = 1
        while repeat and place + count < len(values) and values[place + count] == values[place] and count < 1 << 16:
            count += 1
        if not repeat:
            count = min(1000, len(values) - place)
        size = next(number for number, size in enumerate(bits) if count - 1 < 1 << size)
        out += f"{int(repeat)}{size:02b}{count - 1:0{bits[size]}b}"
        out += "".join(f"{value:08b}" for value in ([values[place]] if repeat else values[place : place + count]))
        place += count
    out += "0" * (-len(out) % 8)
    return [int(out[start : start + 8], 2) for start in range(0, len(out), 8)]


def test_polygons_are_in_percent(studio):
    np.testing.assert_array_equal(studio([task(result())]).pixels("x"), box(10, 10, 20, 20))


@pytest.mark.parametrize("degrees, expected", [(0, (10, 10, 30, 14)), (90, (6, 10, 10, 30)), (180, (0, 6, 10, 10))])
def test_boxes_are_turned_around_their_first_corner(studio, degrees, expected):
    value = {"x": 1000 / 64, "y": 1000 / 48, "width": 2000 / 64, "height": 400 / 48, "rotation": degrees}
    found = studio([task(result("rectanglelabels", **value))])
    np.testing.assert_array_equal(found.pixels("x"), box(*expected))


def test_ellipses(studio):
    value = {"x": 50, "y": 50, "radiusX": 100 * 20 / 64, "radiusY": 100 * 5 / 48, "rotation": 90}
    found = studio([task(result("ellipselabels", **value))]).pixels("x")
    rows, columns = np.nonzero(found)
    assert np.ptp(rows) + 1 == 40 and np.ptp(columns) + 1 == 10
    assert found.sum() == pytest.approx(np.pi * 100, rel=0.05)


@pytest.mark.parametrize("repeat", [True, False])
def test_brushes(studio, repeat):
    mask = np.random.default_rng(0).random((48, 64)) < 0.4
    found = studio([task(result("brushlabels", format="rle", rle=brush(mask, repeat)))])
    np.testing.assert_array_equal(found.pixels("x"), mask)


@pytest.mark.parametrize(
    "rle", [[], [1, 2, 3], [255] * 40, ["1"] * 8, [300], [1.5], None, brush(np.ones((10, 10), bool)),
            brush(np.ones((48, 64), bool))[:-1], brush(np.ones((48, 64), bool), False)[:50]],
)  # fmt: skip
def test_a_brush_that_does_not_fit_is_refused(studio, rle):
    studio([task(result("brushlabels", format="rle", rle=rle))]).refused("project.json", "task 0", "result[0] 'x'")


@pytest.mark.parametrize(
    "image",
    [
        "/data/upload/1/1a2b3c4d-a.png", "a.png", "/data/local-files/?d=images/a.png", "s3://bucket/set/a.png",
        "https://host/x/a.png?token=abc", "/data/upload/a.png", "images\\a.png", "/data/upload/1/1a2b3c4d-%61.png",
    ],
)  # fmt: skip
def test_images_are_found_by_all_their_names(studio, image):
    np.testing.assert_array_equal(studio([task(result(), image=image)]).pixels("x"), box(10, 10, 20, 20))


def test_a_name_that_only_looks_like_an_upload_is_taken_as_it_is(studio):
    found = studio([task(result())], ["1a2b3c4d-a.png", "a.png"])
    np.testing.assert_array_equal(found.pixels("x", "1a2b3c4d-a"), box(10, 10, 20, 20))
    assert not (found.output / "gt" / "a.png").exists()


def test_a_shape_and_its_labels_as_two_results_are_one_region(studio):
    shape, name = result(), result()
    shape["type"], name["type"] = "polygon", "labels"
    del shape["value"]["polygonlabels"]
    name["value"]["labels"] = name["value"].pop("polygonlabels")
    found = studio([task(shape, name)])
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20))
    assert "1 regions" in found.text


def test_labels_alone_are_a_region(studio):
    name = result()
    name["type"] = "labels"
    name["value"]["labels"] = name["value"].pop("polygonlabels")
    np.testing.assert_array_equal(studio([task(name)]).pixels("x"), box(10, 10, 20, 20))


def test_tasks_without_annotations_are_left_out_and_said(studio):
    empty = task(image="b.png") | {"annotations": []}
    cancelled = task(result(), image="c.png")
    cancelled["annotations"][0]["was_cancelled"] = True
    found = studio([task(result()), empty, cancelled, task(image="d.png")], ["a.png", "b.png", "c.png", "d.png"])
    assert sorted(file.name for file in (found.output / "gt").iterdir()) == ["a.png", "d.png"]
    assert found.count("images without annotation are skipped") == 2
    assert found.count("cancelled annotations are skipped") == 1 and found.count("images have no region") == 1


def test_of_several_annotations_the_ground_truth_is_taken(studio):
    content = task(result())
    other = {"id": 2, "result": [result(label="y")], "ground_truth": False}
    content["annotations"].append(other)
    studio([content]).refused("task 0", "2 annotations", "ground truth")
    other["ground_truth"] = True
    np.testing.assert_array_equal(studio([content], output="best").pixels("y"), box(10, 10, 20, 20))


def changed(path, value):
    content = [task(result())]
    place = content
    for key in path[:-1]:
        place = place[key]
    if value == "absent":
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return content


RESULT = (0, "annotations", 0, "result", 0)


@pytest.mark.parametrize(
    "path, value",
    [
        ((0,), 5), ((0, "data"), []), ((0, "data"), {}), ((0, "data"), "absent"), ((0, "data", "image"), 5),
        ((0, "data", "image"), ""), ((0, "annotations"), "absent"), ((0, "annotations"), {}),
        ((0, "annotations", 0), 5), ((0, "annotations", 0, "result"), None), (RESULT, 5), ((*RESULT, "value"), None),
        ((*RESULT, "value"), "absent"), ((*RESULT, "type"), "video"), ((*RESULT, "type"), None),
        ((*RESULT, "original_width"), 0), ((*RESULT, "original_width"), "absent"), ((*RESULT, "image_rotation"), 90),
        ((*RESULT, "value", "points"), None), ((*RESULT, "value", "points"), [[1, 2], [3]]),
        ((*RESULT, "value", "points"), [[1, float("nan")]] * 3), ((*RESULT, "value", "polygonlabels"), []),
        ((*RESULT, "value", "polygonlabels"), ["x", "y"]), ((*RESULT, "value", "polygonlabels"), [None]),
        ((*RESULT, "value", "polygonlabels"), [""]), ((*RESULT, "original_width"), 63),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_is_refused(studio, path, value):
    studio(changed(path, value)).refused("project.json" if value != 63 else "a.png")


@pytest.mark.parametrize("content", [b"", b"{}", b"[", b"5", b"[" * 100_000])
def test_what_is_no_export_is_refused(studio, content):
    studio(content).refused("project.json")


def test_key_points_and_choices(studio):
    points = result("keypointlabels", x=1, y=1, width=1)
    choice = {"id": "c", "type": "choices", "value": {"choices": ["good"]}}
    studio([task(points)]).refused("covers no area", "--skip")
    found = studio([task(points, choice, result())], ["a.png"], "--skip", output="skipped")
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20))
    assert found.count("results are not regions: skipped") == 1


@pytest.mark.parametrize("changes", [{"to_name": "img2"}, {"item_index": 1}])
def test_results_of_several_images_are_refused(studio, changes):
    other = result(label="y") | {"id": "r2"} | changes
    studio([task(result(), other)]).refused("task 0", "several images", "a task for each image")


@pytest.mark.parametrize(
    "values", [{"left": "a.png", "right": "b.png"}, {"images": ["b.png", "c.png"], "text": "a.png"}]
)
def test_tasks_of_several_images_are_refused(studio, values):
    studio([task(result()) | {"data": values}], ["a.png", "b.png"]).refused("task 0", "several images")


def test_of_several_images_the_one_called_image_is_used_and_that_is_said(studio):
    found = studio([task(result()) | {"data": {"thumbnail": "b.png", "image": "a.png"}}], ["a.png", "b.png"])
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20))
    assert found.count("tasks name several images") == 1


def test_a_polygon_that_is_not_closed_is_said(studio):
    found = studio([task(result(points=percent(SQUARE), closed=False))])
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20))
    assert found.count("polygons are not closed") == 1
