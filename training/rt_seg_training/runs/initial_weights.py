"""What a training starts from: features learnt before, a bundle, an earlier run, or random numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import h5py
import keras
import numpy as np

from rt_seg.model_home import MANIFEST, find_bundle
from rt_seg_training.configuration import IMAGENET, RANDOM, ConfigurationError, TrainingConfiguration
from rt_seg_training.nets.registry import DDRNET_START, PRETRAINED_NETS
from rt_seg_training.runs.run_folder import RunFolder
from rt_seg_training.runs.training_weights import FILE, TrainingWeightsError, load_training_weights


def load_initial_weights(model: keras.Model, path: Path) -> list[str]:
    """Copy weights from a file or run folder, layer by layer where name and shapes agree.

    Returns the names of the layers that stay random: a head for other classes, the auxiliary head, what reads depth.
    Raises ConfigurationError if the file is missing or damaged, and where no layer agrees.
    """
    file = RunFolder(path).weights if path.is_dir() else path
    if not file.is_file():
        raise ConfigurationError(
            f"initial_weights: {file} does not exist; give a bundle, a run folder, a .weights.h5 file or {RANDOM}"
        )
    stored = _stored_weights(file)
    fresh, taken = [], 0
    for layer in _layers(model):
        values = stored.get(layer.name, [])
        if [value.shape for value in values] == [tuple(weight.shape) for weight in layer.weights]:
            layer.set_weights(values)
            taken += 1
        else:
            fresh.append(layer.name)
    if not taken:
        raise ConfigurationError(f"initial_weights: {file} is of another network: {model.name} has none of its layers")
    return fresh


def _stored_weights(file: Path) -> dict[str, list[np.ndarray]]:
    """The weights in a file of Keras by the names of their layers.

    Keras itself would match layers by their class and number, so that a network with further layers, such as those that
    read depth, would get the weights of the wrong ones.
    """
    stored: dict[str, list[np.ndarray]] = {}

    def look(_: str, group: h5py.Group | h5py.Dataset) -> None:
        if isinstance(group, h5py.Group) and "name" in group.attrs and len(group) > 0:
            stored[str(group.attrs["name"])] = [group[str(number)][()] for number in range(len(group))]

    try:
        with h5py.File(file) as content:
            content.visititems(look)
    except (OSError, KeyError) as error:
        raise ConfigurationError(f"initial_weights: {file} is no file of Keras weights, or damaged: {error}") from error
    return stored


def _layers(model: keras.Model) -> Iterator[keras.Layer]:
    """The layers with weights, also those of models inside the model."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        elif layer.weights:
            yield layer


def apply_initial_weights(configuration: TrainingConfiguration, model: keras.Model) -> None:
    """Fill `model` with what the setting initial_weights names, and say so; raises ConfigurationError if it cannot."""
    if configuration.start == RANDOM:
        return
    if configuration.start == IMAGENET:
        fresh = _imagenet_weights(configuration.net, model)
        print(f"initial weights: encoder from ImageNet; {len(fresh)} layers stay random")
        return
    start = find_bundle(configuration.start)
    if (start / MANIFEST).is_file() or (start / FILE).is_file():
        try:
            fresh = load_training_weights(model, start)
        except (TrainingWeightsError, OSError) as error:
            raise ConfigurationError(f"initial_weights: {error}") from error
    else:
        fresh = load_initial_weights(model, start)
    print(f"initial weights from {start}; {len(fresh)} layers stay random")


def _imagenet_weights(net: str, model: keras.Model) -> list[str]:
    from rt_seg_training.nets.efficientnet_lite import PretrainedWeightsError, load_imagenet_weights
    from rt_seg_training.nets.torch_checkpoint import TorchCheckpointError

    if net not in PRETRAINED_NETS:
        raise ConfigurationError(
            f"initial_weights: no ImageNet weights for {net}, only for {', '.join(PRETRAINED_NETS)}; "
            f"name a bundle, a run folder, {DDRNET_START} (for DDRNet) or {RANDOM}"
        )
    try:
        return load_imagenet_weights(model)
    except (PretrainedWeightsError, TorchCheckpointError, OSError) as error:
        raise ConfigurationError(
            f"initial_weights: {error} (or start from a bundle, or with initial_weights: {RANDOM})"
        ) from error
