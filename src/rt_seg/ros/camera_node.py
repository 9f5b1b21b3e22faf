"""Publishes any camera under the topic contract of realsense2_camera, and opens it anew when it is lost."""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rospy
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from rt_seg.cameras.errors import CameraError
from rt_seg.cameras.frame import Frame
from rt_seg.ros.camera_topics import COLOR, COLOR_INFO, DEPTH, DEPTH_INFO
from rt_seg.ros.conversions import camera_info_message, image_message
from rt_seg.ros.settings import SettingsError, read_settings

SOURCES = ("realsense_sdk", "webcam", "video")
RETRY = 2.0
"""Seconds before a lost camera is looked for again."""


@dataclass(frozen=True)
class CameraSettings:
    """Private parameters; launch/camera.launch explains them."""

    source: str = field(default="realsense_sdk", metadata={"accepted": SOURCES})
    camera: str = "camera"
    serial_no: str = ""
    sdk_recording: str = ""
    width: int = field(default=640, metadata={"range": (1, 16384)})
    height: int = field(default=480, metadata={"range": (1, 16384)})
    fps: int = field(default=30, metadata={"range": (1, 1000)})
    initial_reset: bool = False
    device: int = field(default=0, metadata={"range": (0, 1000)})
    video: str = ""
    calibration: str = ""
    loop: bool = False


def open_source(settings: CameraSettings, first: bool) -> Any:
    """The source of frames that the settings name: an iterable of Frame with `close`. Raises CameraError."""
    if settings.source == "realsense_sdk":
        from rt_seg.cameras.realsense import RealSenseCamera, find_device, open_recording

        if settings.sdk_recording:
            recording = open_recording(str(Path(settings.sdk_recording).expanduser()))
            return RealSenseCamera(recording, settings.width, settings.height, settings.fps)
        device = find_device(settings.serial_no)
        if settings.initial_reset and first:
            device.hardware_reset()
            rospy.sleep(5.0)  # the time that a camera takes to come back on the bus
            device = find_device(settings.serial_no)
        return RealSenseCamera(device, settings.width, settings.height, settings.fps)
    from rt_seg.cameras.video import Video, load_calibration

    calibration = load_calibration(Path(settings.calibration).expanduser()) if settings.calibration else None
    if settings.source == "webcam":
        return Video(settings.device, calibration)
    return Video(Path(settings.video).expanduser(), calibration, settings.loop)


class CameraPublisher:
    """The topics and frames of one camera."""

    def __init__(self, name: str) -> None:
        """`name`: namespace of the topics, and prefix of the frames."""
        self._frame_id = f"{name}_color_optical_frame"
        kinds = {COLOR: Image, COLOR_INFO: CameraInfo, DEPTH: Image, DEPTH_INFO: CameraInfo}
        self._publishers = {
            topic: rospy.Publisher(f"/{name}/{topic}", kind, queue_size=1) for topic, kind in kinds.items()
        }
        self._static = rospy.Publisher("/tf_static", TFMessage, queue_size=1, latch=True)
        # REP 103: an optical frame looks along z, with x to the right; a link looks along x, with z up.
        steps = [(f"{name}_link", f"{name}_color_frame", (0.0, 0.0, 0.0, 1.0)),
                 (f"{name}_color_frame", self._frame_id, (-0.5, 0.5, -0.5, 0.5))]  # fmt: skip
        transforms = []
        for parent, child, rotation in steps:
            entry = TransformStamped(child_frame_id=child)
            entry.header.stamp, entry.header.frame_id = rospy.Time.now(), parent
            entry.transform = Transform(Vector3(), Quaternion(*rotation))
            transforms.append(entry)
        self._static.publish(TFMessage(transforms))

    def publish(self, frame: Frame, calibrated: bool) -> None:
        """Send a frame; camera info comes before its image, and only for a camera that is calibrated."""
        header = Header(stamp=rospy.Time.from_sec(frame.stamp), frame_id=self._frame_id)
        info = camera_info_message(frame.intrinsics, header)
        images = {(COLOR_INFO, COLOR): frame.color, (DEPTH_INFO, DEPTH): frame.depth}
        for (info_topic, topic), image in images.items():
            publisher = self._publishers[topic]
            if calibrated and image is not None:
                self._publishers[info_topic].publish(info)
            if image is not None and publisher.get_num_connections():
                publisher.publish(image_message(image, header))


def run(settings: CameraSettings) -> None:
    """Publish until the node is shut down, or a file has ended."""
    publisher = CameraPublisher(settings.camera)
    first = True
    while not rospy.is_shutdown():
        source = None
        try:
            source = open_source(settings, first)
            rospy.loginfo(f"{settings.source}: streaming on /{settings.camera}/{COLOR}")
            for frame in source:
                if rospy.is_shutdown():
                    return
                publisher.publish(frame, getattr(source, "calibrated", True))
            rospy.loginfo(f"{settings.video}: has ended")
            return
        except CameraError as error:
            rospy.logerr(f"{error}; trying again in {RETRY:.0f} s")
        finally:
            if source is not None:
                source.close()
        first = False
        rospy.rostime.wallsleep(RETRY)


def main() -> int:
    """Run the node; returns 1 when its settings cannot be used."""
    rospy.init_node("camera")
    try:
        settings = read_settings(CameraSettings, rospy.get_param("~", {}), f"node {rospy.get_name()}")
        if settings.source == "video" and not Path(settings.video).expanduser().is_file():
            raise SettingsError(f"video:={settings.video!r}: no such file; pass video:=/path/to/film.mp4")
    except SettingsError as error:
        rospy.logfatal(str(error))
        return 1
    try:
        run(settings)
    except rospy.ROSException:
        if not rospy.is_shutdown():  # publishing on a topic closed by the shutdown is no failure
            raise
    return 0
