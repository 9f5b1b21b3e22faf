"""Ctrl-C ends a node also while it speaks with the master.

rospy shuts a node down inside the handler of the signal: in the main thread, wherever that is. Where it waits for an
answer of the master (a log line, too, reads a parameter), it holds the lock of that connection, the shutdown waits for
the same lock, and the node hangs until somebody kills it. Here a thread shuts down, and the handler waits for it for a
moment: as a rule the main thread then finds the node shut down, as with rospy's own handler.
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
"""Seconds that the handler waits. Where the shutdown needs a lock of the main thread, that goes on after them, and may
meet topics that are closed before rospy.is_shutdown() is true: is_shutdown_requested() is true by then."""
PATIENCE = 5.0
"""Seconds that the interpreter's end waits for a shutdown that has begun: it unregisters the node at the master."""


def end_on_signals() -> None:
    """Let SIGINT and SIGTERM shut this node down. In the main thread, before rospy.init_node with disable_signals."""
    # Its `put` may interrupt itself, as a handler does; the locks of threading.Event and queue.Queue may not.
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
