"""The demo recording: rendered once, where nothing else is to be played."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Iterable, Iterator

import rospkg
import rospy

from rt_seg.cameras.frame import Frame

SEED, FRAMES = 3, 180
"""Of a scene that no shipped model was trained on. make/live.sh renders the same into recordings/."""
LEFTOVER_AGE = 3600.0
"""Seconds after the last write."""


def demo_recording() -> Path:
    """The demo's bag: that of `make live` where there is one, else one in ROS_HOME, rendered now if it is not there.

    Raises SimulationError where nothing can be rendered, OSError where it cannot be written, and
    rospy.ROSInterruptException where the node is to end before it is made; nothing is left of it then.
    """
    made = Path(rospkg.RosPack().get_path("rt_seg")) / "recordings" / "demo.bag"
    if made.exists():
        return made
    path = Path(os.environ.get("ROS_HOME") or Path.home() / ".ros") / "rt_seg" / "demo.bag"
    if not path.exists():
        from rt_seg.ros.recording.bag_writer import write_recording
        from rt_seg.simulation import simulate_recording
        from rt_seg.simulation.classes import tabletop_labels

        rospy.loginfo(f"rendering the demo recording, {FRAMES} simulated frames, once: {path}")
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        write_recording(_until_shutdown(simulate_recording(SEED, FRAMES, 30.0)), path, tabletop_labels())
    return path


def _remove_leftovers(path: Path) -> None:
    """Remove what killed renderings left, up to 160 MB each. None takes an hour."""
    for left in path.parent.glob(f".{path.name}.*.part"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > LEFTOVER_AGE:
                left.unlink()


def _until_shutdown(frames: Iterable[Frame]) -> Iterator[Frame]:
    for frame in frames:
        if rospy.is_shutdown():
            raise rospy.ROSInterruptException("shut down while the demo recording was rendered")
        yield frame
