"""Hands a loaded model from the thread of a service to the worker, which takes it over between two images."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import Iterator, Optional

from rt_seg.ros.node.model import Model


class ModelExchange:
    """One model at a time: it is either taken over, or withdrawn, and never both."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: Optional[Model] = None
        self._taken_over = threading.Event()

    def offer(self, model: Model, patience: float) -> bool:
        """Wait until the worker has taken the model over; False if it has not begun to within `patience` seconds.

        Then the model is withdrawn, and its owner may close it. Called by one thread at a time.
        """
        with self._lock:
            self._waiting, self._taken_over = model, threading.Event()
        if self._taken_over.wait(patience):
            return True
        with self._lock:
            if self._waiting is model:
                self._waiting = None
                return False
        # The worker has begun just now, and finishes: it owns the model.
        self._taken_over.wait()
        return True

    @contextmanager
    def taken(self) -> Iterator[Optional[Model]]:
        """The model that waits, if any, which from here on is the worker's; its offer ends when the block does."""
        with self._lock:
            model, self._waiting = self._waiting, None
        try:
            yield model
        finally:
            if model is not None:
                self._taken_over.set()
