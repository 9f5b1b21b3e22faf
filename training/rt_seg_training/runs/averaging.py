"""The mean of the weights of several runs that began with the same weights, as a run of its own."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.confusion import mean_iou
from rt_seg.labels import LabelSet, write_labels
from rt_seg.model_home import find_bundle
from rt_seg.progress import progress
from rt_seg_training.configuration import TrainingConfiguration
from rt_seg_training.datasets.loading import DataSet
from rt_seg_training.input_pipeline.batches import validation_batches
from rt_seg_training.optimization.losses import SegmentationCrossEntropy
from rt_seg_training.runs.checkpoint import save_weights
from rt_seg_training.runs.provenance import public_place
from rt_seg_training.runs.run_folder import RunFolder
from rt_seg_training.runs.trained_network import trained_network
from rt_seg_training.runs.validation import score, scorer


class AveragingError(ValueError):
    """The weights cannot be averaged, or their mean is worse than each of them."""


def average_runs(sources: Sequence[str], output: Path, dataset: DataSet) -> dict[str, float]:
    """Write the run folder `output`, whose weights are the mean of those of the sources (uniform soup, Wortsman et al.,
    arXiv:2203.05482, with the means and variances of batch normalisation).

    Args:
        sources: two or more of what trained_network takes. The first is a run folder, and gives the settings.
        output: a new folder, a run folder afterwards, without checkpoint and auxiliary head.
        dataset: that of the settings. Each source and the mean are scored on their validation split, as by `train`.

    Returns the mean IoU of each source, in order, and last that of the mean.
    Raises AveragingError, RunFolderError, TrainedNetworkError, DatasetError, OSError; nothing is written then.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise AveragingError(f"{output}: exists already; name a new folder")
    if len(sources) < 2:
        raise AveragingError(f"{', '.join(sources)}: two runs or more are averaged")
    if len(set(sources)) < len(sources):
        raise AveragingError(f"{', '.join(sources)}: name each once")
    for source in sources:
        _check_finished(source)
    net, labels, configuration = RunFolder(Path(sources[0]).expanduser()).load()
    if labels.names != dataset.labels.names:
        raise AveragingError(
            f"{sources[0]}: has other classes than {dataset.name}; give the --data-dir of its training"
        )
    weights = [_weights(net, net, sources[0])]
    for source in sources[1:]:
        network, known = trained_network(source)
        if known.names != labels.names:
            theirs, ours = (", ".join(names) for names in (known.names, labels.names))
            raise AveragingError(f"{source}: has the classes {theirs}; {sources[0]} has {ours}")
        weights.append(_weights(network, net, source))
    mean = [[np.mean(values, axis=0, dtype=np.float64) for values in zip(*layers)] for layers in zip(*weights)]
    scores = _scores(net, [*weights, mean], configuration, dataset)
    if not scores[-1] >= min(scores[:-1]):  # also where there is nothing to score on, and all are NaN
        raise AveragingError(
            f"their mean has mIoU {scores[-1]:.4f}, they have "
            f"{', '.join(f'{value:.4f} ({source})' for source, value in zip(sources, scores))}: runs can be averaged "
            "if they start from the same trained weights and stay near them; nothing was written"
        )
    settings = dataclasses.replace(configuration, auxiliary_weight=0.0, run=str(output))
    result = {
        "steps": configuration.steps,
        "validation_mean_iou": scores[-1],
        "averaged": [_public(source) for source in sources],
    }
    _write(output, net, labels, settings, result)
    return dict(zip([*sources, str(output)], scores))


def _check_finished(source: str) -> None:
    """Raises AveragingError for a run that still trains or was interrupted: its weights are not its final ones."""
    path = find_bundle(source)
    folder = RunFolder(path.parent if path.suffix == ".h5" else path)
    if folder.configuration.is_file() and not folder.result.is_file():
        raise AveragingError(f"{source}: its training has not finished; run train again")


def _public(source: str) -> str:
    """A source as the model card names it."""
    path = Path(source)
    return f"{public_place(str(path.parent))}/{path.name}" if path.suffix == ".h5" else public_place(source)


def _write(output: Path, net: keras.Model, labels: LabelSet, settings: TrainingConfiguration, result: dict) -> None:
    """The run folder, whole or not at all. Raises OSError."""
    output.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    try:
        folder = RunFolder(staging)
        save_weights(net, folder.weights)
        write_labels(folder.labels, labels)
        settings.save(folder.configuration)
        write_atomically(folder.result, (json.dumps(result, indent=2) + "\n").encode())
        staging.chmod(0o755)
        os.replace(staging, output)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _weights(network: keras.Model, like: keras.Model, source: str) -> list[list[np.ndarray]]:
    """The weights of the layers of `like` in `network`. Raises AveragingError unless it has just these layers."""
    theirs = {layer.name: layer.get_weights() for layer in network.layers}
    ours = {layer.name: layer.get_weights() for layer in like.layers}
    if {name: [value.shape for value in values] for name, values in theirs.items()} != {
        name: [value.shape for value in values] for name, values in ours.items()
    }:
        raise AveragingError(f"{source}: its network, {network.name}, differs from that of the first run, {like.name}")
    return [theirs[layer.name] for layer in like.layers]


def _scores(net: keras.Model, weights: Sequence, configuration: TrainingConfiguration, dataset: DataSet) -> list[float]:
    """Mean IoU of each of the weights; `net` has the last of them afterwards."""
    depth = len(net.inputs) > 1
    batches = validation_batches(dataset.examples(configuration.validation_split, depth=depth), configuration)
    evaluate = scorer(net, SegmentationCrossEntropy(dataset.labels.ignore_id))
    scores = []
    for of_layers in progress(weights, desc="scoring", unit="run"):
        for layer, values in zip(net.layers, of_layers):
            layer.set_weights(values)
        matrix, _ = score(evaluate, batches, len(dataset.labels), dataset.labels.ignore_id)
        scores.append(float(mean_iou(matrix)))
    return scores
