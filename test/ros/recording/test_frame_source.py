"""Frames out of ROS for `capture`: bags as they were recorded, and what is said when there is no ROS master."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from rt_seg.cameras.frame import Frame, Intrinsics
from rt_seg.ros.recording.bag_writer import write_recording
from rt_seg.ros.recording.capture import main

CAMERA = Intrinsics(64, 48, 60.0, 61.0, 31.0, 23.0, (0.1, 0.0, 0.0, 0.0, 0.0))


@pytest.fixture
def bag(tmp_path):
    """12 frames at 8 Hz: four views, each three times; the second view has no depth."""
    frames = []
    for number in range(12):
        view = number // 3
        color = cv2.resize(np.random.default_rng(view).integers(0, 256, (6, 8, 3), dtype=np.uint8), (64, 48))
        depth = None if view == 1 else np.full((48, 64), 1000 + number, np.uint16)
        frames.append(Frame(color, depth, None, CAMERA, number / 8))
    write_recording(frames, tmp_path / "walk.bag")
    return tmp_path / "walk.bag"


def test_a_bag_gives_its_views_with_depth_and_camera_named_by_stamp(bag, tmp_path):
    assert main([str(bag), "--output", str(tmp_path / "out"), "--roi", "4", "8", "40", "30"]) == 0
    names = sorted(path.stem for path in (tmp_path / "out" / "rgb").iterdir())
    assert names == ["walk_1_000000000", "walk_1_375000000", "walk_1_750000000", "walk_2_125000000"]
    depth = cv2.imread(str(tmp_path / "out" / "depth" / "walk_2_125000000.png"), cv2.IMREAD_UNCHANGED)
    assert depth.dtype == np.uint16 and depth.shape == (30, 40) and (depth == 1009).all()
    assert not (tmp_path / "out" / "depth" / "walk_1_375000000.png").exists()
    camera = json.loads((tmp_path / "out" / "camera_info" / "walk_2_125000000.json").read_text())
    assert camera["intrinsic_matrix"][6:8] == [27.0, 15.0] and camera["distortion"][0] == 0.1


def test_a_bag_that_was_broken_off_goes_on(bag, tmp_path, capsys):
    options = [str(bag), "--output", str(tmp_path / "out")]
    assert main([*options, "--count", "2"]) == 0
    assert main(options) == 0
    assert "2 images written, 2 already there" in capsys.readouterr().out


def test_a_file_that_is_no_bag_is_named(tmp_path, capsys):
    (tmp_path / "walk.bag").write_bytes(b"nothing")
    assert main([str(tmp_path / "walk.bag"), "--output", str(tmp_path / "out")]) == 2
    assert "walk.bag: cannot be" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_a_master_capturing_topics_says_what_to_start(tmp_path):
    environment = {**os.environ, "ROS_MASTER_URI": "http://localhost:1", "ROS_HOSTNAME": "localhost"}
    script = "import sys; from rt_seg.ros.recording.capture import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-c", script, "topics", "--output", str(tmp_path / "out")], timeout=60,
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.decode().startswith("capture: no ROS master; start the camera first")


def _rewritten(source, target, change):
    """A copy of a bag whose messages went through change(topic, message, number), which returns the topic."""
    import rosbag

    with rosbag.Bag(str(source)) as old, rosbag.Bag(str(target), "w") as new:
        for number, (topic, message, time) in enumerate(old.read_messages()):
            new.write(change(topic, message, number), message, time)
    return target


def test_a_bag_without_stamps_gives_all_its_frames_with_their_depth_and_says_so(bag, tmp_path, capsys):
    def unstamped(topic, message, number):
        message.header.stamp.secs = message.header.stamp.nsecs = 0
        return topic

    zero = _rewritten(bag, tmp_path / "zero.bag", unstamped)
    assert main([str(zero), "--output", str(tmp_path / "zero"), "--change", "0"]) == 0
    assert "messages have no stamp (0); their recording time is used" in capsys.readouterr().err
    assert main([str(bag), "--output", str(tmp_path / "right"), "--change", "0"]) == 0
    for kind, count in (("rgb", 12), ("depth", 9)):
        zeros, rights = (sorted((tmp_path / name / kind).iterdir()) for name in ("zero", "right"))
        assert len(zeros) == len(rights) == count
        for ours, theirs in zip(zeros, rights):
            np.testing.assert_array_equal(cv2.imread(str(ours), -1), cv2.imread(str(theirs), -1))


def test_images_of_one_stamp_are_all_kept(bag, tmp_path):
    def stopped_clock(topic, message, number):
        message.header.stamp.secs, message.header.stamp.nsecs = 5, 0
        return topic

    same = _rewritten(bag, tmp_path / "same.bag", stopped_clock)
    assert main([str(same), "--output", str(tmp_path / "out"), "--change", "0"]) == 0
    assert len(list((tmp_path / "out" / "rgb").iterdir())) == 12


def test_of_two_cameras_capture_names_its_own_flag(bag, tmp_path, capsys):
    def second_camera(topic, message, number):
        return topic.replace("/camera/", "/left/" if number > 20 else "/right/")

    both = _rewritten(bag, tmp_path / "both.bag", second_camera)
    assert main([str(both), "--output", str(tmp_path / "out")]) != 0
    assert "choose one with --camera NAME" in capsys.readouterr().err
