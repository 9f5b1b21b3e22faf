"""Bags segmented by several processes, each with a network of one thread; those that are killed are replaced."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Tuple

from rt_seg_training.prediction.prediction import PredictionError, Predictor, Task, predict_bag_file

ATTEMPTS = 3
"""Of one bag. What kills its worker three times is the bag, or the computer."""


@dataclass(frozen=True)
class Work:
    """What the workers do with each bag."""

    bundle: Path
    alpha: float
    head: str | None
    topic: str | None
    summary: bool


Outcome = Tuple[List[str], Optional[str], int]
"""Of one bag: what there is to say, why it failed, and how many images had no depth."""

_predictor: Predictor | None = None
_work: Work | None = None


def predictor_of_one_thread(work: Work) -> Predictor:
    """The network of a worker. Raises BundleError, PredictionError."""
    import cv2

    cv2.setNumThreads(1)
    return Predictor(work.bundle, work.alpha, work.head, threads=1)


def outcome_of(task: Task, predictor: Predictor, work: Work) -> Outcome:
    """Segment one bag."""
    before = predictor.without_depth
    try:
        notes = predict_bag_file(task, predictor, work.topic, work.summary)
    except PredictionError as error:
        return [], str(error), 0
    return notes, None, predictor.without_depth - before


def _begin(work: Work) -> None:
    """In a new worker: load the network."""
    global _predictor, _work
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[variable] = "1"
    _predictor, _work = predictor_of_one_thread(work), work


def _predict(task: Task) -> Outcome:
    assert _predictor is not None and _work is not None
    return outcome_of(task, _predictor, _work)


def predict_bags(tasks: list[Task], work: Work, workers: int) -> Iterator[tuple[Task, list[str], str | None, int]]:
    """Segment bags in `workers` processes; yields, as they end, (task, notes, failure or None, images without depth).

    A worker that dies, for want of memory or by a signal, takes its bag with it, which is begun again, ATTEMPTS times
    in all; a bag appears whole or not at all.
    """
    context = multiprocessing.get_context("spawn")  # a network's threads do not survive a fork
    attempts = dict.fromkeys(tasks, 0)
    left = list(tasks)
    while left:
        with ProcessPoolExecutor(workers, context, _begin, (work,)) as pool:
            running = {}
            queue = list(left)
            broken = False
            while (queue or running) and not broken:
                # Only as many as can run: of a pool that breaks, the others were not tried.
                while queue and len(running) < workers:
                    task = queue.pop(0)
                    attempts[task] += 1
                    running[pool.submit(_predict, task)] = task
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    task = running.pop(future)
                    try:
                        notes, failure, without_depth = future.result()
                    except BrokenProcessPool:
                        broken = True
                        continue
                    left.remove(task)
                    yield task, notes, failure, without_depth
        for task in [task for task in left if attempts[task] >= ATTEMPTS]:
            left.remove(task)
            yield task, [], f"{task.source}: its worker was killed {ATTEMPTS} times; out of memory?", 0
