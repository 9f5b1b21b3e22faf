"""What a training starts from: ImageNet features, a bundle, an earlier run, or random numbers."""
from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from rt_seg.bundle import BundleError
from rt_seg.model_home import find_bundle
from rt_seg_training.configuration import IMAGENET, RANDOM, ConfigurationError, TrainingConfiguration
from rt_seg_training.nets.registry import PRETRAINED_NETS
from rt_seg_training.runs.run_folder import RunFolder
from rt_seg_training.runs.warm_start import WARM_NETS, WarmStartError, is_bundle, warm_start

WARM_START_BATCHES = 16
"""Batches on which batch normalisation is measured when the weights come from an exported network."""


def load_initial_weights(model: keras.Model, path: Path) -> list[str]:
    """Copy weights from a file or run folder where layer name and shape agree; returns the layers left random.

    Raises ConfigurationError if the file is missing. Layers are matched by name, so that a model of another class
    count, or without the auxiliary head, gives what it has.
    """
    file = RunFolder(path).weights if path.is_dir() else path
    if not file.is_file():
        raise ConfigurationError(f"initial_weights: {file} does not exist; give a run folder or a .weights.h5 file")
    before = [variable.numpy() for variable in model.trainable_variables]
    # Of a model with an optimizer, Keras would look for the optimizer's state in the file too.
    keras.Model(model.inputs, model.outputs).load_weights(file, skip_mismatch=True)
    same = [
        variable.path
        for variable, old in zip(model.trainable_variables, before)
        if variable.path.endswith("kernel") and np.array_equal(variable.numpy(), old)
    ]
    return same


def apply_initial_weights(configuration: TrainingConfiguration, model: keras.Model, batches: tf.data.Dataset) -> None:
    """Fill `model` with what the setting initial_weights names, and say so; raises ConfigurationError if it cannot."""
    if configuration.start == RANDOM:
        return
    if configuration.start == IMAGENET:
        fresh = _imagenet_weights(configuration.net, model)
        print(f"initial weights: encoder from ImageNet; {len(fresh)} layers stay random")
        return
    start = find_bundle(configuration.start)
    if is_bundle(start):
        if configuration.net not in WARM_NETS:
            raise ConfigurationError(
                f"initial_weights: {start} is a bundle, which gives weights to the nets {', '.join(WARM_NETS)}, "
                f"not to {configuration.net}; name a run folder, or {RANDOM}"
            )
        inputs = (inputs for inputs, _ in batches.take(WARM_START_BATCHES).as_numpy_iterator())
        try:
            fresh = warm_start(model, start, inputs)
        except (BundleError, WarmStartError) as error:
            raise ConfigurationError(f"initial_weights: {error}") from error
    else:
        fresh = load_initial_weights(model, start)
    print(f"initial weights from {start}; {len(fresh)} layers stay random")


def _imagenet_weights(net: str, model: keras.Model) -> list[str]:
    from rt_seg_training.nets.efficientnet_lite import PretrainedWeightsError, load_imagenet_weights
    from rt_seg_training.nets.torch_checkpoint import TorchCheckpointError

    if net not in PRETRAINED_NETS:
        raise ConfigurationError(
            f"initial_weights: there are none from ImageNet for {net}, only for {', '.join(PRETRAINED_NETS)}; "
            f"name a bundle or a run folder, or {RANDOM}"
        )
    try:
        return load_imagenet_weights(model)
    except (PretrainedWeightsError, TorchCheckpointError, OSError) as error:
        raise ConfigurationError(
            f"initial_weights: {error} (or start from a bundle, or with initial_weights: {RANDOM})"
        ) from error
