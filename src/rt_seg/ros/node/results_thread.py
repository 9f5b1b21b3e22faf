"""Lets the results of one image be made and sent while the network works on the next one."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Callable, Optional


class ResultsThread:
    """Runs jobs in order in a thread of its own, at most one behind the caller, who otherwise waits.

    The network computes without Python's lock, and products are made by one thread of Python. On two cores, measured in
    turns: with mask, overlay, points and objects a third more images per second, their masks a sixth older; with mask
    and overlay no difference.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="results")
        self._last: Optional[Future] = None

    def run(self, job: Callable[[], None]) -> None:
        """Start a job as soon as the one before has ended, and return. What it raises, the next call raises."""
        self.wait()
        self._last = self._executor.submit(job)

    def wait(self) -> None:
        """Return when no job runs."""
        last, self._last = self._last, None
        if last is not None:
            last.result()

    def close(self) -> None:
        """Let the last job end, and take no more."""
        self._executor.shutdown(wait=True)
