"""live.launch: each source of images, and clear words for what is missing or mistyped."""

import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

rospkg = pytest.importorskip("rospkg", reason="ROS is not on the Python path")
try:
    rospkg.RosPack().get_path("rt_seg")
except rospkg.ResourceNotFound:
    pytest.skip("the workspace is not sourced", allow_module_level=True)

# Arguments of rs_camera.launch, realsense2_camera 2.3.2: roslaunch refuses an argument that a file does not declare.
DRIVER_ARGUMENTS = """serial_no usb_port_id device_type json_file_path camera tf_prefix external_manager manager output
respawn fisheye_width fisheye_height fisheye_fps depth_width depth_height depth_fps confidence_width confidence_height
confidence_fps infra_width infra_height infra_fps color_width color_height color_fps enable_fisheye enable_depth
enable_confidence enable_infra enable_color enable_infra1 enable_infra2 infra_rgb gyro_fps accel_fps enable_gyro
enable_accel enable_pointcloud pointcloud_texture_stream pointcloud_texture_index allow_no_texture_points ordered_pc
enable_sync align_depth publish_tf tf_publish_rate filters clip_distance linear_accel_cov initial_reset
reconnect_timeout wait_for_device_timeout unite_imu_method topic_odom_in calib_odom_file publish_odom_tf""".split()


def roslaunch(*arguments, packages=None):
    environment = dict(os.environ)
    if packages is not None:
        environment["ROS_PACKAGE_PATH"] = f"{packages}:{environment.get('ROS_PACKAGE_PATH', '')}"
    command = ["roslaunch", "--nodes", "rt_seg", "live.launch", *arguments]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, timeout=120)
    return result.returncode, result.stdout.decode("utf-8")


def without_driver():
    try:
        rospkg.RosPack().get_path("realsense2_camera")
    except rospkg.ResourceNotFound:
        return True
    return False


@pytest.mark.parametrize(
    "camera, viewer, nodes",
    [
        ("recording", "rviz", {"/replay", "/rviz", "/segmentation", "/status"}),
        ("replay", "status", {"/replay", "/segmentation", "/status"}),
        ("none", "none", {"/segmentation"}),
        ("several", "none", {"/start_cameras"}),
        ("realsense_sdk", "none", {"/camera_node", "/segmentation"}),
        ("webcam", "none", {"/camera_node", "/segmentation"}),
        ("simulated", "none", {"/camera_node", "/segmentation"}),
    ],
)
def test_the_arguments_choose_the_nodes(camera, viewer, nodes):
    code, output = roslaunch(f"camera:={camera}", f"viewer:={viewer}")
    assert code == 0, output
    assert set(output.split()) == nodes


@pytest.mark.parametrize(
    "arguments, bundle",
    [
        (["camera:=realsense_sdk"], "things"),
        ([], "tabletop"),
        (["camera:=realsense_sdk", "bundle:=/models/mine"], "mine"),
    ],
)
def test_the_camera_chooses_the_model_unless_one_is_given(arguments, bundle):
    command = ["roslaunch", "--dump-params", "rt_seg", "live.launch", "viewer:=none", *arguments]
    result = subprocess.run(command, stdout=subprocess.PIPE, timeout=120, check=True)
    folder = Path(yaml.safe_load(result.stdout)["/segmentation/bundle"])
    assert folder.name == bundle
    assert bundle == "mine" or (folder / "bundle.yaml").is_file()


@pytest.mark.parametrize(
    "argument, message",
    [
        ("camera:=kinect", "camera:=kinect is not known. Accepted are recording, realsense, realsense_sdk"),
        ("viewer:=rqt", "viewer:=rqt is not known. Accepted are rviz, web, status and none"),
    ],
)
def test_an_unknown_choice_is_named_with_the_accepted_ones(argument, message):
    code, output = roslaunch(argument)
    assert code != 0
    assert message in output
    assert "Traceback" not in output


@pytest.mark.skipif(not without_driver(), reason="realsense2_camera is installed")
def test_without_the_camera_driver_the_package_to_install_is_named():
    code, output = roslaunch("camera:=realsense")
    assert code != 0
    assert "ros-noetic-realsense2-camera" in output and "camera:=realsense_sdk" in output
    assert "Traceback" not in output


def test_the_driver_gets_only_arguments_that_it_declares(tmp_path):
    package = tmp_path / "realsense2_camera"
    (package / "launch").mkdir(parents=True)
    (package / "package.xml").write_text(
        "<package format='2'><name>realsense2_camera</name><version>2.3.2</version><description>Its arguments"
        "</description><maintainer email='a@example.com'>a</maintainer><license>MIT</license></package>"
    )
    arguments = "".join(f"<arg name='{name}' default=''/>" for name in DRIVER_ARGUMENTS)
    node = "<node pkg='realsense2_camera' type='driver' name='driver_of_$(arg camera)_at_$(arg depth_fps)'/>"
    (package / "launch" / "rs_camera.launch").write_text(f"<launch>{arguments}{node}</launch>")
    code, output = roslaunch("camera:=realsense", "viewer:=none", "fps:=15", "camera_name:=front", packages=tmp_path)
    assert code == 0, output
    assert set(output.split()[-2:]) == {"/segmentation", "/driver_of_front_at_15"}


def test_the_arguments_of_the_camera_are_declared_alike_where_they_are_passed_on():
    launch = Path(__file__).resolve().parents[2] / "launch"
    roots = [ElementTree.parse(launch / name).getroot() for name in ("live.launch", "camera.launch")]
    live, camera = (
        {tag.get("name"): (tag.get("default"), tag.get("doc")) for tag in root.findall("arg")} for root in roots
    )
    own = {"camera", "camera_name", "mode", "consumer", "result", "suffix"}
    passed = set(camera) - own
    assert len(passed) > 15
    assert {name: live[name] for name in passed} == {name: camera[name] for name in passed}


@pytest.mark.parametrize("camera", ["recording", "realsense_sdk"])
@pytest.mark.parametrize("example", ["follow", "grasp", "octomap", "stop_zone"])
def test_the_default_classes_of_an_example_are_classes_of_its_default_model(example, camera):
    from rt_seg.bundle import load_bundle

    path = Path(rospkg.RosPack().get_path("rt_seg")) / "launch" / "examples" / f"{example}.launch"
    command = ["roslaunch", "--dump-params", str(path), "viewer:=none", f"camera:={camera}"]
    parameters = yaml.safe_load(subprocess.run(command, stdout=subprocess.PIPE, timeout=120, check=True).stdout)
    named = [value for name, value in parameters.items() if name.split("/")[-1] in ("class_name", "classes", "drop")]
    classes = load_bundle(parameters["/segmentation/bundle"]).labels.names
    assert named and {name for text in named for name in text.split(",") if name} <= set(classes)
