"""Weights to start a run from: those of another run, of a file, or of a bundle."""
from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from rt_seg.bundle import BundleError
from rt_seg.model_home import find_bundle
from rt_seg_training.configuration import ConfigurationError, TrainingConfiguration
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
    """Give `model` the weights that the configuration names, and print from where and how many layers stay random.

    `batches`: of training, on which batch normalisation is measured where the source does not hold it. Raises
    ConfigurationError for a source that is missing, damaged, or of another network.
    """
    start = find_bundle(configuration.initial_weights)
    if is_bundle(start):
        if configuration.net not in WARM_NETS:
            raise ConfigurationError(
                f"initial_weights: {start} is a bundle, which gives weights to the nets {', '.join(WARM_NETS)}, "
                f"not to {configuration.net}; name a run folder or '' for random weights"
            )
        inputs = (inputs for inputs, _ in batches.take(WARM_START_BATCHES).as_numpy_iterator())
        try:
            fresh = warm_start(model, start, inputs)
        except (BundleError, WarmStartError) as error:
            raise ConfigurationError(f"initial_weights: {error}") from error
    else:
        fresh = load_initial_weights(model, start)
    print(f"initial weights from {start}; {len(fresh)} layers stay random")
