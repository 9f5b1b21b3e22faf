"""Checks that the model of the segmentation node has the classes that a node was asked to look for."""

from __future__ import annotations

import threading
from typing import Callable, List, Sequence

import rospy

from rt_seg.msg import LabelInfo

PATIENCE = 30.0
"""Seconds for the segmentation node to load its model."""


class ModelClasses:
    """Logs an error for each model that lacks a class that a node needs: without one it would wait for ever."""

    def __init__(self, names: Sequence[str], parameter: str, consequence: str) -> None:
        """`parameter` holds the names; `consequence` is what the node does meanwhile, for the log."""
        self._names = list(names)
        self._parameter = parameter
        self._consequence = consequence
        self._checked = False

    def missing(self, message: LabelInfo) -> List[str]:
        """The names that a model lacks; logged, if any."""
        self._checked = True
        classes = [item.class_name for item in message.class_map]
        missing = [name for name in self._names if name not in classes]
        if missing:
            rospy.logerr(
                f"{message.model} has no class {', '.join(missing)}; {self._consequence}. Its classes are "
                f"{', '.join(classes)}: set ~{self._parameter} to one of them, or load a model with this class"
            )
        return missing

    def warn_unchecked(self, topic: str) -> None:
        """Log a warning where names are wanted and no model has been checked: its labels may not be relayed."""
        if self._names and not self._checked:
            rospy.logwarn(
                f"no class names on {topic} for {PATIENCE:.0f} s: whether the model has {', '.join(self._names)} "
                f"(~{self._parameter}) is not known; relay this topic, too"
            )

    def watch(self, result: str, on_missing: Callable[[List[str]], None] = lambda missing: None) -> rospy.Subscriber:
        """Check each model of the node that publishes `result`: its labels are the topic beside that one, so that no
        second remapping can be forgotten. `on_missing` is called with what each model lacks."""
        topic = rospy.resolve_name(result).rpartition("/")[0] + "/labels"
        timer = threading.Timer(PATIENCE, self.warn_unchecked, [topic])
        timer.daemon = True
        timer.start()
        return rospy.Subscriber(topic, LabelInfo, lambda message: on_missing(self.missing(message)), queue_size=1)
