"""Empty masks for images in which nothing is to be found."""

import cv2
import numpy as np
import pytest

from rt_seg_training.commands.make_blank import main
from rt_seg_training.datasets.custom.custom_source import read_custom
from rt_seg_training.datasets.labelled_frame import encode


@pytest.fixture
def empty(tmp_path):
    """Two images of 30x20."""
    (tmp_path / "empty" / "color").mkdir(parents=True)
    for number in range(2):
        data = encode(".png", np.full((20, 30, 3), number, np.uint8))
        (tmp_path / "empty" / "color" / f"e{number}.png").write_bytes(data)
    return tmp_path / "empty"


def test_negatives_join_a_labelled_set_whose_masks_and_classes_stay(empty, tmp_path, capsys):
    labelled = tmp_path / "set"
    for name in ("rgb", "gt"):
        (labelled / name).mkdir(parents=True)
    (labelled / "rgb" / "a.png").write_bytes(encode(".png", np.zeros((20, 30, 3), np.uint8)))
    mask = encode(".png", np.ones((20, 30), np.uint8))
    (labelled / "gt" / "a.png").write_bytes(mask)
    labels = "classes:\n- {id: 0, name: nothing, color: [0, 0, 0]}\n- {id: 1, name: cup, color: [9, 9, 9]}\n"
    (labelled / "labels.yaml").write_text(labels)
    assert main([str(empty), "--output", str(labelled)]) == 0
    assert "2 empty masks made, 0 already there" in capsys.readouterr().out
    source = read_custom(labelled)
    assert source.labels.names == ["nothing", "cup"]
    assert sorted(pair.name for members in source.splits.values() for pair in members) == ["a", "e0", "e1"]
    assert (labelled / "gt" / "a.png").read_bytes() == mask
    assert not cv2.imread(str(labelled / "gt" / "e0.png"), cv2.IMREAD_UNCHANGED).any()
    assert main([str(empty), "--output", str(labelled)]) == 0
    assert "0 empty masks made, 2 already there" in capsys.readouterr().out


def test_an_unreadable_picture_is_named_and_the_others_are_done(empty, tmp_path, capsys):
    (empty / "color" / "e0.png").write_bytes(b"x")
    assert main([str(empty), "--output", str(tmp_path / "set")]) == 1
    assert "e0.png: cannot be read" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "set" / "gt").iterdir()] == ["e1.png"]


def test_another_picture_of_the_same_name_is_not_mixed_up(empty, tmp_path, capsys):
    (tmp_path / "set" / "rgb").mkdir(parents=True)
    (tmp_path / "set" / "rgb" / "e0.png").write_bytes(encode(".png", np.full((20, 30, 3), 99, np.uint8)))
    assert main([str(empty), "--output", str(tmp_path / "set")]) == 2
    assert "e0.png: is a different image" in capsys.readouterr().err


def test_a_folder_without_pictures_is_an_error(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "has no folder rgb/ or color/" in capsys.readouterr().err
