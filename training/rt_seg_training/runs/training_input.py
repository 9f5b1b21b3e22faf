"""What a run learns from: the batches of its split, with unlabelled images among them where it has a teacher."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from rt_seg.atomic_file import write_atomically
from rt_seg_training.configuration import ConfigurationError, TrainingConfiguration
from rt_seg_training.datasets.loading import DataSet, split_names
from rt_seg_training.input_pipeline import batches as pipeline
from rt_seg_training.input_pipeline.data_order import fits_in_memory
from rt_seg_training.input_pipeline.unlabeled import Frame, unlabeled_examples

BYTES_PER_PIXEL = 7
"""Of a decoded example: 3 of colour, 1 of label and perhaps 3 of depth."""


class TrainingInput:
    """The endless batches of a configuration's training split, from any position."""

    def __init__(
        self, configuration: TrainingConfiguration, dataset: DataSet, with_depth: bool, frames: Sequence[Frame] = ()
    ) -> None:
        """`frames`: images of the setting `unlabeled`. Raises ConfigurationError where that is set, and there are none,
        DatasetError for an unknown split."""
        split = configuration.train_split
        self._configuration, self._ignore_id = configuration, dataset.labels.ignore_id
        self._examples = dataset.examples(split, depth=with_depth)
        self._count = dataset.count(split)
        pixels = sum(int(dataset.pixels[name].sum()) for name in split_names(split))
        self._in_memory = fits_in_memory(BYTES_PER_PIXEL * pixels)
        self._unlabeled = None
        if configuration.unlabeled:
            if not frames:
                raise ConfigurationError("unlabeled: no frames were given to the run; unlabeled_frames reads them")
            self._unlabeled = (unlabeled_examples(frames, self._ignore_id, with_depth), len(frames))
            bare = sum(depth is None for _, depth in frames) if with_depth else 0
            lacks = f"; {bare} of them without depth" if bare else ""
            print(f"unlabeled: {len(frames)} images of {configuration.unlabeled}, labelled by the teacher{lacks}")

    def batches(self, position: int = 0, workers: int = 1, worker: int = 0, replicas: int = 1) -> tf.data.Dataset:
        """Batches from a position in the order of examples, as training_batches gives them."""
        return pipeline.training_batches(
            self._examples, self._count, self._configuration, self._ignore_id,
            position, workers, worker, replicas, self._in_memory, self._unlabeled,
        )  # fmt: skip

    def distributed_batches(self, strategy: tf.distribute.Strategy, position: int) -> Iterator:
        """The batches from a position, split over the replicas."""

        def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
            return self.batches(
                position, context.num_input_pipelines, context.input_pipeline_id, strategy.num_replicas_in_sync
            )

        return iter(strategy.distribute_datasets_from_function(of_worker))


def save_bad_batch(path: Path, inputs, labels, strategy: tf.distribute.Strategy) -> Path:
    """Write what a step saw as an .npz: arrays inputs_0 (and inputs_1, depth) and labels, as in training_batches."""

    def here(value):
        return np.concatenate([part.numpy() for part in strategy.experimental_local_results(value)])

    parts = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, labels=here(labels), **{f"inputs_{i}": here(part) for i, part in enumerate(parts)})
    write_atomically(path, buffer.getvalue())
    return path
