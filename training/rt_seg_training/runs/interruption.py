"""Ctrl-C and SIGTERM (batch systems, containers) end a run between two steps."""

from __future__ import annotations

import signal
import threading
from typing import Any


class Interruption:
    """Context in which the first SIGINT or SIGTERM sets `requested`; a second one raises KeyboardInterrupt at once.

    Outside of the main thread, where Python takes no signals, it does nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self._usual: dict[int, Any] = {}

    def _handle(self, number, frame):
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._usual[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *error) -> None:
        for number, handler in self._usual.items():
            signal.signal(number, handler)
