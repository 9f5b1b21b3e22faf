"""Out of a recording come the images worth labelling, each once."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from limited_files import run_limited

from rt_seg.capturing.key_presses import KeyPresses
from rt_seg.ros.recording.capture import main

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
    assert "1 images written, 3 already there" in capsys.readouterr().out
    assert (stream / "out" / "rgb" / "v_000010.png").read_bytes() == b"mine"


def test_a_view_that_comes_back_is_not_kept_again(stream):
    for number in range(5):
        shutil.copy(stream / "color" / f"{number:03d}.png", stream / "color" / f"{20 + number:03d}.png")
        shutil.copy(stream / "depth" / f"{number:03d}.png", stream / "depth" / f"{20 + number:03d}.png")
    assert _capture(stream) == 0
    assert len(_names(stream)) == 4


def test_a_folder_with_color_depth_and_camera_in_it_is_enough(stream):
    (stream / "color").rename(stream / "rgb")
    assert main([str(stream), "--output", str(stream / "out"), "--prefix", "v", "--count", "2"]) == 0
    assert _names(stream) == _names(stream, "depth") == ["v_000000.png", "v_000005.png"]
    camera = json.loads((stream / "out" / "camera_info" / "v_000005.json").read_text())
    assert camera["intrinsic_matrix"][0] == 60.0


def test_a_disk_that_fills_leaves_no_half_picture_and_the_same_command_goes_on(stream):
    command = (stream / "color", "--depth", stream / "depth", "--output", stream / "out", "--prefix", "v")
    for limit, status in ((500, 2), (-1, 0)):
        done = run_limited("rt_seg.ros.recording.capture", limit, *command)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        for path in (stream / "out").rglob("*.*"):
            assert path.suffix in (".png", ".json") and cv2.imread(str(path), cv2.IMREAD_UNCHANGED) is not None
    assert len(_names(stream)) == 4


def test_the_lines_of_the_standard_input_ask_for_pictures_and_its_end_ends(monkeypatch):
    reading, writing = os.pipe()
    with os.fdopen(reading) as lines:
        monkeypatch.setattr(sys, "stdin", lines)
        with KeyPresses() as keys:
            assert not keys.asked()
            os.write(writing, b"\n \n")
            os.close(writing)
            assert [keys.asked() for _ in range(3)] == [True] * 3
            with pytest.raises(KeyboardInterrupt):
                keys.asked()


def test_without_ros_nothing_of_it_is_imported(stream):
    script = "import sys; from rt_seg.ros.recording.capture import main; main(sys.argv[1:])\n"
    script += "assert 'rospy' not in sys.modules"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [str(stream / "color"), "--output", str(stream / "out")]
    assert subprocess.run([sys.executable, "-c", script, *command], env=environment, timeout=60).returncode == 0


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
        (["--on-key"], "--on-key is only for topics, realsense, webcam"),
        (["--prefix", "a/b"], "--prefix 'a/b': must be the start of a file name"),
        (["--rate", "-1"], "--rate, --change and --count must be at least 0"),
    ],
)
def test_what_cannot_be_done_is_said(stream, capsys, options, message):
    assert _capture(stream, *options) == 2
    assert message in capsys.readouterr().err
    assert not (stream / "out").exists()


def test_a_file_that_is_no_video_is_named(tmp_path, capsys):
    (tmp_path / "clip.mp4").write_bytes(b"not a video")
    assert main([str(tmp_path / "clip.mp4"), "--output", str(tmp_path / "out")]) == 2
    assert "clip.mp4: no frame can be decoded" in capsys.readouterr().err


@pytest.mark.parametrize("source, message", [("nowhere.mp4", "no such file or folder"), ("nowhere.bag", "no such bag")])
def test_a_source_that_is_not_there_is_named(tmp_path, capsys, source, message):
    assert main([str(tmp_path / source), "--output", str(tmp_path / "out")]) == 2
    assert f"{source}: {message}" in capsys.readouterr().err


@pytest.mark.skipif(not AEROPLANE.is_dir(), reason=f"real data: {AEROPLANE} is not there; set RT_SEG_DATA")
def test_a_real_camera_that_rests_gives_few_pictures(tmp_path):
    command = [AEROPLANE / "color", "--depth", AEROPLANE / "depth", "--output", tmp_path, "--rate", 10]
    assert main([str(part) for part in command]) == 0
    assert 2 <= len(list((tmp_path / "rgb").iterdir())) <= 20
