"""Writes framesets into a rosbag as realsense2_camera would have published them."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any, Dict, Iterable, Optional, Union

import rosbag
import rospy
from std_msgs.msg import Header

from rt_seg.atomic_file import atomic_file
from rt_seg.cameras.frame import Frame
from rt_seg.labels import LabelSet
from rt_seg.recordings.mcap_ros1 import Mcap1Writer
from rt_seg.ros import camera_topics
from rt_seg.ros.conversions import camera_info_message, image_message
from rt_seg.ros.label_messages import label_info

CAMERA = "camera"

START = 1.0
"""Seconds added to every stamp: a bag cannot hold the time 0, at which simulated recordings begin."""


def write_recording(frames: Iterable[Frame], output: Path, labels: Optional[LabelSet] = None) -> int:
    """Write frames to an lz4 bag, or to MCAP where the name ends in .mcap; returns how many. It appears whole or not at
    all.

    Each frameset has one stamp, for the images and infos of colour and aligned depth and for the ground truth; a
    frame without depth or ground truth has no messages on those topics. `labels` are those of the ground truth. Raises
    OSError.
    """
    count = 0
    with atomic_file(output) as unfinished, contextlib.closing(_open(unfinished, output.suffix)) as bag:
        for count, frame in enumerate(frames, start=1):
            if count == 1 and labels is not None:
                stamp = rospy.Time.from_sec(START + frame.stamp)
                message = label_info(labels, Header(stamp=stamp), "ground truth")
                bag.write(f"/{CAMERA}/{camera_topics.GROUND_TRUTH_LABELS}", message, stamp)
            _write_frame(bag, frame, count - 1)
    return count


class McapBag:
    """Messages of rospy into MCAP, with the call of rosbag.Bag."""

    def __init__(self, path: Path) -> None:
        self._writer = Mcap1Writer(path)
        self._channels: Dict[str, int] = {}

    def write(self, topic: str, message: Any, time: rospy.Time) -> None:
        """Write a message that was recorded at `time`."""
        if topic not in self._channels:
            self._channels[topic] = self._writer.add_channel(
                topic, message._type, message._full_text.encode("utf-8"), {"md5sum": message._md5sum}
            )
        data = io.BytesIO()
        message.serialize(data)
        self._writer.write(self._channels[topic], time.to_nsec(), data.getvalue())

    def close(self) -> None:
        """End the file."""
        self._writer.close()


def _open(path: Path, suffix: str) -> Union[rosbag.Bag, McapBag]:
    return McapBag(path) if suffix == ".mcap" else rosbag.Bag(str(path), "w", compression=rosbag.Compression.LZ4)


def _write_frame(bag: Union[rosbag.Bag, McapBag], frame: Frame, number: int) -> None:
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
