"""Saves frames on request, and automatically those with low confidence."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Optional

import rospy

from rt_seg.products.frame_folder import FrameFolder, FrameFolderError
from rt_seg.ros.caller_folder import caller_path
from rt_seg.ros.node.frame_products import Inputs
from rt_seg.ros.node.outputs import Results


class FrameSaver:
    """One folder of frames, for several threads."""

    def __init__(self, folder: str, limit: int, interval: float) -> None:
        """`limit` in megabytes; `interval` in seconds, between automatically saved frames."""
        self._folder = FrameFolder(caller_path(folder), limit)
        self._interval = interval
        self._last: Optional[float] = None
        self._lock = threading.Lock()

    @property
    def due(self) -> bool:
        """Whether enough time has passed for a frame to be saved automatically."""
        return self._last is None or time.monotonic() - self._last >= self._interval

    def save(self, inputs: Inputs, results: Results) -> Path:
        """Keep a frame; returns the path of its colour image. Raises FrameFolderError."""
        with self._lock:
            stamp = inputs.header.stamp.to_nsec()
            labels, mask = results.labels, results.mask
            return self._folder.save(stamp, inputs.rgb, mask, labels, inputs.depth, inputs.intrinsics)

    def save_unsure(self, inputs: Inputs, results: Results, below: float) -> None:
        """Keep a frame whose mean confidence is below `below`, if one is due. A failure is logged, no more."""
        if results.confidence is None or not self.due:
            return
        mean = float(results.confidence.mean())
        if mean >= below:
            return
        self._last = time.monotonic()
        try:
            path = self.save(inputs, results)
        except FrameFolderError as error:
            rospy.logwarn_throttle(60.0, str(error))
        else:
            rospy.loginfo(f"mean confidence {mean:.2f} is below {below:.2f}: saved {path}")
