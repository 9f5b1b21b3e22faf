"""The pairs of a source as a data set to train on at once, without building it first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.loading import DataSet, split_names
from rt_seg_training.datasets.pairing import Pair
from rt_seg_training.datasets.source import Source, read_pair


class UnbuiltDataSet(DataSet):
    """A DataSet whose examples are read from the files of a source as they are asked for.

    Split expressions are names and sums of names. Depth is there where every frame may have it: `source.has_depth`.
    """

    def __init__(self, source: Source, splits: Mapping[str, Sequence[Pair]]) -> None:
        """`splits` are the pairs by name of a split; they need not be those of the source. Raises DatasetError."""
        pixels = {name: _pixels(source, pairs) for name, pairs in splits.items()}
        counts = {name: len(pairs) for name, pairs in splits.items()}
        super().__init__(source.path.name, source.path, source.labels, counts, pixels, str(source.path), "", None)
        object.__setattr__(self, "_source", source)
        object.__setattr__(self, "_pairs", {name: tuple(pairs) for name, pairs in splits.items()})

    _source: Source
    _pairs: Mapping[str, tuple[Pair, ...]]

    def count(self, split: str) -> int:
        """See DataSet."""
        return len(self._members(split))

    @property
    def has_depth(self) -> bool:
        """See DataSet."""
        return self._source.has_depth

    def examples(self, split: str, shuffle_files: bool = False, depth: bool = False) -> Any:
        """See DataSet; the order is always that of the pairs."""
        import tensorflow as tf

        if depth and not self.has_depth:
            raise DatasetError(f"{self.name}: has no depth, which this network needs; choose a network of RGB only")
        pairs = self._members(split)
        signature = {
            "image": tf.TensorSpec((None, None, 3), tf.uint8),
            "label": tf.TensorSpec((None, None, 1), tf.uint8),
            "name": tf.TensorSpec((), tf.string),
        }
        if depth:
            signature["depth"] = tf.TensorSpec((None, None, 1), tf.uint16)
            signature["valid"] = tf.TensorSpec((None, None, 1), tf.bool)

        def generate():
            for pair in pairs:
                image, label, millimetres = read_pair(pair, self._source)
                example = {"image": image, "label": label[..., np.newaxis], "name": pair.name}
                if depth:
                    known = np.zeros(label.shape, np.uint16) if millimetres is None else millimetres
                    example |= {"depth": known[..., np.newaxis], "valid": known[..., np.newaxis] > 0}
                yield example

        return tf.data.Dataset.from_generator(generate, output_signature=signature)

    def _members(self, split: str) -> list[Pair]:
        missing = [name for name in split_names(split) if name not in self._pairs]
        if missing:
            raise DatasetError(f"split {missing[0]!r} is not known; accepted are {', '.join(self._pairs)}")
        return [pair for name in split_names(split) for pair in self._pairs[name]]


def _pixels(source: Source, pairs: Sequence[Pair]) -> np.ndarray:
    """(256,) int64 pixels per label value."""
    total = np.zeros(256, np.int64)
    for pair in pairs:
        total += np.bincount(source.read_label(pair).ravel(), minlength=256)[:256]
    return total
