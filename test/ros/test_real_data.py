"""Real recordings through `live.launch`: a mask for each frame, and masks equal to those of `evaluate`.

The data is not part of the package; without it these tests skip. Each test has a master of its own, records what
comes out with rosbag, and compares afterwards. The figures are printed (pytest -s, or the JUnit report).
"""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import rosbag
import yaml

from rt_seg.bundle import load_bundle
from rt_seg.recordings.image_messages import mask_from_message

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
DATA = Path(os.environ.get("RT_SEG_DATA") or REPOSITORY.parent / "shared" / "data")
COLOR = "/camera/color/image_raw"
MASK = "/segmentation/mask"


def _data(name):
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"real data is absent: {folder} (set RT_SEG_DATA to the folder that holds {name})")
    return folder


def _run(*command, environment=None, timeout=300):
    result = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, timeout=timeout, encoding="utf-8",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.fixture
def master():
    """A ROS master on a free port; yields the environment in which to reach it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "ROS_MASTER_URI": f"http://127.0.0.1:{port}", "ROS_IP": "127.0.0.1"}
    environment.pop("ROS_HOSTNAME", None)
    process = subprocess.Popen(
        ["roscore", "-p", str(port)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    for _ in range(100):
        if subprocess.run(["rosparam", "list"], env=environment, capture_output=True).returncode == 0:
            break
        time.sleep(0.2)
    yield environment
    process.send_signal(signal.SIGINT)
    process.wait(30)


def _play(environment, folder, recording, mode, bundle):
    """Play `recording` through live.launch; the colour stamps sent, and {stamp: mask} received."""
    output = folder / f"{mode}.bag"
    recorder = subprocess.Popen(
        ["rosbag", "record", "--buffsize=0", "-O", str(output), COLOR, MASK, "__name:=recorder"],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        _run(
            "roslaunch", "rt_seg", "live.launch", "camera:=replay", f"recording:={recording}", "viewer:=none",
            f"mode:={mode}", f"bundle:={bundle}", environment=environment,
        )  # fmt: skip
    finally:
        # rosbag is a script around the recording program: both must hear of the end, and the bag gets its name last.
        os.killpg(recorder.pid, signal.SIGINT)
        deadline = time.monotonic() + 60
        while not output.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        recorder.wait(60)
    sent, masks = [], {}
    with rosbag.Bag(str(output)) as bag:
        for topic, message, _ in bag.read_messages(topics=[COLOR, MASK]):
            stamp = message.header.stamp.to_nsec()
            if topic == COLOR:
                sent.append(stamp)
            else:
                masks[stamp] = mask_from_message(message)
    return sorted(sent), masks


@pytest.mark.timeout(600)
def test_realsense_frames_at_30_hz_all_get_a_mask_with_their_own_stamp(master, tmp_path):
    source = _data("realsense_d435")
    recording = tmp_path / "d435.bag"
    _run(
        "rosrun", "rt_seg", "make_recording", "folder", "--color", source / "color", "--depth", source / "depth",
        "--intrinsics", source / "camera_intrinsic.json", "--rate", "30", recording,
    )  # fmt: skip
    shares = {}
    for mode in ("every_frame", "live"):
        sent, masks = _play(master, tmp_path, recording, mode, REPOSITORY / "models" / "tabletop")
        assert len(sent) == 99
        assert set(masks) <= set(sent), "each mask has the stamp of an image"
        assert all(mask.shape == (480, 640) for mask in masks.values())
        shares[mode] = len(masks) / len(sent)
    print(f"realsense_d435, 99 pairs at 30 Hz: masks for {shares['every_frame']:.1%} (every_frame), "
          f"{shares['live']:.1%} (live: what this machine keeps up with)")  # fmt: skip
    assert shares["every_frame"] >= 0.95
    assert shares["live"] > 0


@pytest.mark.timeout(900)
def test_live_camvid_masks_equal_those_of_evaluate_pixel_for_pixel(master, tmp_path):
    source = _data("camvid")
    bundle = REPOSITORY / "models" / "camvid"
    tool = ["rosrun", "rt_seg"]
    _run(*tool, "build_dataset", "camvid", source, "--data-dir", tmp_path / "tfds")
    _run(
        *tool, "evaluate", bundle, "--dataset", "camvid", "--split", "validation",
        "--data-dir", tmp_path / "tfds", "--output", tmp_path / "scores", "--save-predictions",
    )  # fmt: skip
    recording = tmp_path / "camvid.bag"
    names = sorted(path.stem for path in (source / "val").glob("*.png"))
    assert len(names) == 101
    names = names[::4]  # the live half of this test is about bytes, not about a score
    for folder in ("val", "valannot"):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / f"{name}.png").symlink_to(source / folder / f"{name}.png")
    _run(
        *tool, "make_recording", "folder", "--color", tmp_path / "val", "--ground-truth", tmp_path / "valannot",
        "--rate", "15", recording,
    )  # fmt: skip
    sent, masks = _play(master, tmp_path, recording, "every_frame", bundle)
    assert len(sent) == len(masks) == len(names)
    predictions = {path.stem: path for path in (tmp_path / "scores").rglob("*.png")}
    for name, stamp in zip(names, sent):
        expected = cv2.imread(str(predictions[name]), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(masks[stamp], expected, err_msg=name)
    scores = yaml.safe_load((tmp_path / "scores" / "scores.json").read_text())
    print(f"camvid val, {len(names)} live masks equal to evaluate's; mIoU {scores['mean_iou']:.4f}")
    recorded = next(score.value for score in load_bundle(bundle).scores if score.data.startswith("camvid validation"))
    assert scores["mean_iou"] == pytest.approx(recorded, abs=0.005), "the bundle states another score"
