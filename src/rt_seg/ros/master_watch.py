"""Detects that the ROS master is unreachable or no longer knows this node, which rospy itself does not."""

from __future__ import annotations

import http.client
import threading
import xmlrpc.client
from typing import Optional

import rosgraph
import rospy

PERIOD = 2.0
"""Seconds between two polls of the master."""


class MasterWatch:
    """Polls the master in its own thread. While it is unreachable, existing connections continue. When
    it is back as another one, which knows neither the topics nor the parameters of this node, the node ends: whoever
    started it starts it again, with its parameters."""

    def __init__(self) -> None:
        """Start polling; after rospy.init_node."""
        self._uri = rosgraph.get_master_uri()
        self._pid: Optional[int] = None
        self._away = False
        self.lost = False
        """Whether the node was ended because the master no longer knows it."""
        threading.Thread(target=self._run, name="master", daemon=True).start()

    def _run(self) -> None:
        while not rospy.is_shutdown():
            self._look()
            rospy.rostime.wallsleep(PERIOD)

    def _look(self) -> None:
        name = rospy.get_name()
        master = rosgraph.Master(name)
        try:
            pid = master.getPid()
            if self._pid not in (None, pid) or not self._knows(master, name):
                self._end(name)
            self._pid = pid
        except (OSError, rosgraph.MasterException, http.client.HTTPException, xmlrpc.client.Error):
            if not self._away:
                rospy.logerr(
                    f"the ROS master at {self._uri} does not respond: existing connections continue, new ones "
                    "cannot be made; is roscore running?"
                )
            self._away = True
        else:
            if self._away and not self.lost:
                rospy.logwarn(f"the ROS master at {self._uri} responds again")
            self._away = False

    @staticmethod
    def _knows(master: rosgraph.Master, name: str) -> bool:
        try:
            master.lookupNode(name)
        except rosgraph.MasterError:
            return rospy.is_shutdown()  # a node that is shut down unregisters itself before it ends
        return True

    def _end(self, name: str) -> None:
        self.lost = True
        rospy.logfatal(
            f"the ROS master at {self._uri} was restarted and no longer knows {name}: shutting down; start the launch "
            "file again"
        )
        rospy.signal_shutdown("the ROS master was restarted")
