"""COCO files of all kinds: painted rightly, or refused with the file, the object and the value."""

from __future__ import annotations

import json

import numpy as np
import pytest
from imported_labels import box

from rt_seg.labels import load_labels

SQUARE = [10, 10, 20, 10, 20, 20, 10, 20]


def data(annotations=None, categories=None, images=None):
    return {
        "images": images if images is not None else [{"id": 1, "file_name": "a.png", "width": 64, "height": 48}],
        "annotations": annotations if annotations is not None else [annotation()],
        "categories": categories if categories is not None else [{"id": 1, "name": "x"}],
    }


def annotation(**changes):
    entry = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [SQUARE], "area": 100, "iscrowd": 0}
    entry.update(changes)
    return {key: value for key, value in entry.items() if value != "absent"}


@pytest.fixture
def coco(tmp_path, imported):
    """Imports what json.dumps makes of the data; bytes as they are."""

    def call(content, names=("a.png",), *more, **options):
        file = tmp_path / "c.json"
        file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return imported("coco", file, names, *more, **options)

    return call


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_byte_order_marks_are_read(coco, encoding):
    text = json.dumps(data(categories=[{"id": 1, "name": "Würfel"}]), ensure_ascii=False)
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    np.testing.assert_array_equal(coco((mark + text).encode(encoding)).pixels("Würfel"), box(10, 10, 20, 20))


def test_text_in_an_old_encoding_is_refused(coco):
    coco(json.dumps(data(categories=[{"id": 1, "name": "Würfel"}]), ensure_ascii=False).encode("cp1252")).refused(
        "c.json", "UTF-8"
    )


@pytest.mark.parametrize(
    "name, expected", [(1, "1"), (2.5, "2.5"), ("no", "no"), ("null", "null"), ("a: b # c", "a: b # c"), ("1", "1")]
)
def test_names_stay_what_they_are(coco, name, expected):
    found = coco(data(categories=[{"id": 1, "name": name}]))
    np.testing.assert_array_equal(found.pixels(expected), box(10, 10, 20, 20))


@pytest.mark.parametrize("name", [None, "", "  ", True, False, [], {}, ["x"], "a\nb", "\ud800", "\x00"])
def test_what_is_no_name_is_refused(coco, name):
    coco(data(categories=[{"id": 1, "name": name}])).refused("c.json", "categories[0]", "'name'")
    coco(data(categories=[{"id": 1}])).refused("c.json", "categories[0]", "'name'")


@pytest.mark.parametrize("number", [0, 7, 1000000, "1", "seven", -3, 2.0])
def test_ids_are_any_numbers_or_texts(coco, number):
    images = [{"id": number, "file_name": "a.png", "width": 64, "height": 48}]
    categories = [{"id": number, "name": "x"}]
    found = coco(data([annotation(id=number, image_id=number, category_id=number)], categories, images))
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20))


def test_a_number_and_its_text_are_one_id(coco):
    found = coco(data([annotation(image_id="1", category_id="1")]))
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20))


@pytest.mark.parametrize("key", ["image_id", "category_id"])
@pytest.mark.parametrize("number", [None, True, [], {}, 1.5, 99, "absent", float("nan")])
def test_an_id_that_means_nothing_is_refused(coco, key, number):
    coco(data([annotation(**{key: number})])).refused("c.json", "annotations[0]", key)


@pytest.mark.parametrize("kind", ["images", "categories"])
@pytest.mark.parametrize("second", [1, "1", 1.0])
def test_doubled_ids_are_refused(coco, kind, second):
    images = [{"id": 1, "file_name": "a.png"}, {"id": second, "file_name": "b.png"}]
    categories = [{"id": 1, "name": "x"}, {"id": second, "name": "y"}]
    content = data(images=images) if kind == "images" else data(categories=categories)
    coco(content, ["a.png", "b.png"]).refused("c.json", f"{kind}[1]", "the id 1")


def test_doubled_annotation_ids_are_painted_and_said(coco):
    other = annotation(segmentation=[[30, 30, 40, 30, 40, 40, 30, 40]])
    found = coco(data([annotation(), other]))
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20) | box(30, 30, 40, 40))
    assert found.count("annotations share an id") == 1


def test_two_categories_of_one_name_are_one_class(coco):
    content = data([annotation(category_id=2)], [{"id": 1, "name": "x"}, {"id": 2, "name": "x"}])
    found = coco(content)
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20))
    assert "are merged" in found.text and load_labels(found.output / "labels.yaml").names == ["background", "x"]


def test_classes_are_in_the_order_of_their_ids_used_or_not(coco):
    found = coco(data(categories=[{"id": 9, "name": "z"}, {"id": 1, "name": "x"}, {"id": 3, "name": "y"}]))
    assert load_labels(found.output / "labels.yaml").names == ["background", "x", "y", "z"]


def test_a_category_called_background_is_background(coco):
    found = coco(data([annotation(category_id=0)], [{"id": 0, "name": "Background"}, {"id": 1, "name": "x"}]))
    assert load_labels(found.output / "labels.yaml").names == ["background", "x"] and not found.mask().any()


def test_the_group_of_roboflow_is_no_class(coco):
    categories = [
        {"id": 0, "name": "cups", "supercategory": "none"}, {"id": 1, "name": "cup", "supercategory": "cups"},
    ]  # fmt: skip
    found = coco(data(categories=categories))
    assert load_labels(found.output / "labels.yaml").names == ["background", "cup"]
    assert "are supercategories" in found.text


@pytest.mark.parametrize("count, fits", [(254, True), (255, False)])
def test_as_many_classes_as_a_mask_has_ids(coco, count, fits):
    categories = [{"id": number, "name": f"c{number}"} for number in range(1, count + 1)]
    found = coco(data([annotation(category_id=count)], categories))
    if fits:
        np.testing.assert_array_equal(found.mask() == 254, box(10, 10, 20, 20))
    else:
        found.refused("256 classes", "--labels")


def test_of_many_classes_those_of_a_labels_file_are_taken(coco, tmp_path):
    (tmp_path / "few.yaml").write_text(
        "classes:\n- {id: 0, name: background, color: [0, 0, 0]}\n- {id: 1, name: c300, color: [9, 9, 9]}\n"
    )
    categories = [{"id": number, "name": f"c{number}"} for number in range(1, 301)]
    found = coco(data([annotation(category_id=300)], categories), ["a.png"], "--labels", str(tmp_path / "few.yaml"))
    np.testing.assert_array_equal(found.mask() == 1, box(10, 10, 20, 20))
    other = coco(
        data([annotation(category_id=2)], categories), ["a.png"], "--labels", str(tmp_path / "few.yaml"), output="no"
    )
    other.refused("annotations[0]", "'c2'", "background, c300")


@pytest.mark.parametrize(
    "segmentation",
    [
        [[float("nan"), *SQUARE[1:]]], [[float("inf"), *SQUARE[1:]]], [[1e13, *SQUARE[1:]]], [[10**400, *SQUARE[1:]]],
        [["10", *SQUARE[1:]]], [[True, *SQUARE[1:]]], [[None, *SQUARE[1:]]], [[*SQUARE, 5]], [[1, 2, 3, 4]],
        [[1, 2]], [[[1, 2], [3, 4], [5, 6]]], "abc", 5, True, [5], [None], [SQUARE, "x"],
    ],
)  # fmt: skip
def test_what_is_no_outline_is_refused(coco, segmentation):
    content = json.dumps(data([annotation(segmentation=segmentation)])).encode()
    coco(content).refused("c.json", "annotations[0]", "segmentation")


@pytest.mark.parametrize("segmentation", [[], [[]], [[], []], None, {}, "absent"])
@pytest.mark.parametrize("bbox", [[10, 10, 10, 10], "absent", None])
def test_an_object_without_an_outline_is_never_silently_background(coco, segmentation, bbox):
    content = data([annotation(segmentation=segmentation, bbox=bbox)])
    coco(content).refused("annotations[0]", "--skip", *(["--boxes"] if isinstance(bbox, list) else []))
    boxes = coco(content, ["a.png"], "--boxes")
    if isinstance(bbox, list):
        np.testing.assert_array_equal(boxes.pixels("x"), box(10, 10, 20, 20))
    else:
        boxes.refused("annotations[0]")
    skipped = coco(content, ["a.png"], "--skip", output="skipped")
    assert not skipped.mask().any() and skipped.count("regions without an area are skipped") == 1


@pytest.mark.parametrize("bbox", [[1, 2, 3], [1, 2, 0, 4], [1, 2, -3, 4], [1, 2, "3", 4], "box", [1, 2, None, 4]])
def test_a_wrong_box_is_refused(coco, bbox):
    coco(data([annotation(segmentation=[], bbox=bbox)]), ["a.png"], "--boxes").refused("annotations[0]", "bbox")


def test_an_empty_part_beside_others_is_said(coco):
    found = coco(data([annotation(segmentation=[[], SQUARE])]))
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20))
    assert found.count("outline parts are empty") == 1


def test_parts_are_added_and_an_outline_without_its_list_is_read(coco):
    found = coco(data([annotation(segmentation=[SQUARE, [15, 15, 30, 15, 30, 30, 15, 30]])]))
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20) | box(15, 15, 30, 30))
    np.testing.assert_array_equal(
        coco(data([annotation(segmentation=SQUARE)]), output="flat").pixels("x"), box(10, 10, 20, 20)
    )


@pytest.mark.parametrize("area", ["absent", 1, 1e9, -5, "100", None, float("nan")])
def test_the_smaller_region_lies_on_top_whatever_the_file_says_of_areas(coco, area):
    small = annotation(id=2, category_id=2, segmentation=[[12, 12, 15, 12, 15, 15, 12, 15]], area=1)
    found = coco(data([small, annotation(area=area)], [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}]))
    np.testing.assert_array_equal(found.pixels("y"), box(12, 12, 15, 15))


def test_regions_over_the_border_are_clipped_and_those_outside_said(coco):
    corner, outside = [[-5, -5, 5, -5, 5, 5, -5, 5]], [[-20, 10, -2, 10, -2, 20]]
    found = coco(data([annotation(segmentation=corner), annotation(id=2, segmentation=outside)]))
    np.testing.assert_array_equal(found.pixels("x"), box(0, 0, 5, 5))
    assert found.count("regions extend beyond their image and are clipped") == 2
    assert found.count("regions cover no pixel centre") == 1


def runs(mask):
    from rt_seg_training.label_exchange.run_lengths import runs_from_mask

    return runs_from_mask(mask)


@pytest.mark.parametrize("form", ["plain", "text", "floats"])
@pytest.mark.parametrize("crowd", [0, 1])
def test_run_lengths_are_painted_crowds_too(coco, form, crowd):
    reader = pytest.importorskip("pycocotools.mask")
    mask = box(3, 5, 9, 30) | box(40, 0, 64, 48)
    counts = runs(mask)
    if form == "text":
        counts = reader.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    if form == "floats":
        counts = [float(run) for run in counts]
    found = coco(data([annotation(segmentation={"size": [48, 64], "counts": counts}, iscrowd=crowd)]))
    np.testing.assert_array_equal(found.pixels("x"), mask)
    assert (found.count("regions are crowds") == 1) == bool(crowd)


@pytest.mark.parametrize(
    "size, counts",
    [
        ([48, 64], [10, 10]), ([48, 64], [48 * 64 + 1]), ([48, 64], [-1, 48 * 64 + 1]), ([48, 64], []),
        ([48, 64], ["3072"]), ([48, 64], [3072.5]), ([48, 64], [True, 3071]), ([48, 64], "0"), ([48, 64], "é"),
        ([48, 64], "P" * 40), ([48, 64], "o"), ([48, 64], 5), ([48, 64], None), ([48, 64], [1e300]),
        ([64, 48], [3072]), ([48], [3072]), ([0, 0], []), ("x", [3072]), ([1e9, 1e9], [10**18]), (None, [1]),
    ],
)  # fmt: skip
def test_run_lengths_that_do_not_fit_are_refused(coco, size, counts):
    content = data([annotation(segmentation={"size": size, "counts": counts})])
    coco(content).refused("c.json", "annotations[0]", "segmentation")


@pytest.mark.parametrize(
    "change",
    [
        {"width": 0}, {"height": -4}, {"width": "64"}, {"width": True}, {"width": 64.5}, {"width": 10**9},
        {"height": float("nan")}, {"width": None}, {"file_name": None}, {"file_name": ""}, {"file_name": 5},
        {"file_name": ["a.png"]}, {"file_name": "\x00"}, {"id": None}, {"width": 63}, {"file_name": "b.png"},
        {"width": 99_999, "height": 99_999},
    ],
)  # fmt: skip
def test_an_image_that_cannot_be_is_refused(coco, change):
    image = {"id": 1, "file_name": "a.png", "width": 64, "height": 48}
    coco(data(images=[image | change])).refused("was labelled at 63x48" if change == {"width": 63} else "c.json")


def test_a_file_that_tells_no_sizes_takes_those_of_the_images(coco):
    found = coco(data(images=[{"id": 1, "file_name": "a.png"}]))
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20))


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"5", b'"text"', b"{}", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000,
        json.dumps({"images": {}, "annotations": [], "categories": []}).encode(),
        json.dumps({"images": [5], "annotations": [], "categories": []}).encode(),
        json.dumps({"images": [], "annotations": [], "categories": []}).encode(),
        json.dumps(data(annotations=[5])).encode(), json.dumps(data(annotations={})).encode(),
        json.dumps(data(categories=[5])).encode(), json.dumps(data(categories=None) | {"categories": None}).encode(),
        b'{"images": [], "images": [], "annotations": [], "categories": []}',
    ],
)  # fmt: skip
def test_what_is_no_coco_file_is_refused(coco, content):
    coco(content).refused("c.json")


def test_panoptic_files_and_results_are_named(coco):
    coco(data([{"image_id": 1, "segments_info": [], "file_name": "a.png"}])).refused("panoptic")
    coco([{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]).refused("COCO results")


def test_images_without_annotations_are_background_and_said(coco):
    found = coco(data([]))
    assert not found.mask().any() and found.count("images have no annotation: all background") == 1


def test_what_pycocotools_reads_of_exports_is_the_mask_for_each_object(tmp_path):
    reader = pytest.importorskip("pycocotools.coco")
    from rt_seg_training.label_exchange import coco
    from rt_seg_training.label_exchange.annotations import labels_of

    random = np.random.default_rng(1)
    mask = np.zeros((60, 80), np.uint8)
    mask[10:40, 10:50] = 1
    mask[20:30, 20:30] = 0
    mask[22:24, 22:24] = 2
    specks = random.random(mask.shape) < 0.03
    mask[specks] = random.integers(0, 4, specks.sum())
    for polygons in (False, True):
        coco.write(tmp_path, [("a.png", mask)], labels_of(["x", "y", "z"]), polygons=polygons)
        read = reader.COCO(str(tmp_path / "annotations.json"))
        total = np.zeros(mask.shape, int)
        for number in read.getAnnIds():
            entry = read.loadAnns([number])[0]
            part = read.annToMask(entry)
            assert part.sum() == entry["area"] > 0
            total += part * entry["category_id"]
        np.testing.assert_array_equal(total, mask)


def test_outlines_of_two_corners_and_empty_boxes_are_refused_or_left_out_and_counted(coco):
    line = data([annotation(segmentation=[[1, 1, 5, 5]]), annotation(id=2)])
    coco(line).refused("annotations[0]", "an outline of 2 corners", "--skip")
    found = coco(line, ["a.png"], "--skip")
    np.testing.assert_array_equal(found.pixels("x"), box(10, 10, 20, 20))
    assert found.count("regions without an area are skipped") == 1
    half = data([annotation(segmentation=[[1, 1, 5, 5], SQUARE])])
    coco(half, output="half").refused("annotations[0]", "an outline of 2 corners", "--skip")
    assert coco(half, ["a.png"], "--skip", output="half").count("outline parts without an area are skipped") == 1
    empty = data([annotation(segmentation=[], bbox=[5, 5, 0, 10])])
    assert coco(empty, ["a.png"], "--boxes", "--skip", output="other").count("regions without an area") == 1


def test_images_without_labels_and_names_that_differ_by_a_space_are_said(coco):
    found = coco(data(categories=[{"id": 1, "name": "x"}, {"id": 2, "name": "x "}]), ["a.png", "b.png"])
    assert found.count("images without labels are skipped") == 1
    assert found.count("class names differ only in spaces or capitals") == 1


@pytest.mark.parametrize("size", [[10, 10], [100, 100]])
def test_run_lengths_tell_the_size_of_an_image_whose_entry_does_not(coco, size):
    image = [{"id": 1, "file_name": "a.png"}]
    runs = {"size": size, "counts": [0, size[0] * size[1]]}
    line = data([annotation(segmentation=runs)], images=image)
    coco(line).refused("a.png", "64x48", f"labelled at {size[1]}x{size[0]}")
    right = {"size": [48, 64], "counts": [0, 48, 48 * 63]}
    np.testing.assert_array_equal(
        coco(data([annotation(segmentation=right)], images=image), output="right").pixels("x"), box(0, 0, 1, 48)
    )
    both = data([annotation(segmentation=right), annotation(id=2, segmentation=runs)], images=image)
    coco(both, output="both").refused("annotations[1]", "in another annotation of the image [48, 64]")


@pytest.mark.parametrize("corners", [[[10, 10], [20, 10], [20, 20]], [[[10, 10], [20, 10], [20, 20]]]])
def test_corners_in_lists_of_their_own_are_refused_with_the_form_that_is_accepted(coco, corners):
    coco(data([annotation(segmentation=corners)]), ["a.png"], "--skip").refused("[x1, y1, x2, y2, …]")


def test_a_part_that_is_there_twice_counts_once_when_smaller_regions_lie_over_larger_ones(coco):
    categories = [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}]
    around = [5, 5, 17, 5, 17, 17, 5, 17]
    inside = [6, 6, 16, 6, 16, 16, 6, 16]
    line = data([annotation(segmentation=[inside, inside]), annotation(id=2, category_id=2, segmentation=[around])],
                categories)  # fmt: skip
    found = coco(line)
    np.testing.assert_array_equal(found.pixels("x"), box(6, 6, 16, 16))


def test_a_region_of_background_is_never_painted_as_another_class(coco, tmp_path):
    labels = "classes:\n- {id: 0, name: road, color: [0, 0, 0]}\n- {id: 1, name: x, color: [9, 9, 9]}\n"
    (tmp_path / "road.yaml").write_text(labels)
    categories = [{"id": 1, "name": "x"}, {"id": 2, "name": "background"}]
    inside = [12, 12, 15, 12, 15, 15, 12, 15]
    line = data([annotation(), annotation(id=2, category_id=2, segmentation=[inside])], categories)
    found = coco(line, ["a.png"], "--labels", str(tmp_path / "road.yaml"))
    expected = np.where(box(10, 10, 20, 20) & ~box(12, 12, 15, 15), 1, 255)
    np.testing.assert_array_equal(found.mask(), expected)
    assert found.count("regions are background, which is no class here") == 1


def test_class_names_that_look_the_same_are_said(coco):
    found = coco(data(categories=[{"id": 1, "name": "caf\u00e9"}, {"id": 2, "name": "cafe\u0301"}]))
    assert found.count("class names look the same (Unicode NFC and NFD)") == 1


def test_the_image_of_a_name_with_accents_is_found_however_they_are_written(coco):
    image = [{"id": 1, "file_name": "cafe\u0301.png", "width": 64, "height": 48}]
    found = coco(data(images=image), ["caf\u00e9.png"])
    np.testing.assert_array_equal(found.pixels("x", "caf\u00e9"), box(10, 10, 20, 20))


def test_a_split_without_another_one_is_said_and_not_written(coco, tmp_path, imported):
    file = tmp_path / "train" / "_annotations.coco.json"
    file.parent.mkdir()
    file.write_text(json.dumps(data()))
    found = imported("coco", file, ["train/a.png"])
    assert not (found.output / "splits.yaml").exists() and found.count("all frames are of the split train") == 1
