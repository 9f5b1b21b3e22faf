"""Out of a recording come the pictures worth labelling, each once."""
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from rt_seg_training.capture import main

ROOT = Path(__file__).resolve().parents[2]
AEROPLANE = Path(os.environ.get("RT_SEG_DATA") or ROOT.parent / "shared" / "data") / "realsense_d435"


@pytest.fixture
def stream(tmp_path):
    """20 images of 64x48 with depth: each view is there five times."""
    for kind in ("color", "depth"):
        (tmp_path / kind).mkdir()
    for number in range(20):
        view = number // 5
        color = cv2.resize(np.random.default_rng(view).integers(0, 256, (6, 8, 3), dtype=np.uint8), (64, 48))
        color[0, 0] = number
        cv2.imwrite(str(tmp_path / "color" / f"{number:03d}.png"), color)
        cv2.imwrite(str(tmp_path / "depth" / f"{number:03d}.png"), np.full((48, 64), 1000 + number, np.uint16))
    camera = {"width": 64, "height": 48, "intrinsic_matrix": [60.0, 0, 0, 0, 60.0, 0, 31.5, 23.5, 1]}
    (tmp_path / "camera.json").write_text(json.dumps(camera))
    return tmp_path


def _capture(stream, *options):
    command = [stream / "color", "--depth", stream / "depth", "--output", stream / "out", "--prefix", "v", *options]
    return main([str(part) for part in command])


def _names(stream, kind="rgb"):
    return sorted(path.name for path in (stream / "out" / kind).iterdir())


def test_near_duplicates_are_left_out_and_depth_goes_along(stream):
    assert _capture(stream) == 0
    assert _names(stream) == _names(stream, "depth") == [f"v_{number:06d}.png" for number in (0, 5, 10, 15)]
    depth = cv2.imread(str(stream / "out" / "depth" / "v_000010.png"), cv2.IMREAD_UNCHANGED)
    assert depth.dtype == np.uint16 and (depth == 1010).all()


@pytest.mark.parametrize("rate, count", [(0, 20), (30, 20), (10, 7), (1, 1)])
def test_at_most_so_many_a_second(stream, rate, count):
    assert _capture(stream, "--change", 0, "--rate", rate) == 0
    assert len(_names(stream)) == count


def test_a_part_is_cut_from_color_depth_and_camera(stream):
    assert _capture(stream, "--roi", 10, 8, 30, 20, "--intrinsics", stream / "camera.json") == 0
    whole = cv2.imread(str(stream / "color" / "005.png"))
    np.testing.assert_array_equal(cv2.imread(str(stream / "out" / "rgb" / "v_000005.png")), whole[8:28, 10:40])
    assert cv2.imread(str(stream / "out" / "depth" / "v_000005.png"), cv2.IMREAD_UNCHANGED).shape == (20, 30)
    camera = json.loads((stream / "out" / "camera_info" / "v_000005.json").read_text())
    assert (camera["width"], camera["height"], camera["intrinsic_matrix"][6:8]) == (30, 20, [21.5, 15.5])


def test_a_second_run_makes_what_is_missing_and_overwrites_nothing(stream, capsys):
    assert _capture(stream) == 0
    (stream / "out" / "rgb" / "v_000005.png").unlink()
    (stream / "out" / "rgb" / "v_000010.png").write_bytes(b"mine")
    assert _capture(stream) == 0
    assert "1 pictures written, 3 were there" in capsys.readouterr().out
    assert (stream / "out" / "rgb" / "v_000010.png").read_bytes() == b"mine"


def test_a_video_gives_its_views(stream):
    clip = stream / "clip.avi"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    assert writer.isOpened()
    for path in sorted((stream / "color").iterdir()):
        writer.write(cv2.imread(str(path)))
    writer.release()
    assert main([str(clip), "--output", str(stream / "out")]) == 0
    assert _names(stream) == [f"clip_{number:06d}.png" for number in (0, 5, 10, 15)]


@pytest.mark.parametrize(
    "options, message",
    [
        (["--roi", "60", "0", "10", "10"], "is not within the image of 64x48"),
        (["--rate", "-1"], "--rate and --change must be at least 0"),
    ],
)
def test_what_cannot_be_done_is_said(stream, capsys, options, message):
    assert _capture(stream, *options) == 1
    assert message in capsys.readouterr().err
    assert not (stream / "out").exists()


def test_a_file_that_is_no_video_is_named(tmp_path, capsys):
    (tmp_path / "clip.mp4").write_bytes(b"not a video")
    assert main([str(tmp_path / "clip.mp4"), "--output", str(tmp_path / "out")]) == 1
    assert "clip.mp4: no frame of it can be decoded" in capsys.readouterr().err


@pytest.mark.skipif(not AEROPLANE.is_dir(), reason=f"real data: {AEROPLANE} is not there; set RT_SEG_DATA")
def test_a_real_camera_that_rests_gives_few_pictures(tmp_path):
    command = [AEROPLANE / "color", "--depth", AEROPLANE / "depth", "--output", tmp_path, "--rate", 10]
    assert main([str(part) for part in command]) == 0
    assert 2 <= len(list((tmp_path / "rgb").iterdir())) <= 20
