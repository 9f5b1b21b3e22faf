"""Ends the roslaunch that started this node, as Ctrl-C would; and nodes whose launch ends while they start.

roslaunch can end with a node only by required="true", which reports also a normal end as a death, in red. A node that
has done its work, or that no restart can help, asks for the end instead.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import rospy

from rt_seg.ros.node_signals import end_on_signals

LAUNCHER = "launch.py"
"""That of `make live`, whose exit code tells a failure; roslaunch's does not."""
LAUNCHERS = ("roslaunch", LAUNCHER, "start_cameras")
"""Programs that start nodes and stop them on a signal. Not rostest, whose end would take the test with it."""
PATIENCE = 10.0
"""Seconds that the launcher has to stop this node."""


def init_node(name: str, anonymous: bool = False, disable_signals: bool = False) -> None:
    """rospy.init_node, with Ctrl-C handled by node_signals unless `disable_signals`; where the launch ends meanwhile,
    the node ends without a traceback, for it did nothing wrong."""
    if not disable_signals:
        end_on_signals()
    try:
        rospy.init_node(name, anonymous=anonymous, disable_signals=True)
    except rospy.ROSInitException:
        if not rospy.is_shutdown():
            raise
        raise SystemExit(0) from None


def end_launch(failed: bool = False) -> None:
    """Ask the launcher to end, and wait until it ends this node, too. Without a launcher nothing happens.

    `failed`: the end has a reason that was logged, and `make live` shall fail.
    """
    parent = os.getppid()
    try:
        words = Path(f"/proc/{parent}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return
    names = {Path(word).name for word in words[:3]}
    if not names.intersection(LAUNCHERS):
        return
    if failed and LAUNCHER in names:
        os.kill(parent, signal.SIGUSR1)
    os.kill(parent, signal.SIGINT)
    end = time.monotonic() + PATIENCE
    while not rospy.is_shutdown() and time.monotonic() < end:
        time.sleep(0.02)
