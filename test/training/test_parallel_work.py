"""The pool that makes frames: what it counts, and that an error ends it early."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from rt_seg_training.parallel_work import run_all


def test_every_task_is_done_and_counted():
    done, counted = [], []
    bar = SimpleNamespace(update=lambda: counted.append(1))
    with ThreadPoolExecutor(3) as pool:
        run_all(pool, lambda a, b: done.append(a * b), [(a, 2) for a in range(20)], bar)
    assert sorted(done) == [2 * a for a in range(20)] and len(counted) == 20


def test_an_error_comes_through_and_what_has_not_begun_never_does():
    done, second_waits = [], threading.Event()

    def work(number):
        if number == 0:
            raise ValueError("frame 0")
        second_waits.wait(10)
        done.append(number)

    with ThreadPoolExecutor(2) as pool:
        # The pool waits for what has begun: it is let go as soon as the error is on its way.
        threading.Timer(0.3, second_waits.set).start()
        with pytest.raises(ValueError, match="frame 0"):
            run_all(pool, work, [(number,) for number in range(50)], SimpleNamespace(update=lambda: None))
    assert len(done) < 5
