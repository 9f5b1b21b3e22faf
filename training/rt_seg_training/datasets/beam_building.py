"""Check and write a data set on Apache Beam, so that the machines of a cluster share the work.

Only names travel: each worker reads the source itself, so its path, and that of the built set, must mean the same
files on all of them.
"""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam

from rt_seg_training.datasets.example import make_example
from rt_seg_training.datasets.linting import Inspection, inspect
from rt_seg_training.datasets.pairing import Pair
from rt_seg_training.datasets.source import Source

OUTPUT = "inspections"


class _OverPairs(beam.DoFn):
    """Applies `work(pair, source)` to pairs that are given as (split, number)."""

    def __init__(self, read: Callable[[Path], Source], path: Path, work: Callable[[Pair, Source], Any]):
        self._read, self._path, self._work = read, path, work

    def setup(self) -> None:
        self._source = self._read(self._path)

    def process(self, element: tuple[str, int]) -> Iterator[Any]:
        split, number = element
        yield self._work(self._source.splits[split][number], self._source)


class _NumberedOverPairs(_OverPairs):
    """The same, as a line of text that names the pair."""

    def process(self, element: tuple[str, int]) -> Iterator[str]:
        for result in super().process(element):
            yield base64.b64encode(pickle.dumps((element, result))).decode("ascii")


def _elements(source: Source, splits: tuple[str, ...]) -> Any:
    elements = [(split, number) for split in splits for number in range(len(source.splits[split]))]
    return "pairs" >> beam.Create(elements) | "spread" >> beam.Reshuffle()


def inspect_on_beam(
    read: Callable[[Path], Source], source: Source, runner: Any, options: Any, folder: Path
) -> list[Inspection]:
    """The inspections of all pairs of `source`, split by split, made by a Beam pipeline.

    `read`: reads the source from its path, and can be pickled. `folder`: an empty one that all workers see.
    """
    with beam.Pipeline(runner=runner, options=options) as pipeline:
        lines = pipeline | _elements(source, tuple(source.splits))
        lines = lines | "inspect" >> beam.ParDo(_NumberedOverPairs(read, source.path, inspect))
        _ = lines | "write" >> beam.io.WriteToText(str(folder / OUTPUT))
    found = {}
    for path in folder.glob(f"{OUTPUT}-*"):
        found.update(pickle.loads(base64.b64decode(line)) for line in path.read_text(encoding="ascii").splitlines())
    return [found[split, number] for split, pairs in source.splits.items() for number in range(len(pairs))]


def examples_on_beam(read: Callable[[Path], Source], source: Source, split: str) -> Any:
    """A transform that yields (key, features) of the pairs of a split. `read` as for inspect_on_beam."""
    return _elements(source, (split,)) | "example" >> beam.ParDo(_OverPairs(read, source.path, make_example))
