"""What the doctor says of each fault that people report."""

import os
import subprocess
import sys

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from rt_seg.msg import LabelClass, LabelInfo
from rt_seg.ros.conversions import image_message
from rt_seg.ros.doctor.finding import BAD, NOTE, OK
from rt_seg.ros.doctor.installation import check_bundles
from rt_seg.ros.doctor.streams import (
    Observation,
    judge_camera_info,
    judge_color,
    judge_depth,
    judge_labels,
    judge_result,
)

LABELS = LabelInfo(model="made up 1.0.0", class_map=[LabelClass(0, "floor", 0, 0, 0), LabelClass(1, "cup", 9, 9, 9)])


def stream(
    topic="color", count=60, rate=30.0, age=0.02, size=(640, 480), encoding="rgb8", start=1000.0, frame="optical"
):
    times = [start + index / rate for index in range(count)]
    return Observation(topic, "sensor_msgs/Image", list(times), list(times), [age] * count, [size] * count,
                       [encoding] * count, [frame] * count)  # fmt: skip


def depth(**changes):
    return stream(**{"topic": "depth", "encoding": "16UC1", **changes})


def levels(findings):
    return {finding.level for finding in findings}


def said(findings, level):
    """What is found and advised at a level; every one of these advises something."""
    chosen = [finding for finding in findings if finding.level == level]
    assert all(finding.advice for finding in chosen)
    return " ".join(f"{finding.found} {finding.advice}" for finding in chosen)


def test_a_healthy_camera_has_nothing_to_note():
    color = stream()
    info = Observation("info", last=CameraInfo(width=640, height=480, K=[600, 0, 320, 0, 600, 240, 0, 0, 1]))
    findings = [*judge_color(color), *judge_depth(depth(), color), *judge_camera_info(info, color)]
    assert levels(findings) == {OK}


@pytest.mark.parametrize(
    "color, level, words",
    [
        (Observation("color"), BAD, "not published"),
        (Observation("color", "sensor_msgs/Image"), BAD, "USB 3"),
        (stream(rate=7.5), NOTE, "auto_exposure_priority"),
        (stream(age=14.0), NOTE, "stamps are 14.00 s behind the clock"),
        (stream(age=-3.0), NOTE, "stamps are 3.00 s ahead of the clock"),
        (stream(frame=""), BAD, "frame id"),
    ],
)
def test_faults_of_colour_are_named(color, level, words):
    assert words in said(judge_color(color), level)


def test_stamps_that_step_back_and_stamps_of_zero_are_named():
    looping, unstamped = stream(), stream()
    looping.stamps[30:] = looping.stamps[:30]
    unstamped.stamps[:] = [0.0] * 60
    assert "stepped back 1 times" in said(judge_color(looping), NOTE)
    assert "stamped 0" in said(judge_color(unstamped), BAD)


@pytest.mark.parametrize(
    "other, level, words",
    [
        (Observation("depth"), NOTE, "align_depth:=true"),
        (depth(encoding="rgb8"), BAD, "colorizer"),
        (depth(size=(848, 480)), BAD, "not the aligned topic"),
        (depth(rate=6.0, count=12), NOTE, "6.0 Hz against 30.0 Hz"),
        (depth(start=1000.016), NOTE, "enable_sync:=true"),
    ],
)
def test_faults_of_depth_are_named(other, level, words):
    assert words in said(judge_depth(other, stream()), level)


@pytest.mark.parametrize(
    "message, level, words",
    [
        (None, NOTE, "no points"),
        (CameraInfo(width=1280, height=720, K=[600.0] * 9), BAD, "1280x720"),
        (CameraInfo(width=640, height=480), BAD, "calibrate"),
    ],
)
def test_faults_of_the_camera_info_are_named(message, level, words):
    assert words in said(judge_camera_info(Observation("info", last=message), stream()), level)


def test_the_node_speaks_for_itself_and_late_masks_are_noted():
    findings = judge_result(stream("mask", age=2.5), stream(), {"stream": (1, "no depth; using RGB only")})
    assert "queue_size=1" in " ".join(finding.advice for finding in findings)
    assert "masks arrive late: 95th percentile of their age is 2.5 s" in [finding.found for finding in findings]
    assert "no depth; using" in " ".join(finding.found for finding in findings if finding.level == NOTE)
    assert "live.launch" in said(judge_result(Observation("mask"), stream(), {}), NOTE)
    silent = Observation("mask", "sensor_msgs/Image")
    assert "no mask received" in said(judge_result(silent, stream(), {}), BAD)


def with_last(observation, pixels, **changes):
    observation.last = image_message(np.asarray(pixels), Header())
    for name, value in changes.items():
        setattr(observation.last, name, value)
    return observation


def test_a_colour_encoding_that_the_node_refuses_is_named():
    color = with_last(stream(), np.zeros((48, 64, 3), np.uint8), encoding="bayer_rggb16")
    assert "'bayer_rggb16' is not a colour image" in said(judge_color(color), BAD)


@pytest.mark.parametrize(
    "pixels, level, words",
    [
        (np.full((48, 64), 1500.0, np.float32), BAD, "millimetres and 32FC1 metres"),
        (np.full((48, 64), 2, np.uint16), BAD, "check the unit"),
        (np.zeros((48, 64), np.uint16), NOTE, "0% of the pixels have a depth"),
    ],
)
def test_depth_of_a_wrong_unit_and_depth_without_readings_are_named(pixels, level, words):
    assert words in said(judge_depth(with_last(depth(), pixels), stream()), level)


def test_good_depth_has_its_median_named():
    findings = judge_depth(with_last(depth(), np.full((48, 64), 850, np.uint16)), stream())
    assert levels(findings) == {OK}
    assert "median 0.85 m" in " ".join(finding.found for finding in findings)


@pytest.mark.parametrize(
    "ids, labels, level, words",
    [
        ([0, 1], None, BAD, "no class list"),
        ([0, 7], LABELS, BAD, "ids 7 are not classes of made up"),
        ([0, 0], LABELS, NOTE, "contains only floor"),
        ([255, 255], LABELS, NOTE, "contains only unlabelled"),
    ],
)
def test_masks_that_do_not_fit_their_labels_are_named(ids, labels, level, words):
    mask = with_last(stream("/segmentation/mask"), np.array([ids], np.uint8))
    assert words in said(judge_labels(mask, labels), level)


def test_masks_that_look_black_are_explained():
    findings = judge_labels(with_last(stream("mask"), np.array([[0, 1]], np.uint8)), LABELS)
    assert levels(findings) == {OK} and "black" in findings[-1].found


def test_a_folder_that_is_no_bundle_is_bad(tmp_path):
    (finding,) = check_bundles([tmp_path])
    assert finding.level == BAD and str(tmp_path) in finding.found


def test_without_a_master_installation_and_models_are_checked_all_the_same():
    environment = {**os.environ, "ROS_MASTER_URI": "http://localhost:1"}
    program = "import sys; from rt_seg.ros.doctor import main; sys.exit(main())"
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "ok  model tabletop" in result.stdout and "no master at http://localhost:1" in result.stdout


def test_image_topics_that_exist_are_proposed_as_arguments():
    from rt_seg.ros.doctor.streams import propose_topics

    image, info = "sensor_msgs/Image", "sensor_msgs/CameraInfo"
    published = {
        "/front/rgb/image_rect_color": image, "/front/rgb/camera_info": info, "/front/depth/image_raw": image,
        "/front/depth_registered/image_raw": image, "/front/ir/image": image, "/segmentation/overlay": image,
        "/usb_cam/image_raw": image, "/rosout": "rosgraph_msgs/Log",
    }  # fmt: skip
    assert propose_topics(published) == [
        "color_topic:=/front/rgb/image_rect_color info_topic:=/front/rgb/camera_info "
        "depth_topic:=/front/depth_registered/image_raw",
        "color_topic:=/usb_cam/image_raw",
    ]


def test_a_paused_node_is_no_fault():
    from rt_seg.ros.doctor.streams import judge_result
    from rt_seg.ros.node.diagnostics import PAUSED

    mask = Observation("/segmentation/mask", "sensor_msgs/Image")
    findings = judge_result(mask, Observation("/camera/color/image_raw"), {"stream": (0, PAUSED)})
    assert [finding.level for finding in findings].count(BAD) == 0
    assert "enable true" in findings[-1].advice
