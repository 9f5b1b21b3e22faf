"""Requests of many clients before one engine: bounded, the newest of a client wins, and clients take turns."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, NamedTuple, Optional


class RequestRefused(RuntimeError):
    """A request was not worked on; the text says why."""


class _Request(NamedTuple):
    job: Callable[[], Any]
    answer: asyncio.Future
    arrival: float
    patience: float


class WaitingRequests:
    """One request of each client waits, at most. The client that has waited longest is next.

    For the loop of asyncio in which it is used; jobs run one after another in a thread.
    """

    def __init__(self, capacity: int = 64) -> None:
        """`capacity`: clients that may wait at a time."""
        self._capacity = capacity
        self._waiting: OrderedDict[str, _Request] = OrderedDict()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._worker: Optional[asyncio.Task] = None

    async def run(self, client: str, job: Callable[[], Any], patience: float) -> Any:
        """What `job` returns.

        Raises RequestRefused when a newer request of the client came first, when `patience` (seconds) ended before its
        turn, or when too many clients wait.
        """
        before = self._waiting.get(client)
        if before is None and len(self._waiting) >= self._capacity:
            raise RequestRefused(f"{len(self._waiting)} clients are already waiting, the maximum")
        answer = asyncio.get_running_loop().create_future()
        # In its place in the queue: a client that asks often comes no later for it, and no sooner.
        self._waiting[client] = _Request(job, answer, time.monotonic(), patience)
        if before is not None and not before.answer.done():
            before.answer.set_exception(RequestRefused("replaced by a newer image of this client"))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.ensure_future(self._work())
        return await answer

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            _, request = self._waiting.popitem(last=False)
            if request.answer.done():  # the client has gone
                continue
            waited = time.monotonic() - request.arrival
            if waited > request.patience:
                request.answer.set_exception(RequestRefused(f"waited {waited * 1e3:.0f} ms, longer than its deadline"))
                continue
            try:
                result = await loop.run_in_executor(self._executor, request.job)
            except Exception as error:  # goes to the client
                if not request.answer.done():
                    request.answer.set_exception(error)
            else:
                if not request.answer.done():
                    request.answer.set_result(result)

    def close(self) -> None:
        """Let the last job end."""
        self._executor.shutdown(wait=True)
