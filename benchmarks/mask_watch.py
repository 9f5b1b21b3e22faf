"""What a segmentation node sends to a subscriber: ages of the masks, and counts of all that was subscribed to."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterable, Sequence

IMAGES = "images"
"""Name of the count of what the camera sent."""
LARGE = {"queue_size": 1, "buff_size": 2**24, "tcp_nodelay": True}


class MaskWatch:
    """Subscribes to the mask and other topics of one node; `ages` of the masks in seconds, `counts` of the messages."""

    def __init__(self, topics: Iterable[str] = (), namespace: str = "", camera: str = "camera") -> None:
        """`topics` besides the mask, of `namespace`/segmentation. Images of the camera are counted by its infos."""
        import rospy
        from sensor_msgs.msg import CameraInfo, Image

        topics = [name for name in topics if name != "mask"]
        self.ages: list[float] = []
        self.counts = dict.fromkeys(("mask", *topics, IMAGES), 0)
        self._lock = threading.Lock()
        self._subscribers = [
            rospy.Subscriber(f"{namespace}/segmentation/{name}", rospy.AnyMsg, self._count, name, **LARGE)
            for name in topics
        ]
        self._subscribers.append(rospy.Subscriber(f"{namespace}/segmentation/mask", Image, self._on_mask, **LARGE))
        # One camera info for each image, without the image's bytes.
        info = f"/{camera}/color/camera_info"
        self._subscribers.append(
            rospy.Subscriber(info, CameraInfo, self._count, IMAGES, queue_size=1000, tcp_nodelay=True)
        )

    def _count(self, message: object, name: str) -> None:
        with self._lock:
            self.counts[name] += 1

    def _on_mask(self, message) -> None:
        import rospy

        age = (rospy.Time.now() - message.header.stamp).to_sec()
        with self._lock:
            self.ages.append(age)
            self.counts["mask"] += 1

    def take(self) -> tuple[list[float], dict[str, int]]:
        """Ages and counts since the last call."""
        with self._lock:
            taken = self.ages, self.counts
            self.ages, self.counts = [], dict.fromkeys(self.counts, 0)
            return taken

    def close(self) -> None:
        """Unsubscribe."""
        for subscriber in self._subscribers:
            subscriber.unregister()


def wait_for_masks(watches: Sequence[MaskWatch], nodes: Sequence[subprocess.Popen], patience: float = 60.0) -> None:
    """Return when each has seen a mask. Raises RuntimeError where that does not come, or a node has ended."""
    deadline = time.monotonic() + patience
    while not all(watch.ages for watch in watches):
        if any(node.poll() is not None for node in nodes):
            raise RuntimeError("the node has exited")
        if time.monotonic() > deadline:
            raise RuntimeError(f"no mask within {patience:.0f} s")
        time.sleep(0.005)


def percentiles(ages: Sequence[float], which: Sequence[float] = (50, 95, 99)) -> list[float]:
    """Percentiles of ages in milliseconds; NaN where there are none."""
    import numpy as np

    return [float(value) for value in np.percentile(list(ages) or [float("nan")], which) * 1e3]
