"""What a segmentation node's topics, services and parameters are called: alone in its process, or one of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import diagnostic_updater
import rospy
from diagnostic_msgs.msg import DiagnosticArray


@dataclass(frozen=True)
class Names:
    """The names of one camera's segmentation; those without values are of a node of its own."""

    results: str = "~"
    """Before the names of results and services."""
    camera: str = ""
    """Before the names of the camera's topics."""
    bundle: str = "~bundle"
    """Parameter that holds the model's folder."""

    @classmethod
    def of_camera(cls, name: str) -> Names:
        """Those of the camera `name` in a process of several: as if it had the node /NAME/segmentation."""
        return cls(f"/{name}/segmentation/", f"/{name}/", f"~cameras/{name}")

    @property
    def node(self) -> str:
        """Of the node, or what stands for it, with its namespace."""
        return rospy.get_name() if self.results == "~" else self.results.rstrip("/")

    @property
    def frame_prefix(self) -> str:
        """Before the frames of objects: tf knows no namespaces, and each node counts its objects from 1."""
        return "".join(f"{name}_" for name in self.node.strip("/").split("/")[:-1])


class NamedUpdater(diagnostic_updater.Updater):
    """diagnostic_updater's, with a name that need not be that of the process."""

    def __init__(self, node: str) -> None:
        self._node = node
        super().__init__()

    def publish(self, msg: Any) -> None:
        """Send one status or a list of them."""
        statuses = msg if isinstance(msg, list) else [msg]
        for status in statuses:
            status.name = f"{self._node[1:]}: {status.name}"
        message = DiagnosticArray(status=statuses)
        message.header.stamp = rospy.Time.now()
        self.publisher.publish(message)
