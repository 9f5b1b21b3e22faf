"""Writes framesets into a rosbag as realsense2_camera would have published them."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Iterable, Optional

import rosbag
import rospy
from std_msgs.msg import Header

from rt_seg.cameras.frame import Frame
from rt_seg.labels import LabelSet
from rt_seg.ros import camera_topics
from rt_seg.ros.conversions import camera_info_message, image_message
from rt_seg.ros.label_messages import label_info

CAMERA = "camera"

START = 1.0
"""Seconds added to every stamp: a bag cannot hold the time 0, at which simulated recordings begin."""


def write_recording(frames: Iterable[Frame], output: Path, labels: Optional[LabelSet] = None) -> int:
    """Write frames to an lz4 bag; returns how many. The bag appears whole or not at all.

    Each frameset has one stamp, for the images and infos of colour and aligned depth and for the ground truth; a
    frame without depth or ground truth has no messages on those topics. `labels` are those of the ground truth. Raises
    OSError.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.{os.getpid()}.part")
    count = 0
    try:
        with rosbag.Bag(str(temporary), "w", compression=rosbag.Compression.LZ4) as bag:
            for count, frame in enumerate(frames, start=1):
                if count == 1 and labels is not None:
                    stamp = rospy.Time.from_sec(START + frame.stamp)
                    message = label_info(labels, Header(stamp=stamp), "ground truth")
                    bag.write(f"/{CAMERA}/{camera_topics.GROUND_TRUTH_LABELS}", message, stamp)
                _write_frame(bag, frame, count - 1)
        os.replace(str(temporary), str(output))
    finally:
        if temporary.exists():
            temporary.unlink()
    return count


def _write_frame(bag: rosbag.Bag, frame: Frame, number: int) -> None:
    stamp = rospy.Time.from_sec(START + frame.stamp)
    header = Header(seq=number, stamp=stamp, frame_id=camera_topics.OPTICAL_FRAME)
    info = camera_info_message(frame.intrinsics, header)

    def write(topic: str, message: Any) -> None:
        bag.write(f"/{CAMERA}/{topic}", message, stamp)

    write(camera_topics.COLOR_INFO, info)
    write(camera_topics.COLOR, image_message(frame.color, header))
    if frame.depth is not None:
        write(camera_topics.DEPTH_INFO, info)
        write(camera_topics.DEPTH, image_message(frame.depth, header))
    if frame.ground_truth is not None:
        write(camera_topics.GROUND_TRUTH, image_message(frame.ground_truth, header))
