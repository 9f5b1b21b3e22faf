"""Recordings read frameset by frameset: bags raw and compressed, split ones, those of other cameras, and folders."""
import json
import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import rosbag
import rospy
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header

from rt_seg.cameras.frame import Frame, Intrinsics
from rt_seg.recordings.image_messages import color_to_rgb
from rt_seg.ros import camera_topics
from rt_seg.ros.conversions import camera_info_message, image_message
from rt_seg.ros.recording.bag_writer import write_recording
from rt_seg.ros.recording.framesets import RecordingError, read_framesets

DATA = Path(os.environ.get("RT_SEG_DATA", Path(__file__).resolve().parents[3] / ".." / "shared" / "data"))
CAMERA = Intrinsics(8, 6, 8.0, 8.0, 4.0, 3.0)
COLOR = np.full((6, 8, 3), (200, 100, 50), np.uint8)
DEPTH = np.arange(48, dtype=np.uint16).reshape(6, 8) * 1000


def write(bag, camera, number, compressed=False):
    stamp = rospy.Time(100 + number)
    header = Header(stamp=stamp, frame_id="optical")
    messages = {camera_topics.COLOR_INFO: camera_info_message(CAMERA, header)}
    if compressed:
        jpeg = cv2.imencode(".png", COLOR[..., ::-1])[1].tobytes()
        depth = struct.pack("<iff", 0, 0.0, 0.0) + cv2.imencode(".png", DEPTH)[1].tobytes()
        messages[f"{camera_topics.COLOR}/compressed"] = CompressedImage(header, "rgb8; png compressed bgr8", jpeg)
        messages[f"{camera_topics.DEPTH}/compressedDepth"] = CompressedImage(
            header, "16UC1; compressedDepth png", depth
        )
    else:
        messages[camera_topics.COLOR] = image_message(COLOR, header)
        messages[camera_topics.DEPTH] = image_message(DEPTH, header)
    for topic, message in messages.items():
        bag.write(f"/{camera}/{topic}", message, stamp)


def images(frameset):
    return {topic: message for topic, message in frameset.messages if message._type == "sensor_msgs/Image"}


@pytest.mark.parametrize("compressed", [False, True])
def test_a_bag_raw_or_compressed_gives_the_same_colour_and_depth(tmp_path, compressed):
    path = tmp_path / "scene.bag"
    with rosbag.Bag(str(path), "w") as bag:
        write(bag, "camera", 0, compressed)
    (frameset,) = read_framesets(path, "camera", 30.0)
    assert {topic for topic, _ in frameset.messages} == {
        camera_topics.COLOR, camera_topics.COLOR_INFO, camera_topics.DEPTH
    }  # fmt: skip
    found = images(frameset)
    np.testing.assert_array_equal(color_to_rgb(found[camera_topics.COLOR]), COLOR)
    depth = found[camera_topics.DEPTH]
    assert (depth.encoding, depth.header.frame_id, depth.header.stamp.secs) == ("16UC1", "optical", 100)
    np.testing.assert_array_equal(np.frombuffer(depth.data, np.uint16).reshape(6, 8), DEPTH)


def test_the_parts_of_a_split_recording_follow_each_other_in_their_order(tmp_path):
    for part in range(11):
        with rosbag.Bag(str(tmp_path / f"kitchen_{part}.bag"), "w") as bag:
            write(bag, "camera", part)
    framesets = list(read_framesets(tmp_path / "kitchen", "camera", 30.0))
    assert [frameset.time for frameset in framesets] == [100.0 + part for part in range(11)]


def test_the_camera_of_a_bag_may_have_another_name_and_of_several_one_is_chosen(tmp_path):
    path = tmp_path / "scene.bag"
    with rosbag.Bag(str(path), "w") as bag:
        write(bag, "left", 0)
    assert len(list(read_framesets(path, "camera", 30.0))) == 1
    with rosbag.Bag(str(path), "a") as bag:
        write(bag, "right", 1)
    assert [frameset.time for frameset in read_framesets(path, "right", 30.0)] == [101.0]
    with pytest.raises(RecordingError, match="holds the cameras /left, /right; choose one with camera_name:=NAME"):
        list(read_framesets(path, "camera", 30.0))


def test_a_written_recording_is_read_as_it_was(tmp_path):
    path = tmp_path / "scene.bag"
    write_recording((Frame(COLOR, DEPTH, None, CAMERA, number / 10) for number in range(3)), path)
    framesets = list(read_framesets(path, "camera", 30.0))
    np.testing.assert_allclose(np.diff([frameset.time for frameset in framesets]), 0.1, atol=1e-6)
    assert all(len(frameset.messages) == 4 for frameset in framesets)


def test_a_folder_of_images_with_depth_and_camera_is_a_recording(tmp_path):
    for number in range(3):
        for name, image in (("rgb", COLOR[..., ::-1]), ("depth", DEPTH)):
            (tmp_path / name).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), image)
    (tmp_path / "camera_info").mkdir()
    matrix = [8, 0, 0, 0, 9, 0, 4, 3, 1]
    camera = {"width": 8, "height": 6, "intrinsic_matrix": matrix, "distortion": [0.1, 0, 0, 0, 0]}
    (tmp_path / "camera_info" / "0.json").write_text(json.dumps(camera))
    framesets = list(read_framesets(tmp_path, "camera", 20.0))
    np.testing.assert_allclose(np.diff([frameset.time for frameset in framesets]), 0.05)
    messages = dict(framesets[1].messages)
    assert (messages[camera_topics.COLOR_INFO].K[4], messages[camera_topics.COLOR_INFO].D[0]) == (9.0, 0.1)
    np.testing.assert_array_equal(color_to_rgb(messages[camera_topics.COLOR]), COLOR)
    assert messages[camera_topics.DEPTH].encoding == "16UC1"
    assert len({message.header.stamp for message in messages.values()}) == 1


def test_what_is_no_recording_is_named(tmp_path):
    with pytest.raises(RecordingError, match="holds no folder of colour images; accepted are color, rgb"):
        list(read_framesets(tmp_path, "camera", 30.0))
    with pytest.raises(RecordingError, match="none.bag: cannot be played: No such file"):
        list(read_framesets(tmp_path / "none.bag", "camera", 30.0))


@pytest.mark.skipif(not (DATA / "realsense_d435").is_dir(), reason="the real recording is not here")
def test_a_recording_of_open3d_plays_as_it_lies():
    frameset = next(iter(read_framesets(DATA / "realsense_d435", "camera", 30.0)))
    messages = dict(frameset.messages)
    assert abs(messages[camera_topics.COLOR_INFO].K[0] - 615.23) < 0.01
    assert messages[camera_topics.DEPTH].width == 640
