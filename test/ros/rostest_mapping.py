#!/usr/bin/env python3
"""What an OctoMap holds of the running node's clouds: nothing of the classes that were dropped, and all of the rest."""

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np
import rospy
import rostest
from geometry_msgs.msg import Transform, TransformStamped, Vector3
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "support")]
from waiting import wait_for  # noqa: E402

from rt_seg.products.point_cloud import Rays  # noqa: E402
from rt_seg.ros.conversions import camera_info_message, image_message  # noqa: E402
from rt_seg.ros.examples.build_octomap import places  # noqa: E402
from rt_seg.ros.node.rotations import quaternion  # noqa: E402
from rt_seg.simulation.classes import tabletop_labels  # noqa: E402
from rt_seg.simulation.renderer import Renderer  # noqa: E402
from rt_seg.simulation.sensor import measure_color, measure_depth  # noqa: E402
from rt_seg.simulation.tabletop import Tabletop  # noqa: E402

FRAME = "camera_color_optical_frame"
DROPPED = ("block", "peg")
CELL = 0.015
VIEWS = 8
CLOUDS = {"plain": "/segmentation/points", "kept": "/segmentation/points_kept"}


def cells(points):
    """The cells of the map that points lie in, as one number each."""
    steps = np.floor(points / CELL + 1e-3).astype(np.int64) + 2**15
    return (steps[:, 0] << 32) + (steps[:, 1] << 16) + steps[:, 2]


@unittest.skipIf(importlib.util.find_spec("pyoctomap") is None, "OctoMap is not installed: pip install pyoctomap")
class MappingTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.color = rospy.Publisher("/camera/color/image_raw", Image, queue_size=10)
        cls.depth = rospy.Publisher("/camera/aligned_depth_to_color/image_raw", Image, queue_size=10)
        cls.info = rospy.Publisher("/camera/color/camera_info", CameraInfo, queue_size=10)
        cls.tf = rospy.Publisher("/tf", TFMessage, queue_size=10)
        cls.mapped, cls.mappers, subscribers = {name: [] for name in CLOUDS}, {}, []
        for name, topic in CLOUDS.items():
            cls.mappers[name] = subprocess.Popen(
                ["rosrun", "rt_seg", "build_octomap", f"__name:=map_{name}", f"cloud_in:={topic}", "_map_frame:=world",
                 f"_resolution:={CELL}", "_period:=0.0", f"_output:={cls.folder.name}/{name}.bt",
                 f"octomap_point_cloud_centers:=/{name}"], start_new_session=True)  # fmt: skip
            subscribers.append(rospy.Subscriber(f"/{name}", PointCloud2, cls.mapped[name].append))
        ends = [*subscribers, cls.color, cls.depth, cls.info]
        assert wait_for(
            lambda: all(end.get_num_connections() for end in ends) and cls.tf.get_num_connections() == len(CLOUDS), 60.0
        ), "not connected"

    @classmethod
    def tearDownClass(cls):
        for mapper in cls.mappers.values():
            if mapper.poll() is None:
                os.killpg(mapper.pid, signal.SIGKILL)
                mapper.wait()
        cls.folder.cleanup()

    def film(self):
        """Show the scene to the node; gives the points that the camera measured, in the world, and their true ids."""
        labels, points, ids = tabletop_labels(), [], []
        scenes = Tabletop(labels, 640, 480)
        rng = np.random.default_rng([3, 0])
        intrinsics = scenes.intrinsics(rng)
        path, sensor = scenes.path(np.random.default_rng([3, 1])), scenes.sensor(np.random.default_rng([3, 2]))
        rays = Rays(intrinsics)
        with Renderer(scenes.scene(rng, intrinsics), intrinsics, labels) as renderer:
            for number in range(VIEWS):
                pose = path.pose(number / VIEWS)
                image, noise = renderer.render(pose), np.random.default_rng([3, 2, number + 1])
                color = measure_color(image.color, sensor, noise)
                depth = measure_depth(image.depth, image.color, intrinsics, sensor, noise)
                self.show(color, depth, intrinsics, pose)
                known, z = depth > 0, depth * 0.001
                seen = np.stack([rays.x * z, rays.y * z, z], axis=-1)[known]
                points.append(seen @ pose.rotation.T + pose.position)
                ids.append(image.mask[known])
        return np.concatenate(points), np.isin(np.concatenate(ids), [labels.names.index(name) for name in DROPPED])

    def show(self, color, depth, intrinsics, pose):
        """Send one image until both maps hold it: on a busy machine one may be left out, as it is meant to be."""
        where = Transform(Vector3(*pose.position), quaternion(pose.rotation))
        for _ in range(6):
            header = Header(stamp=rospy.Time.now(), frame_id=FRAME)
            self.tf.publish(TFMessage([TransformStamped(Header(0, header.stamp, "world"), FRAME, where)]))
            self.info.publish(camera_info_message(intrinsics, header))
            self.depth.publish(image_message(depth, header))
            time.sleep(0.3)  # after a pause depth counts as stalled until it comes
            self.color.publish(image_message(color, header))
            if wait_for(lambda: all(found and found[-1].header.stamp == header.stamp  # noqa: B023
                                    for found in self.mapped.values()), 30.0):  # fmt: skip
                return
        self.fail("the maps do not take in an image")

    def test_an_octomap_of_the_kept_points_has_no_cell_of_the_dropped_classes_and_loses_no_other(self):
        points, dropped = self.film()
        numbers, of_cell = np.unique(cells(points), return_inverse=True)
        shares = np.bincount(of_cell, dropped) / np.bincount(of_cell)
        often = np.bincount(of_cell) >= 2 * VIEWS
        gone, others = numbers[(shares > 0.9) & often], numbers[(shares == 0.0) & often]
        occupied = {}
        for name, found in self.mapped.items():
            self.assertEqual(found[-1].header.frame_id, "world")
            occupied[name] = cells(places(found[-1]))
        left = {name: np.isin(gone, found).mean() for name, found in occupied.items()}
        rest = {name: np.isin(others, found).mean() for name, found in occupied.items()}
        print(f"cells of {CELL * 100:g} cm of {' and '.join(DROPPED)} ({len(gone)}) that are occupied: "
              f"{left['plain']:.1%} in the map of all points, {left['kept']:.1%} in that of the kept ones; of all "
              f"others ({len(others)}): {rest['plain']:.1%}, {rest['kept']:.1%}")  # fmt: skip
        self.assertGreater(len(gone), 100)
        self.assertGreater(left["plain"], 0.5)
        # What the model takes for something else in one view stays.
        self.assertLess(left["kept"], 0.05)
        self.assertGreater(rest["kept"], 0.97 * rest["plain"])
        for name, mapper in self.mappers.items():
            os.killpg(mapper.pid, signal.SIGINT)
            self.assertEqual(mapper.wait(30), 0)
            head = Path(self.folder.name, f"{name}.bt").read_bytes()[:400]
            self.assertTrue(head.startswith(b"# Octomap OcTree binary file"), head)
            self.assertIn(f"res {CELL:g}".encode(), head)


if __name__ == "__main__":
    rospy.init_node("rostest_mapping")
    rostest.rosrun("rt_seg", "mapping_test", "__main__", sys.argv)
