"""`suggest` with a shipped model: images of a folder, what the node saved, and a video."""

import csv

import cv2
import numpy as np
import pytest

from rt_seg.labels import labels_from_dict
from rt_seg.products.frame_folder import FrameFolder
from rt_seg_training.commands.suggest import main
from rt_seg_training.labelling.captures import find_captures


def scenes():
    """Two kinds of images: five that are nearly the same, and one of its own."""
    random = np.random.default_rng(0)
    room = cv2.resize(random.integers(0, 255, (6, 8, 3), dtype=np.uint8), (320, 240), interpolation=cv2.INTER_CUBIC)
    for _ in range(5):
        yield np.clip(room + random.normal(0, 3, room.shape), 0, 255).astype(np.uint8)
    yield random.integers(0, 255, room.shape, dtype=np.uint8)


@pytest.fixture()
def folder(tmp_path):
    (tmp_path / "rec" / "rgb").mkdir(parents=True)
    for number, image in enumerate(scenes()):
        cv2.imwrite(str(tmp_path / "rec" / "rgb" / f"{number}.png"), image)
    return tmp_path / "rec"


def test_frames_that_differ_are_suggested_with_the_model_s_masks_in_a_folder_that_labels(folder, tmp_path, capsys):
    assert main(["tabletop", str(folder), "--count", "2", "--output", str(tmp_path / "next")]) == 0
    printed = capsys.readouterr().out
    assert "2 of 6 frames" in printed and "rosrun rt_seg label_semantic" in printed
    names = {capture.name for capture in find_captures(tmp_path / "next")}
    assert "5" in names and len(names) == 2
    mask = cv2.imread(str(tmp_path / "next" / "gt" / "5.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (240, 320) and (tmp_path / "next" / "labels.yaml").is_file()
    with (tmp_path / "next" / "suggestions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["rank"] for row in rows] == ["1", "2"] and all(0 < float(row["doubt"]) < 1 for row in rows)


def test_labelled_frames_are_left_out_and_what_is_there_is_not_overwritten(folder, tmp_path, capsys):
    labelled = tmp_path / "mine"
    (labelled / "rgb").mkdir(parents=True)
    (labelled / "rgb" / "5.png").write_bytes((folder / "rgb" / "5.png").read_bytes())
    arguments = ["tabletop", str(folder), "--count", "9", "--output", str(tmp_path / "next"), "--labelled"]
    assert main([*arguments, str(labelled)]) == 0
    assert {capture.name for capture in find_captures(tmp_path / "next")} == set("01234")
    assert "1 are already labelled" in capsys.readouterr().out
    assert main([*arguments, str(labelled)]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_a_damaged_image_is_named_and_the_others_are_suggested(folder, tmp_path, capsys):
    (folder / "rgb" / "2.png").write_bytes(b"no image")
    assert main(["tabletop", str(folder), "--output", str(tmp_path / "next")]) == 1
    assert "2.png" in capsys.readouterr().err
    assert len(find_captures(tmp_path / "next")) == 5


def test_frames_that_the_node_saved_go_in_as_they_are(tmp_path):
    labels = labels_from_dict({"classes": [{"id": 0, "name": "background", "color": [0, 0, 0]}]}, "labels")
    saved = FrameFolder(tmp_path / "saved", 100)
    for number, image in enumerate(scenes()):
        saved.save(10**9 * (number + 1), image, np.zeros(image.shape[:2], np.uint8), labels, None, None)
    assert main(["tabletop", str(tmp_path / "saved"), "--count", "3", "--output", str(tmp_path / "next")]) == 0
    assert len(find_captures(tmp_path / "next")) == 3


def test_of_a_video_the_frames_that_differ_are_taken_first(tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (320, 240))
    for image in scenes():
        writer.write(image)
    writer.release()
    assert main(["tabletop", str(tmp_path / "clip.avi"), "--output", str(tmp_path / "next")]) == 0
    assert len(find_captures(tmp_path / "next")) == 2


def test_where_capture_fails_its_reason_is_said_and_not_only_what_came_before(tmp_path, capsys):
    (tmp_path / "pictures").mkdir()
    cv2.imwrite(str(tmp_path / "pictures" / "a.png"), next(scenes()))
    (tmp_path / "pictures" / "b.png").write_bytes(b"no picture")
    assert main(["tabletop", str(tmp_path / "pictures"), "--output", str(tmp_path / "next")]) == 2
    assert "b.png: cannot be decoded as an image" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tabletop", "nowhere"], "nowhere: no such file or folder"),
        (["tabletop", ".", "--count", "0"], "--count 0: accepted is 1 or more"),
        (["no_model", "."], "no_model"),
    ],
)
def test_what_it_cannot_begin_with_is_named(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert words in capsys.readouterr().err
