"""Lets services wait for the results of the next image."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Callable, List, Optional, Tuple

from rt_seg.ros.node.frame_products import Inputs
from rt_seg.ros.node.outputs import Results


class FrameRequests:
    """Services ask from their threads, the worker answers all at once."""

    def __init__(self, on_request: Callable[[], None] = lambda: None) -> None:
        """`on_request` is called when a service starts to wait."""
        self._on_request = on_request
        self._waiting: List[Future] = []
        self._lock = threading.Lock()

    def pending(self) -> List[Future]:
        """The requests that wait now, to be answered with the image that is processed next."""
        with self._lock:
            return list(self._waiting)

    def next_frame(self, timeout: float) -> Optional[Tuple[Inputs, Results]]:
        """Wait for the next image; None when none came within `timeout` seconds."""
        future: Future = Future()
        with self._lock:
            self._waiting.append(future)
        self._on_request()
        try:
            return future.result(timeout)
        except FutureTimeout:
            with self._lock:
                if future in self._waiting:
                    self._waiting.remove(future)
            return None

    def answer(self, asked: List[Future], inputs: Inputs, results: Results) -> None:
        """Give an image's results to those who had `asked` when the work on it began, and have no answer yet: that of
        the image before may have come since."""
        with self._lock:
            answered = [future for future in asked if future in self._waiting]
            self._waiting = [future for future in self._waiting if future not in answered]
        for future in answered:
            future.set_result((inputs, results))
