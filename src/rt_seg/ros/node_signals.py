"""Shuts a node down on Ctrl-C even while its main thread waits for the ROS master.

rospy shuts down inside the signal handler, which interrupts the main thread. If that is waiting for the master (even a
log line reads a parameter), it holds the lock of the connection, the shutdown waits for the same lock, and the node
hangs until it is killed. Here a separate thread shuts down, and the handler waits briefly for it, so that the main
thread usually continues in a node that is shut down, as with rospy's own handler.
"""

from __future__ import annotations

import atexit
import queue
import signal
import threading
from typing import Any

import rospy

HANDLED = (signal.SIGINT, signal.SIGTERM)
MOMENT = 1.0
"""Seconds that the handler waits. If the shutdown needs a lock of the main thread, that continues afterwards and may
find topics closed before rospy.is_shutdown() is true; rospy.core.is_shutdown_requested() is true by then."""
PATIENCE = 5.0
"""Seconds that the process waits at its end for a running shutdown, which unregisters the node from the master."""


def end_on_signals() -> None:
    """Shut this node down on SIGINT and SIGTERM. Main thread only, before rospy.init_node(disable_signals=True)."""
    # SimpleQueue.put is reentrant, as a signal handler needs; threading.Event and queue.Queue are not.
    received: "queue.SimpleQueue[int]" = queue.SimpleQueue()
    begun = threading.Event()

    def shut_down() -> None:
        number = received.get()
        begun.set()
        rospy.signal_shutdown(f"signal {number}")

    thread = threading.Thread(target=shut_down, name="signals", daemon=True)
    thread.start()
    atexit.register(lambda: thread.join(PATIENCE) if begun.is_set() else None)

    def handle(number: int, frame: Any) -> None:
        received.put(number)
        thread.join(MOMENT)

    for number in HANDLED:
        signal.signal(number, handle)
