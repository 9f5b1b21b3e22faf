"""An OctoMap of point clouds, without octomap_server: the occupied cells as sensor_msgs/PointCloud2 on
octomap_point_cloud_centers, and at the end as a file.

Reads `cloud_in`, such as ~points_kept of the segmentation node. With a map_frame clouds are accumulated there by tf2;
without one the map holds the latest cloud only, in the camera's frame.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np
import rospy
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from rt_seg.command_line import BAD_INPUT, node_arguments
from rt_seg.products.occupancy import OccupancyMap
from rt_seg.products.tracking import STILL
from rt_seg.ros.array_messages import ArrayCloud
from rt_seg.ros.caller_folder import caller_path
from rt_seg.ros.launch_end import init_node
from rt_seg.ros.node.messages import point_cloud_message
from rt_seg.ros.node.target_frame import TargetFrame
from rt_seg.settings import SettingsError, read_settings, setting

EXAMPLE = """
  rosrun rt_seg build_octomap cloud_in:=/segmentation/points_kept _map_frame:=odom _output:=room.bt
"""
CELL = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4")])


@dataclass(frozen=True)
class BuildOctomapSettings:
    """Private parameters of the node."""

    map_frame: str = setting("", "frame of the map, such as odom; empty: the camera's, with the latest cloud only")
    resolution: float = setting(0.02, "cell size, metres", 0.002, 1.0)
    max_range: float = setting(5.0, "maximum ray length, metres", 0.1, 100.0)
    period: float = setting(0.5, "minimum seconds between two clouds that are used", 0.0, 60.0)
    output: str = setting("", "file for the map at the end, in OctoMap's format .bt; it is overwritten")


def output_path(text: str) -> Path:
    """The file that `output` names, from the caller's folder. Raises SettingsError where it cannot be written: better
    now than at the end, when there is a map to lose."""
    path = caller_path(text)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=str(path.parent)):
            pass
    except OSError as error:
        raise SettingsError(f"output: {path} cannot be written: {error.strerror}") from error
    if path.is_dir():
        raise SettingsError(f"output: {path} is a folder; expected a file")
    return path


def places(cloud: PointCloud2) -> np.ndarray:
    """x, y, z of the points of a cloud that have them, (n, 3) float32 metres in its frame. Raises ValueError."""
    offsets = {field.name: field.offset for field in cloud.fields if field.datatype == field.FLOAT32}
    if not {"x", "y", "z"} <= set(offsets) or cloud.is_bigendian:
        raise ValueError(f"cloud with the fields {[field.name for field in cloud.fields]}: needs little-endian float32 "
                         "x, y and z")  # fmt: skip
    kind = np.dtype({"names": ["x", "y", "z"], "formats": ["<f4"] * 3, "offsets": [offsets[n] for n in "xyz"],
                     "itemsize": cloud.point_step})  # fmt: skip
    if cloud.height > 1 and cloud.row_step != cloud.width * cloud.point_step:
        raise ValueError(f"cloud with rows of {cloud.row_step} bytes: needs {cloud.width * cloud.point_step}, unpadded")
    found = np.frombuffer(cloud.data, kind, cloud.width * cloud.height)
    points = np.stack([found["x"], found["y"], found["z"]], axis=1)
    return points[np.isfinite(points).all(axis=1)]


class Mapper:
    """Puts clouds into the map, one each period."""

    def __init__(self, settings: BuildOctomapSettings) -> None:
        """Raises ImportError where OctoMap is not installed."""
        self._settings = settings
        self.map = OccupancyMap(settings.resolution, settings.max_range)
        self._frame = TargetFrame(settings.map_frame, "map_frame", "this cloud is not added to the map")
        if settings.map_frame:
            self._frame.listen()
        self._last: Optional[float] = None

    def update(self, cloud: PointCloud2, now: float) -> Optional[PointCloud2]:
        """The occupied cells after a cloud that came at `now`, seconds; None where it was left out."""
        if self._last is not None and now - self._last < self._settings.period:
            return None
        motion = self._frame.motion(cloud.header) if self._settings.map_frame else STILL
        if motion is None:
            return None
        self._last = now
        if not self._settings.map_frame:
            self.map.clear()
        beyond = self.map.insert(places(cloud) @ motion.rotation.T + motion.translation, motion.translation)
        if beyond:
            rospy.logwarn_throttle(5.0, f"{beyond} points of the last cloud are outside the map and were dropped")
        header = Header(stamp=cloud.header.stamp, frame_id=self._settings.map_frame or cloud.header.frame_id)
        return point_cloud_message(np.ascontiguousarray(self.map.occupied()).view(CELL)[:, 0], header)


def main() -> int:
    """Run the node; returns the exit code."""
    node_arguments("build_octomap", __doc__, [BuildOctomapSettings], EXAMPLE)
    init_node("build_octomap")
    try:
        settings = read_settings(BuildOctomapSettings, rospy.get_param("~", {}), f"node {rospy.get_name()}")
        output = output_path(settings.output) if settings.output else None
        mapper = Mapper(settings)
    except (SettingsError, ImportError) as error:
        rospy.logfatal(str(error))
        return BAD_INPUT
    publisher = rospy.Publisher("octomap_point_cloud_centers", PointCloud2, queue_size=1, latch=True)

    def on_cloud(cloud: PointCloud2) -> None:
        try:
            cells = mapper.update(cloud, time.monotonic())
        except ValueError as error:
            rospy.logwarn_throttle(5.0, str(error))
            return
        if cells is not None:
            publisher.publish(cells)

    subscriber = rospy.Subscriber("cloud_in", ArrayCloud, on_cloud, queue_size=1, buff_size=2**25)
    rospy.spin()
    subscriber.unregister()
    if output is not None:
        try:
            mapper.map.write(output)
        except OSError as error:
            print(f"build_octomap: {error}", file=sys.stderr)
            return BAD_INPUT
        print(f"build_octomap: {output} written")
    return 0
