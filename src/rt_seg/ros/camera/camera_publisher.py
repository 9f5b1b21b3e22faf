"""Publishes the frames of one camera under the topic contract of realsense2_camera."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional

import rospy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from rt_seg.cameras.frame import Frame, Placement
from rt_seg.labels import LabelSet
from rt_seg.msg import LabelInfo
from rt_seg.ros.camera_frames import CENTRE, camera_transforms
from rt_seg.ros.camera_topics import (
    COLOR,
    COLOR_COMPRESSED,
    COLOR_INFO,
    DEPTH,
    DEPTH_COMPRESSED,
    DEPTH_INFO,
    GROUND_TRUTH,
    GROUND_TRUTH_LABELS,
    RAW_DEPTH,
    RAW_DEPTH_INFO,
)
from rt_seg.ros.conversions import camera_info_message, depth_to_compressed, image_message, rgb_to_compressed
from rt_seg.ros.label_messages import label_info

KINDS = {
    COLOR_INFO: CameraInfo,
    COLOR: Image,
    COLOR_COMPRESSED: CompressedImage,
    DEPTH_INFO: CameraInfo,
    DEPTH: Image,
    DEPTH_COMPRESSED: CompressedImage,
    RAW_DEPTH_INFO: CameraInfo,
    RAW_DEPTH: Image,
    GROUND_TRUTH: Image,
}


class CameraPublisher:
    """The topics and frames of one camera."""

    def __init__(self, name: str) -> None:
        """`name`: namespace of the topics, and prefix of the frames."""
        self._name = name
        self._publishers = {
            topic: rospy.Publisher(f"/{name}/{topic}", kind, queue_size=1) for topic, kind in KINDS.items()
        }
        self._labels = rospy.Publisher(f"/{name}/{GROUND_TRUTH_LABELS}", LabelInfo, queue_size=1, latch=True)
        self._static = rospy.Publisher("/tf_static", TFMessage, queue_size=1, latch=True)

    def place(self, color: Optional[Placement]) -> None:
        """Publish the camera's frames: `color` is where colour is in the link, None for a camera without depth."""
        self._static.publish(camera_transforms(self._name, color is not None, color or CENTRE))

    def announce(self, labels: LabelSet) -> None:
        """Publish the classes of the ground truth."""
        self._labels.publish(label_info(labels, Header(stamp=rospy.Time.now()), "ground truth"))

    def publish(self, frame: Frame, calibrated: bool) -> None:
        """Send a frame, what of it somebody subscribes to. Camera info comes before its image, and only for a camera
        that is calibrated."""
        header = Header(stamp=rospy.Time.from_sec(frame.stamp), frame_id=f"{self._name}_color_optical_frame")
        makers: Dict[str, Callable[[], Any]] = {
            COLOR_INFO: lambda: camera_info_message(frame.intrinsics, header),
            COLOR: lambda: image_message(frame.color, header),
            COLOR_COMPRESSED: lambda: rgb_to_compressed(frame.color, header),
        }
        depth, ground_truth = frame.depth, frame.ground_truth
        if depth is not None:
            makers[DEPTH_INFO] = makers[COLOR_INFO]
            makers[DEPTH] = lambda: image_message(depth, header)
            makers[DEPTH_COMPRESSED] = lambda: depth_to_compressed(depth, header)
        raw = frame.raw_depth
        if raw is not None:
            raw_header = Header(stamp=header.stamp, frame_id=f"{self._name}_depth_optical_frame")
            makers[RAW_DEPTH_INFO] = lambda: camera_info_message(raw.intrinsics, raw_header)
            makers[RAW_DEPTH] = lambda: image_message(raw.image, raw_header)
        if ground_truth is not None:
            makers[GROUND_TRUTH] = lambda: image_message(ground_truth, header)
        for topic, make in makers.items():
            publisher = self._publishers[topic]
            if publisher.get_num_connections() and (calibrated or KINDS[topic] is not CameraInfo):
                publisher.publish(make())
