"""Folders of images as framesets."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from rt_seg.cameras.image_folder import FolderError, ImageFolder, load_intrinsics

DATA = Path(os.environ.get("RT_SEG_DATA", Path(__file__).resolve().parents[3] / ".." / "shared" / "data"))


def write(folder, name, image):
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / name), image)


@pytest.fixture
def folders(tmp_path):
    color, depth, truth = tmp_path / "color", tmp_path / "depth", tmp_path / "truth"
    for number, stem in enumerate(("b", "a", "c")):
        write(color, f"{stem}.png", np.full((4, 6, 3), (0, 0, 10 * number), np.uint8))  # OpenCV writes BGR
        write(depth, f"{stem}.png", np.full((4, 6), 1000 + number, np.uint16))
        write(truth, f"{stem}.png", np.full((4, 6), number, np.uint8))
    return color, depth, truth


def test_frames_come_in_order_of_name_and_pair_by_name(folders):
    frames = list(ImageFolder(*folders, rate=10.0))
    assert [frame.color[0, 0].tolist() for frame in frames] == [[10, 0, 0], [0, 0, 0], [20, 0, 0]]
    assert [int(frame.depth[0, 0]) for frame in frames] == [1001, 1000, 1002]
    assert [int(frame.ground_truth[0, 0]) for frame in frames] == [1, 0, 2]
    assert [frame.stamp for frame in frames] == [0.0, 0.1, 0.2]


def test_a_folder_of_colour_alone_has_neither_depth_nor_ground_truth(folders):
    frame = next(iter(ImageFolder(folders[0])))
    assert frame.depth is None and frame.ground_truth is None
    assert (frame.intrinsics.width, frame.intrinsics.height) == (6, 4)


def test_an_image_without_its_depth_is_named(folders):
    (folders[1] / "a.png").unlink()
    with pytest.raises(FolderError, match=r"color.a\.png: .*depth has no matching a\.png"):
        ImageFolder(*folders)


def test_a_mask_without_its_image_is_named(folders):
    (folders[0] / "c.png").unlink()
    with pytest.raises(FolderError, match=r"truth.c\.png: there is no matching colour image c"):
        ImageFolder(folders[0], None, folders[2])


@pytest.mark.parametrize("made", [False, True])
def test_a_missing_or_empty_folder_is_named(tmp_path, made):
    folder = tmp_path / "nothing"
    if made:
        folder.mkdir()
    with pytest.raises(FolderError, match="nothing: (no such folder|contains no images)"):
        ImageFolder(folder)


@pytest.mark.parametrize(
    "which, image, message",
    [
        (1, np.zeros((4, 6), np.uint8), r"1 channel\(s\) of uint8; expected one channel of uint16"),
        (1, np.zeros((8, 6), np.uint16), "is 6x8 pixels, but 6x4 are expected"),
        (2, np.zeros((4, 6, 3), np.uint8), r"3 channel\(s\) of uint8; expected one channel of uint8 \(class ids"),
    ],
)
def test_an_image_of_the_wrong_kind_is_named_with_what_is_expected(folders, which, image, message):
    write(folders[which], "b.png", image)
    with pytest.raises(FolderError, match=r"b\.png: .*" + message):
        list(ImageFolder(*folders))


def test_a_damaged_file_is_named(folders):
    (folders[0] / "b.png").write_bytes(b"no image")
    with pytest.raises(FolderError, match=r"b\.png: cannot be decoded"):
        list(ImageFolder(folders[0]))


def test_intrinsics_are_read_column_by_column(tmp_path):
    path = tmp_path / "camera.json"
    path.write_text(json.dumps({"width": 6, "height": 4, "intrinsic_matrix": [5, 0, 0, 0, 7, 0, 3, 2, 1]}))
    camera = load_intrinsics(path)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (5, 7, 3, 2)


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"width": 6, "height": 4, "intrinsic_matrix": [5, 0, 3, 0, 7, 2, 0, 0, 1]}']
)
def test_unusable_intrinsics_are_named(tmp_path, text):
    path = tmp_path / "camera.json"
    path.write_text(text)
    with pytest.raises(FolderError, match=r"camera\.json: .*expected"):
        load_intrinsics(path)


@pytest.mark.skipif(not (DATA / "realsense_d435").is_dir(), reason="needs realsense_d435 under RT_SEG_DATA")
def test_a_recording_of_a_real_camera_is_read():
    folder = DATA / "realsense_d435"
    images = ImageFolder(folder / "color", folder / "depth", None, folder / "camera_intrinsic.json")
    frame = next(iter(images))
    assert len(images) == 99 and frame.color.shape == (480, 640, 3)
    assert 300 < np.median(frame.depth[frame.depth > 0]) < 5000


def test_frames_follow_each_other_as_people_count(tmp_path):
    for name in ("frame10", "frame9", "frame100"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.zeros((4, 4, 3), np.uint8))
    assert ImageFolder(tmp_path).names == ["frame9", "frame10", "frame100"]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_an_image_that_was_cut_is_refused_and_not_half_grey(tmp_path, suffix):
    data = cv2.imencode(suffix, np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8))[1].tobytes()
    (tmp_path / f"a{suffix}").write_bytes(data[: len(data) // 2])
    with pytest.raises(FolderError, match="is a truncated (JPEG|PNG); replace or remove the file"):
        list(ImageFolder(tmp_path))
