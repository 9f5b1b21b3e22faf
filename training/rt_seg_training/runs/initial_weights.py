"""What a training starts from: features learnt before, a bundle, an earlier run, or random numbers."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from rt_seg.model_home import MANIFEST, find_bundle
from rt_seg_training.configuration import IMAGENET, RANDOM, ConfigurationError, TrainingConfiguration
from rt_seg_training.nets.registry import DDRNET_START, PRETRAINED_NETS
from rt_seg_training.runs.run_folder import RunFolder
from rt_seg_training.runs.training_weights import FILE, TrainingWeightsError, load_training_weights


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
