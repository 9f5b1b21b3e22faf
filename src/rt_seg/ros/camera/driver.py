"""Prints how to install a camera's driver that is missing: roslaunch only says that a resource is missing."""

from __future__ import annotations

import shutil
import subprocess
import sys

import rospkg

from rt_seg.command_line import command_parser


def is_packaged(name: str) -> bool:
    """Whether apt knows the package."""
    if shutil.which("apt-cache") is None:
        return False
    command = ["apt-cache", "show", name]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def main() -> int:
    """Print the folder of the ROS package; without it, say on stderr how to install it and return 1."""
    parser = command_parser(
        "check_driver",
        description="Check that the ROS package of a camera driver is installed.",
        example="rosrun rt_seg check_driver realsense2_camera ros-noetic-realsense2-camera",
    )
    parser.add_argument("package", help="ROS package of the driver")
    parser.add_argument("apt_package", help="Debian package that contains it")
    arguments = parser.parse_args()
    try:
        print(rospkg.RosPack().get_path(arguments.package))
    except rospkg.ResourceNotFound:
        way = (
            f"Install it:\n    sudo apt install {arguments.apt_package}\nor use the camera through its SDK, without a "
            "driver: camera:=realsense_sdk\n"
        )
        if not is_packaged(arguments.apt_package):
            way = (
                f"{arguments.apt_package} is not available for this system. Use the SDK instead: "
                "camera:=realsense_sdk\n"
            )
        print(
            f"\nThe camera driver {arguments.package} is not installed. {way}"
            "Or, where apt has no such package, build it from source in the same workspace "
            "(for a RealSense: github.com/IntelRealSense/realsense-ros, branch ros1-legacy).\n"
            "Without a camera, start with camera:=recording.\n",
            file=sys.stderr,
        )
        return 1
    return 0
