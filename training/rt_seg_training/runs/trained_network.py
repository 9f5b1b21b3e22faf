"""A trained network from wherever it is kept: a finished run, or a bundle with its training weights."""

from __future__ import annotations

from pathlib import Path

import keras

from rt_seg.bundle import BundleError, load_bundle
from rt_seg.labels import LabelError, LabelSet
from rt_seg.model_home import MANIFEST, find_bundle
from rt_seg_training.runs.run_folder import RunFolder, RunFolderError
from rt_seg_training.runs.training_weights import TrainingWeightsError, network_of


class TrainedNetworkError(ValueError):
    """There is no trained network, or it is damaged."""


def trained_network(source: str | Path) -> tuple[keras.Model, LabelSet]:
    """The network with its weights and without an auxiliary head, and its classes.

    `source`: a run folder, one of its files of weights such as last.weights.h5, or a bundle, by its folder or name.
    Raises TrainedNetworkError.
    """
    path = find_bundle(source)
    try:
        if (path / MANIFEST).is_file():
            bundle = load_bundle(path)
            return network_of(bundle), bundle.labels
        if path.name.endswith(".weights.h5"):
            network, labels, _ = RunFolder(path.parent).load(weights=path)
        else:
            network, labels, _ = RunFolder(path).load()
    except (BundleError, LabelError, RunFolderError, TrainingWeightsError, OSError) as error:
        raise TrainedNetworkError(str(error)) from error
    return network, labels
