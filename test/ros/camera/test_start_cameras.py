"""The file of several cameras."""

from pathlib import Path

import pytest
import rospy
import yaml

from rt_seg.cameras.frame import Placement
from rt_seg.ros.camera.cameras_file import Extrinsic, read_cameras
from rt_seg.ros.camera.start_cameras import StartSettings, forget_settings, launch_files
from rt_seg.settings import SettingsError

EXTRINSIC = {"parent": "base", "translation": [0, 0, 1], "rotation": [0, 0, 0, 1]}


def written(folder, cameras):
    path = folder / "cameras.yaml"
    path.write_text(yaml.safe_dump({"cameras": cameras}))
    return path


def test_a_camera_has_defaults_and_an_extrinsic_where_given(tmp_path):
    (camera,) = read_cameras(written(tmp_path, [{"name": "front", "extrinsic": EXTRINSIC}]))
    assert (camera.source, camera.serial, camera.bundle) == ("realsense", "", "tabletop")
    assert camera.extrinsic == Extrinsic("base", (0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 1.0))
    assert camera.extrinsic.placement == Placement((0.0, 0.0, 1.0))


@pytest.mark.parametrize(
    "cameras, message",
    [
        ([], "list of cameras"),
        ([{"name": "a", "colour": 1}], "unknown key 'colour'; accepted are name, source"),
        ([{"serial": "1"}], "missing key 'name'"),
        ([{"name": "a", "serial": 12}], "serial: 12 must be text; put it in quotes"),
        ([{"name": "a", 1: 2}], "unknown key 1; accepted are name, source"),
        ([{"name": "a/b"}], "letters, digits"),
        ([{"name": "a", "source": "kinect"}], "accepted are realsense, realsense_sdk, webcam"),
        ([{"name": "a", "source": "webcam", "arguments": ["fps"]}], "arguments: .* must be a mapping"),
        ([{"name": "a", "source": "webcam", "arguments": {"camera_name": "b"}}], "camera_name: 'b' is not valid"),
        ([{"name": "a", "source": "webcam", "arguments": {"fps": [1]}}], r"fps: \[1\] is not valid"),
        ([{"name": "a", "source": "none"}, {"name": "a", "source": "none"}], "must differ"),
        ([{"name": "a", "serial": "1"}, {"name": "b", "serial": "1"}], "need different serial numbers"),
        ([{"name": "a", "extrinsic": {**EXTRINSIC, "rotation": [0, 0, 0, 2]}}], "not a unit quaternion"),
        ([{"name": "a", "extrinsic": {**EXTRINSIC, "translation": [0, 0]}}], "translation: .* a list of 3 entries"),
        ([{"name": "a", "extrinsic": {"parent": "base"}}], "extrinsic: missing key 'translation'"),
    ],
)
def test_what_cannot_be_meant_is_named_with_the_file_and_what_is_accepted(tmp_path, cameras, message):
    path = written(tmp_path, cameras)
    with pytest.raises(SettingsError, match=message) as caught:
        read_cameras(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match="none.yaml"):
        read_cameras(tmp_path / "none.yaml")


def test_each_camera_gets_its_driver_and_its_node(tmp_path):
    cameras = read_cameras(written(tmp_path, [{"name": "a", "serial": "1"}, {"name": "b", "source": "none"}]))
    files = launch_files(cameras, StartSettings("cameras.yaml", "node.yaml"), Path("/package"))
    assert [Path(file).name for file, _ in files] == ["segmentation.launch", "camera.launch"] * 2
    assert {"camera_name:=a", "namespace:=/a", "config:=node.yaml"} <= set(files[0][1])
    assert files[1][1] == ["camera:=realsense", "camera_name:=a", "serial_no:=1"]
    assert files[3][1] == ["camera:=none", "camera_name:=b"]


def test_arguments_of_a_camera_go_to_its_launch_file_and_a_recording_waits_for_its_own_node(tmp_path):
    cameras = read_cameras(written(tmp_path, [
        {"name": "a", "source": "webcam", "arguments": {"device": "/dev/video2", "fps": 15}},
        {"name": "b", "source": "recording", "arguments": {"recording": "b.bag"}},
    ]))  # fmt: skip
    files = launch_files(cameras, StartSettings("cameras.yaml", "node.yaml"), Path("/package"))
    assert files[1][1] == ["camera:=webcam", "camera_name:=a", "device:=/dev/video2", "fps:=15"]
    assert {"consumer:=/b/segmentation", "result:=/b/segmentation/mask", "recording:=b.bag"} <= set(files[3][1])


def test_settings_that_an_earlier_run_left_are_deleted_and_nothing_else(tmp_path, monkeypatch):
    server = {"/a/segmentation": {"threshold": 0.7}, "/a/realsense": {}, "/other/segmentation": {}}
    monkeypatch.setattr(rospy, "delete_param", server.pop)  # a KeyError for what is not there, as ROS has it
    forget_settings(read_cameras(written(tmp_path, [{"name": name, "source": "none"} for name in ("a", "b")])))
    assert set(server) == {"/a/realsense", "/other/segmentation"}
