"""The topics of the segmentation node; makes and sends only what somebody subscribes to."""
from __future__ import annotations

import copy
from typing import Optional

import numpy as np
import rospy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from rt_seg.bundle import Bundle
from rt_seg.msg import LabelClass, LabelInfo
from rt_seg.products.overlay import Palette
from rt_seg.ros.conversions import image_message
from rt_seg.ros.publishing import create_publisher


def label_info_message(bundle: Bundle, stamp: rospy.Time) -> LabelInfo:
    """The classes of a bundle as a message."""
    message = LabelInfo(
        class_map=[LabelClass(label.id, label.name, *label.color) for label in bundle.labels.labels],
        threshold=0.0,
        fingerprint=bundle.labels.fingerprint,
        model=f"{bundle.name} {bundle.version}",
    )
    message.header.stamp = stamp
    return message


class Outputs:
    """Publishers of one model's results; in `every_frame` mode they wait for slow subscribers."""

    def __init__(self, bundle: Bundle, overlay_alpha: float, mode: str) -> None:
        self._palette = Palette(bundle.labels)
        self._alpha = overlay_alpha
        self._mask = create_publisher("~mask", Image, mode, 1)
        self._mask_color = create_publisher("~mask_color", Image, mode, 1)
        self._overlay = create_publisher("~overlay", Image, mode, 1)
        self._camera_info = create_publisher("~camera_info", CameraInfo, mode, 1)
        self._labels = rospy.Publisher("~labels", LabelInfo, queue_size=1, latch=True)
        self._labels.publish(label_info_message(bundle, rospy.Time.now()))

    @property
    def wanted(self) -> bool:
        """Whether anybody subscribes to a result."""
        publishers = (self._mask, self._mask_color, self._overlay, self._camera_info)
        return any(publisher.get_num_connections() for publisher in publishers)

    def publish(self, header: Header, rgb: np.ndarray, mask: np.ndarray, camera_info: Optional[CameraInfo]) -> None:
        """Send the results of one image, all with its header.

        `rgb` is (H, W, 3) uint8, `mask` (H, W) uint8; `camera_info`, when given, must be for H × W pixels.
        """
        if camera_info is not None and self._camera_info.get_num_connections():
            message = copy.copy(camera_info)
            message.header = header
            self._camera_info.publish(message)
        if self._mask.get_num_connections():
            self._mask.publish(image_message(mask, header))
        if self._mask_color.get_num_connections():
            self._mask_color.publish(image_message(self._palette.colorize(mask), header))
        if self._overlay.get_num_connections():
            self._overlay.publish(image_message(self._palette.blend(rgb, mask, self._alpha), header))
