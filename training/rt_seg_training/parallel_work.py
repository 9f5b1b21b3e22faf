"""Many tasks in a pool of threads or processes, counted as they end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, as_completed
from typing import Any


def run_all(pool: Executor, function: Callable[..., object], tasks: Iterable[tuple], progress: Any) -> None:
    """Call `function` with the arguments of each task, and count each in `progress`, a bar with `update()`.

    The first error of a task, or Ctrl-C, cancels those that have not begun, and comes through.
    """
    futures = [pool.submit(function, *task) for task in tasks]
    try:
        for future in as_completed(futures):
            future.result()
            progress.update()
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
