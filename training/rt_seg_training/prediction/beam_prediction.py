"""Bags segmented by the machines of a cluster, on Apache Beam: RunInference over the same prediction as everywhere.

Only names travel: the bundle, the bags and the output folder must be the same files on all workers. A bag whose worker
dies is begun again by the runner, and appears whole or not at all.
"""

from __future__ import annotations

import base64
import pickle
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.ml.inference.base import ModelHandler, PredictionResult, RunInference

from rt_seg_training.prediction.bag_workers import Outcome, Work, outcome_of, predictor_of_one_thread
from rt_seg_training.prediction.prediction import Predictor, Task

OUTCOMES = "outcomes"


class BagHandler(ModelHandler[Task, PredictionResult, Predictor]):
    """Loads the bundle once in each worker process and segments the bags that come to it, one by one."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def load_model(self) -> Predictor:
        """The network, of one thread: the runner decides how many processes share a machine."""
        return predictor_of_one_thread(self._work)

    def run_inference(
        self, batch: Sequence[Task], model: Predictor, inference_args: dict[str, Any] | None = None
    ) -> Iterable[PredictionResult]:
        """The outcome of each bag; its masks are in the bag that was written."""
        for task in batch:
            yield PredictionResult(task, outcome_of(task, model, self._work))

    def batch_elements_kwargs(self) -> dict[str, int]:
        """One bag at a time, so that all workers have work."""
        return {"min_batch_size": 1, "max_batch_size": 1}


def _line(result: PredictionResult) -> str:
    return base64.b64encode(pickle.dumps((result.example, result.inference))).decode("ascii")


def predict_bags_on_beam(
    tasks: list[Task], work: Work, runner: str, options: Any
) -> Iterator[tuple[Task, list[str], str | None, int]]:
    """Segment bags on a runner; yields, when all have ended, what predict_bags yields, in the order of `tasks`."""
    if not tasks:
        return
    # Beside the results, since all workers see that place; a bag of a folder in a folder has a place yet to be made.
    tasks[0].target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tasks[0].target.parent, prefix=".beam.") as folder:
        with beam.Pipeline(runner=runner, options=options) as pipeline:
            bags = pipeline | "bags" >> beam.Create(tasks) | "spread" >> beam.Reshuffle()
            lines = bags | "segment" >> RunInference(BagHandler(work)) | "line" >> beam.Map(_line)
            _ = lines | "write" >> beam.io.WriteToText(str(Path(folder) / OUTCOMES))
        found: dict[Task, Outcome] = {}
        for path in Path(folder).glob(f"{OUTCOMES}-*"):
            found.update(pickle.loads(base64.b64decode(line)) for line in path.read_text("ascii").splitlines())
    for task in tasks:
        notes, failure, without_depth = found.get(task, ([], f"{task.source}: the runner returned no result for it", 0))
        yield task, notes, failure, without_depth
