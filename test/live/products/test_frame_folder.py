"""Frames kept for labelling."""

import os

import numpy as np
import pytest

from rt_seg.cameras.frame import Intrinsics
from rt_seg.cameras.image_folder import ImageFolder
from rt_seg.labels import Label, LabelSet, load_labels
from rt_seg.products.frame_folder import FrameFolder, FrameFolderError

LABELS = LabelSet((Label(0, "background", (0, 0, 0)), Label(1, "peg", (200, 0, 0))))
CAMERA = Intrinsics(6, 4, 5.0, 5.5, 2.5, 1.5)
STAMP = 1_700_000_000_012_345_678


def frame():
    random = np.random.default_rng(1)
    rgb = random.integers(0, 256, (4, 6, 3), np.uint8)
    mask = random.integers(0, 2, (4, 6), np.uint8)
    depth = random.uniform(0.2, 4.0, (4, 6)).astype(np.float32)
    depth[0, 0], depth[0, 1] = np.nan, 70.0
    return rgb, mask, depth


def test_a_saved_frame_is_read_back_as_a_frame_of_a_data_set(tmp_path):
    rgb, mask, depth = frame()
    path = FrameFolder(tmp_path, 100).save(STAMP, rgb, mask, LABELS, depth, CAMERA)
    assert path == tmp_path / "rgb" / "1700000000_012345678.png"
    camera = tmp_path / "camera_info" / f"{path.stem}.json"
    (read,) = ImageFolder(tmp_path / "rgb", tmp_path / "depth", tmp_path / "gt", camera)
    np.testing.assert_array_equal(read.color, rgb)
    np.testing.assert_array_equal(read.ground_truth, mask)
    assert read.depth[0, 0] == 0 and read.depth[0, 1] == 0
    np.testing.assert_allclose(read.depth[1:] * 0.001, depth[1:], atol=0.00051)
    assert read.intrinsics == CAMERA
    assert load_labels(tmp_path / "labels.yaml") == LABELS


def test_without_depth_and_camera_there_are_no_such_files(tmp_path):
    rgb, mask, _ = frame()
    FrameFolder(tmp_path, 100).save(STAMP, rgb, mask, LABELS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gt", "labels.yaml", "rgb"]


def test_nothing_is_overwritten_when_a_stamp_comes_again(tmp_path):
    rgb, mask, _ = frame()
    folder = FrameFolder(tmp_path, 100)
    paths = [folder.save(STAMP, rgb, mask, LABELS) for _ in range(3)]
    assert len(set(paths)) == 3
    assert not [path for path in tmp_path.rglob("*.part")]


def test_a_full_folder_refuses_and_says_so(tmp_path):
    rgb, mask, _ = frame()
    (tmp_path / "old.bin").write_bytes(bytes(2**20))
    with pytest.raises(FrameFolderError, match="limit is 1 MB"):
        FrameFolder(tmp_path, 1).save(STAMP, rgb, mask, LABELS)


def test_a_full_folder_takes_frames_again_once_there_is_room(tmp_path):
    rgb, mask, _ = frame()
    old = tmp_path / "old.bin"
    old.write_bytes(bytes(2**20))
    folder = FrameFolder(tmp_path, 1)
    with pytest.raises(FrameFolderError, match="Move frames away"):
        folder.save(STAMP, rgb, mask, LABELS)
    old.unlink()
    assert folder.save(STAMP, rgb, mask, LABELS).exists()


def test_what_is_saved_counts_to_the_limit(tmp_path):
    random = np.random.default_rng(2)
    rgb = random.integers(0, 256, (480, 640, 3), np.uint8)
    folder = FrameFolder(tmp_path, 1)
    with pytest.raises(FrameFolderError, match="limit is 1 MB"):
        for number in range(4):
            folder.save(STAMP + number, rgb, rgb[..., 0], LABELS)
    assert 1 <= len(list((tmp_path / "rgb").iterdir())) <= 2


def test_frames_of_other_classes_are_refused(tmp_path):
    rgb, mask, _ = frame()
    FrameFolder(tmp_path, 100).save(STAMP, rgb, mask, LABELS)
    other = LabelSet((Label(0, "road", (1, 2, 3)),))
    with pytest.raises(FrameFolderError, match="road"):
        FrameFolder(tmp_path, 100).save(STAMP, rgb, mask, other)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    rgb, mask, _ = frame()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FrameFolderError, match="file"):
        FrameFolder(tmp_path / "file" / "frames", 100).save(STAMP, rgb, mask, LABELS)


def test_the_colour_image_comes_last(tmp_path, monkeypatch):
    rgb, mask, depth = frame()
    written = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda old, new: (written.append(str(new)), replace(old, new)))
    path = FrameFolder(tmp_path, 100).save(STAMP, rgb, mask, LABELS, depth, CAMERA)
    assert len(written) == 5 and written[-1] == str(path)
