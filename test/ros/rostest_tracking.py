#!/usr/bin/env python3
"""Objects of the running node have numbers, velocities and frames, in a frame in which the scene rests."""

import os
import signal
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import numpy as np
import rospy
import rostest
from dynamic_reconfigure.client import Client
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "support")]
from color_bundle import write_color_bundle  # noqa: E402
from rostest_faults import FRAME, start_node, wait_for  # noqa: E402

from rt_seg.cameras.frame import Intrinsics  # noqa: E402
from rt_seg.msg import SegmentedObjects  # noqa: E402
from rt_seg.ros.conversions import camera_info_message, image_message  # noqa: E402

SIZE = (48, 64)
CAMERA = Intrinsics(64, 48, 60.0, 60.0, 31.5, 23.5)
DEPTH = 1.2
SPEED = 0.25
"""m/s at which the camera moves to the right, past what rests."""
START = (0.1, 0.0, DEPTH)
"""Where the square's middle is in the world, metres."""


class TrackingTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        bundle = write_color_bundle(Path(cls.folder.name) / "color")
        cls.node = start_node(bundle, "segmentation", "_target_frame:=world", "_min_area:=30")
        cls.color = rospy.Publisher("/camera/color/image_raw", Image, queue_size=10)
        cls.depth = rospy.Publisher("/camera/aligned_depth_to_color/image_raw", Image, queue_size=10)
        cls.info = rospy.Publisher("/camera/color/camera_info", CameraInfo, queue_size=10)
        cls.tf = rospy.Publisher("/tf", TFMessage, queue_size=10)
        cls.objects, cls.frames = [], []
        subscriber = rospy.Subscriber("/segmentation/objects", SegmentedObjects, cls.objects.append, queue_size=None)
        rospy.Subscriber("/tf", TFMessage, cls.on_tf)
        ends = [cls.color, cls.depth, cls.info, subscriber]
        assert wait_for(lambda: all(end.get_num_connections() for end in ends), 60.0), "the node did not come up"
        cls.client = Client("/segmentation", timeout=10)
        cls.tells, cls.running = True, True
        cls.streamer = threading.Thread(target=cls.stream, daemon=True)
        cls.streamer.start()

    @classmethod
    def tearDownClass(cls):
        cls.running = False
        cls.streamer.join()
        os.killpg(cls.node.pid, signal.SIGINT)
        output = cls.node.communicate(timeout=20)[0].decode()
        cls.folder.cleanup()
        assert "Traceback" not in output, output

    @classmethod
    def on_tf(cls, message):
        cls.frames += [entry for entry in message.transforms if entry.child_frame_id.startswith("object_")]

    @classmethod
    def stream(cls):
        """A green square that rests in the world, and a camera that swings before it."""
        began = time.monotonic()
        while cls.running and not rospy.is_shutdown():
            across = 0.2 * np.sin((time.monotonic() - began) * SPEED / 0.2)
            header = Header(stamp=rospy.Time.now(), frame_id=FRAME)
            if cls.tells:
                where = Transform(Vector3(across, 0.0, 0.0), Quaternion(0.0, 0.0, 0.0, 1.0))
                cls.tf.publish(TFMessage([TransformStamped(Header(0, header.stamp, "world"), FRAME, where)]))
            middle = CAMERA.cx + CAMERA.fx * (START[0] - across) / DEPTH
            image = np.zeros((*SIZE, 3), np.uint8)
            image[..., 0] = 90
            left = int(round(middle)) - 8
            image[16:32, max(left, 0) : left + 17] = (20, 200, 20)
            cls.info.publish(camera_info_message(CAMERA, header))
            cls.depth.publish(image_message(np.full(SIZE, round(DEPTH * 1000), np.uint16), header))
            cls.color.publish(image_message(image, header))
            time.sleep(1 / 30)

    def green(self, messages):
        return [(item, message.header) for message in messages for item in message.objects
                if item.class_name == "green"]  # fmt: skip

    def later(self, seconds):
        count = len(self.objects)
        time.sleep(seconds)
        found = self.green(self.objects[count:])
        self.assertGreater(len(found), 5)
        return found

    def test_a_resting_object_has_one_number_and_rests_in_the_target_frame_though_the_camera_moves(self):
        self.later(1.0)
        found = self.later(2.0)
        self.assertEqual({header.frame_id for _, header in found}, {"world"})
        self.assertEqual(len({item.track_id for item, _ in found}), 1)
        self.assertGreater(found[0][0].track_id, 0)
        ages = [item.age for item, _ in found]
        self.assertTrue(all(later > earlier for earlier, later in zip(ages, ages[1:])))
        for item, _ in found:
            place, pose, speed = item.track_position, item.pose.position, item.velocity
            # A pixel is 2 cm wide here.
            np.testing.assert_allclose((place.x, place.y, place.z), START, atol=0.03)
            np.testing.assert_allclose((pose.x, pose.y, pose.z), START, atol=0.03)
            self.assertLess(np.linalg.norm((speed.x, speed.y, speed.z)), 0.7 * SPEED)
            covariance = np.array(item.covariance).reshape(6, 6)
            self.assertGreater(np.linalg.eigvalsh(covariance).min(), 0.0)

    def test_frames_of_objects_come_on_request_only(self):
        time.sleep(0.5)
        self.assertFalse(self.frames)
        self.client.update_configuration({"object_frames": True})
        self.assertTrue(wait_for(lambda: len(self.frames) > 3))
        self.client.update_configuration({"object_frames": False})
        number = self.later(0.5)[0][0].track_id
        places = [entry for entry in self.frames if entry.child_frame_id == f"object_{number}"]
        self.assertTrue(places)
        self.assertEqual(places[-1].header.frame_id, "world")
        where = places[-1].transform.translation
        np.testing.assert_allclose((where.x, where.y, where.z), START, atol=0.03)

    def test_without_a_transform_objects_stay_in_the_cameras_frame_and_are_not_tracked(self):
        type(self).tells = False
        try:
            self.assertTrue(wait_for(lambda: self.objects[-1].header.frame_id == FRAME))
            found = self.later(1.5)
        finally:
            type(self).tells = True
        self.assertTrue(all(item.track_id == 0 for item, header in found if header.frame_id == FRAME))
        self.assertTrue(wait_for(lambda: self.objects[-1].header.frame_id == "world"))


if __name__ == "__main__":
    rospy.init_node("rostest_tracking")
    rostest.rosrun("rt_seg", "tracking_test", "__main__", sys.argv)
