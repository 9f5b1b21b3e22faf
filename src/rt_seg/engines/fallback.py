"""A remote engine with a local fallback for the time that the server does not respond."""

from __future__ import annotations

import threading
from typing import Callable, Optional

import numpy as np

from rt_seg.engines import Engine
from rt_seg.engines.remote import RemoteEngine, RemoteError

RETRY_SECONDS = 1.0
"""Between two attempts to reach a server that failed."""
REFUSALS = 5
"""Images in a row that a server may refuse, as too busy, before it counts as failed."""


class FallbackEngine:
    """Answers every image: from the server, or within its deadline and one local inference from the local engine.

    After a failure the local engine answers alone, at once, until the server has answered a trial image; a thread of
    its own tries it. `say` hears of each change.
    """

    runtime = "remote"

    def __init__(self, remote: RemoteEngine, local: Engine, say: Callable[[str], object] = print) -> None:
        self._remote, self._local, self._say = remote, local, say
        self._failure: Optional[str] = None
        self._refused_in_a_row = 0
        self.remote_images = self.local_images = self.refused_images = self.failures = 0
        self._closed = threading.Event()
        self._failed = threading.Event()
        try:
            remote.connect()
        except RemoteError as error:
            self._fail(error)
        self._thread = threading.Thread(target=self._return, name="remote engine", daemon=True)
        self._thread.start()

    @property
    def description(self) -> str:
        """The engine in use, and the counts so far, as text."""
        counts = f"{self.remote_images} images remote, {self.local_images} local, {self.refused_images} refused"
        if self._failure is not None:
            return f"{self._local.description} instead of {self._remote.description} ({counts})"
        return f"{self._remote.description} ({counts})"

    @property
    def warning(self) -> str:
        """Why the local engine is used; empty while the server responds."""
        failure = self._failure
        return "" if failure is None else f"falls back to the local engine: {failure}"

    def logits(self, rgb: np.ndarray, depth: Optional[np.ndarray] = None) -> np.ndarray:
        """Logits of the server, or of the local engine."""
        if self._failure is None:
            try:
                logits = self._remote.logits(rgb, depth)
            except RemoteError as error:
                self._refused_in_a_row += 1
                self.refused_images += error.refused
                if not error.refused or self._refused_in_a_row >= REFUSALS:
                    self._fail(error)
            else:
                self._refused_in_a_row = 0
                self.remote_images += 1
                return logits
        self.local_images += 1
        return self._local.logits(rgb, depth)

    def _fail(self, error: RemoteError) -> None:
        self._failure = str(error)
        self.failures += 1
        self._failed.set()
        self._say(f"{self.warning}; retrying every {RETRY_SECONDS:.0f} s")

    def _return(self) -> None:
        """Try the server while it has failed."""
        while not self._closed.is_set():
            if not self._failed.wait(RETRY_SECONDS):
                continue
            if self._closed.wait(RETRY_SECONDS):
                return
            try:
                self._remote.connect()
            except RemoteError as error:
                self._failure = str(error)
                continue
            self._failed.clear()
            self._refused_in_a_row = 0
            self._failure = None
            self._say(f"{self._remote.description}: the server responds again")

    def close(self) -> None:
        """Release both."""
        self._closed.set()
        self._failed.set()
        self._thread.join(timeout=5.0)
        self._remote.close()
        self._local.close()
