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


def test_a_missing_and_an_unfinished_part_of_a_split_recording_are_told(tmp_path):
    for number in (0, 2):
        with rosbag.Bag(str(tmp_path / f"kitchen_{number}.bag"), "w") as bag:
            write(bag, "camera", number)
    told = []
    assert len(list(read_framesets(tmp_path / "kitchen", "camera", 30.0, tell=told.append))) == 2
    assert told == [f"{tmp_path}/kitchen: kitchen_1.bag missing: the recording has a gap"]
    (tmp_path / "kitchen_1.bag").touch()
    active = tmp_path / "kitchen_3.bag.active"
    active.touch()
    told.clear()
    next(read_framesets(tmp_path / "kitchen", "camera", 30.0, tell=told.append))
    assert len(told) == 1 and f"rosbag reindex {active}" in told[0] and told[0].endswith("rename it to kitchen_3.bag")


def test_the_camera_of_a_bag_may_have_another_name_and_of_several_one_is_chosen(tmp_path):
    path = tmp_path / "scene.bag"
    with rosbag.Bag(str(path), "w") as bag:
        write(bag, "left", 0)
    assert len(list(read_framesets(path, "camera", 30.0))) == 1
    with rosbag.Bag(str(path), "a") as bag:
        write(bag, "right", 1)
    assert [frameset.time for frameset in read_framesets(path, "right", 30.0)] == [101.0]
    with pytest.raises(RecordingError, match="contains the cameras /left, /right; choose one with camera_name:=NAME"):
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
    with pytest.raises(RecordingError, match="contains no folder of colour images; accepted are color, rgb"):
        list(read_framesets(tmp_path, "camera", 30.0))
    with pytest.raises(RecordingError, match="none.bag: cannot be played: No such file"):
        list(read_framesets(tmp_path / "none.bag", "camera", 30.0))


@pytest.mark.skipif(not (DATA / "realsense_d435").is_dir(), reason="the real recording is not here")
def test_a_recording_of_open3d_plays_as_it_lies():
    frameset = next(iter(read_framesets(DATA / "realsense_d435", "camera", 30.0)))
    messages = dict(frameset.messages)
    assert abs(messages[camera_topics.COLOR_INFO].K[0] - 615.23) < 0.01
    assert messages[camera_topics.DEPTH].width == 640


def _recording(path):
    """A few simulated frames, as make_recording writes them."""
    import numpy as np

    from rt_seg.cameras.frame import Frame, Intrinsics
    from rt_seg.ros.recording.bag_writer import write_recording

    generator = np.random.default_rng(0)
    camera = Intrinsics(32, 24, 30.0, 30.0, 15.5, 11.5)
    frames = [
        Frame(generator.integers(0, 256, (24, 32, 3), np.uint8),
              generator.integers(0, 5000, (24, 32)).astype(np.uint16),
              generator.integers(0, 6, (24, 32), np.uint8), camera, number / 30)
        for number in range(5)
    ]  # fmt: skip
    write_recording(iter(frames), path)
    return path


def _as_ros2(bag, folder, plugin):
    from rosbags.rosbag1 import Reader
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    with Reader(bag) as reader, Writer(folder, version=8, storage_plugin=StoragePlugin[plugin]) as writer:
        copies = {c.id: writer.add_connection(c.topic, c.msgtype, typestore=store) for c in reader.connections}
        for c, time, data in reader.messages():
            writer.write(copies[c.id], time, store.ros1_to_cdr(data, c.msgtype))
    return folder


def _contents(path):
    """Everything in the framesets of a recording but the numbers of the headers, which ROS 2 has not."""
    return [
        (round(frameset.time, 6), [(topic, message.header.stamp.to_nsec(), message.header.frame_id,
                                    getattr(message, "data", None), getattr(message, "K", None))
                                   for topic, message in sorted(frameset.messages, key=lambda entry: entry[0])])
        for frameset in read_framesets(path, "camera", 30.0)
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["mcap", "SQLITE3", "MCAP"])
def test_a_recording_plays_the_same_from_every_kind_of_bag(tmp_path, kind):
    pytest.importorskip("rosbags", reason="rosbags needs Python 3.10")
    bag = _recording(tmp_path / "desk.bag")
    if kind == "mcap":
        other = _recording(tmp_path / "desk.mcap")
    else:
        other = _as_ros2(bag, tmp_path / f"desk_{kind}", kind)
    assert _contents(other) == _contents(bag)
    assert len(_contents(bag)) == 5 and len(_contents(bag)[0][1]) == 5


def test_capture_takes_frames_out_of_bags_of_ros_2(tmp_path):
    pytest.importorskip("rosbags", reason="rosbags needs Python 3.10")
    import numpy as np

    from rt_seg.ros.recording.frame_source import BagFrames

    bag = _recording(tmp_path / "desk.bag")
    expected = list(BagFrames(bag, "camera"))
    for plugin in ("SQLITE3", "MCAP"):
        found = list(BagFrames(_as_ros2(bag, tmp_path / plugin, plugin), "camera"))
        assert len(found) == len(expected) == 5
        for frame, reference in zip(found, expected):
            np.testing.assert_array_equal(frame.color, reference.color)
            np.testing.assert_array_equal(frame.depth, reference.depth)
            assert (frame.stamp, frame.intrinsics) == (reference.stamp, reference.intrinsics)
