"""What the doctor says of cameras that are plugged in, on a file system that looks as the kernel's does."""

import os

import pytest

from rt_seg.cameras.realsense_device import DeviceInfo
from rt_seg.ros.doctor.cameras import check_cameras, judge_sdk, programs_with, usb_realsense
from rt_seg.ros.doctor.finding import BAD, NOTE, OK
from rt_seg.ros.doctor.streams import judge_camera_node

D435 = "Intel(R) RealSense(TM) Depth Camera 435"


def plug(root, product=D435, speed="5000", vendor="8086", node=True, folder="2-1"):
    device = root / "sys/bus/usb/devices" / folder
    device.mkdir(parents=True)
    values = {"idVendor": vendor, "product": product, "speed": speed, "busnum": "2", "devnum": "7"}
    for name, value in values.items():
        (device / name).write_text(f"{value}\n")
    if node:
        path = root / "dev/bus/usb/002/007"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return root


def rules(root):
    folder = root / "etc/udev/rules.d"
    folder.mkdir(parents=True)
    shipped = os.path.join(os.path.dirname(__file__), "..", "..", "..", "config", "99-realsense.rules")
    (folder / "99-realsense.rules").write_text(open(shipped).read())


def webcam(root, number, node=True):
    folder = root / "sys/class/video4linux" / f"video{number}"
    folder.mkdir(parents=True)
    (folder / "name").write_text("HD Webcam\n")
    (folder / "index").write_text("0\n")
    if node:
        (root / "dev").mkdir(exist_ok=True)
        (root / f"dev/video{number}").write_text("")


def said(findings, level):
    chosen = [finding for finding in findings if finding.level == level]
    return " | ".join(f"{finding.subject}: {finding.found} -> {finding.advice}" for finding in chosen)


def test_without_a_camera_there_is_nothing_to_mend(tmp_path):
    (finding,) = check_cameras(tmp_path)
    assert finding.level == OK and "no camera is connected" in finding.found


def test_a_camera_on_usb_3_with_rules_is_fine_until_the_sdk_misses_it(tmp_path):
    rules(plug(tmp_path))
    (camera,) = usb_realsense(tmp_path)
    assert (camera.product, camera.speed) == (D435, 5000.0)
    findings = check_cameras(tmp_path)
    assert not said(findings, NOTE) and "at 5000 Mbit/s" in said(findings, OK)
    # There is no such camera here for the SDK to find.
    assert "finds 0 of the 1 cameras on USB" in said(findings, BAD) and "udevadm" in said(findings, BAD)


def test_usb_2_is_named_with_what_it_costs(tmp_path):
    rules(plug(tmp_path, speed="480"))
    assert "is on USB 2 (480 Mbit/s)" in said(check_cameras(tmp_path), NOTE)


def test_missing_rights_and_rules_are_named_with_the_command(tmp_path):
    plug(tmp_path, node=False)
    findings = check_cameras(tmp_path)
    assert "dev/bus/usb/002/007: permission denied for this user -> sudo cp config/99-realsense" in said(findings, BAD)
    assert "udev: no rules for RealSense cameras" in said(findings, NOTE)


def test_other_devices_are_no_cameras(tmp_path):
    plug(tmp_path, product="Bluetooth")
    plug(tmp_path, vendor="046d", folder="2-2")
    assert usb_realsense(tmp_path) == []


def test_a_program_that_holds_a_camera_is_named(tmp_path):
    webcam(tmp_path, 0)
    assert "available" in said(check_cameras(tmp_path), OK)
    with open(tmp_path / "dev/video0"):
        assert f"({os.getpid()})" in programs_with(tmp_path / "dev/video0")[0]
        assert "HD Webcam" in said(check_cameras(tmp_path), NOTE) and "in use by" in said(check_cameras(tmp_path), NOTE)


def test_a_webcam_without_rights_is_named_with_the_group(tmp_path):
    webcam(tmp_path, 2, node=False)
    assert "/dev/video2 (HD Webcam): permission denied for this user -> sudo usermod -aG video" in said(
        check_cameras(tmp_path), BAD
    )


@pytest.mark.parametrize(
    "firmware, usb, level, words",
    [
        ("5.16.0.1", "3.2", OK, "firmware 5.16.0.1, USB 3.2"),
        ("5.9.2.0", "3.2", NOTE, "has firmware 5.9.2.0; the installed SDK recommends 5.16.0.1 -> update it"),
        ("5.16.0.1", "2.1", NOTE, "is on USB 2.1"),
    ],
)
def test_what_the_sdk_says_of_firmware_and_cable_is_passed_on(firmware, usb, level, words):
    findings = judge_sdk([DeviceInfo("D435", "12", firmware, "5.16.0.1", usb)], 0)
    assert words in said(findings, level)
    assert level != OK or not said(findings, NOTE)


def test_the_camera_node_speaks_for_itself():
    assert judge_camera_node("camera", []) == []
    assert judge_camera_node("camera", [(2, "lost"), (0, "D435: 30.0 frames per second")])[0].level == OK
    (finding,) = judge_camera_node("front", [(2, "D435: was unplugged")])
    assert finding.level == BAD and "was unplugged" in finding.found and "list_cameras" in finding.advice
