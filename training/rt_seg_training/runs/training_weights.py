"""The weights of a trained network beside its exported forms: what another training begins with.

`weights.safetensors` holds each variable under its path in the Keras model: kernels in 16 bits, which is far finer than
what a training step moves, and what is small (biases, batch normalisation) in 32. Its metadata name the network.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rt_seg.bundle import Bundle

if TYPE_CHECKING:
    import keras

FILE = "weights.safetensors"
FORMAT = "rt_seg training weights 1"


class TrainingWeightsError(ValueError):
    """There are no weights to train from, or not for this network."""


def write_training_weights(model: keras.Model, folder: Path, head: str) -> Path:
    """Write the weights of `model`, of the registry and with this head, into a bundle's folder.

    Raises TrainingWeightsError where a kernel does not fit into 16 bits or the file cannot be written, OSError.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    tensors = {}
    for layer in model.layers:
        for variable in layer.weights:
            value = variable.numpy()
            tensors[variable.path] = value.astype(np.float16) if variable.path.endswith("kernel") else value
            if not np.isfinite(tensors[variable.path]).all():
                raise TrainingWeightsError(f"{variable.path}: holds values that are not finite in 16 bits")
    path = folder / FILE
    try:
        save_file(tensors, path, {"format": FORMAT, "net": model.name, "head": head})
    except SafetensorError as error:  # so a full disk is told
        raise TrainingWeightsError(f"{path}: could not be written: {error}") from error
    path.chmod(0o644)
    return path


def _read(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    path = folder / FILE
    if not path.is_file():
        raise TrainingWeightsError(
            f"{folder}: holds no {FILE}, so training cannot start from it: it was exported without training weights. "
            "Name another bundle or a run folder, or export its run again"
        )
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise TrainingWeightsError(f"{path}: damaged ({error}); copy the whole bundle again") from error
    if metadata.get("format") != FORMAT:
        raise TrainingWeightsError(f"{path}: its format is {metadata.get('format')!r}; this version reads {FORMAT!r}")
    return tensors, metadata


def load_training_weights(model: keras.Model, folder: Path) -> list[str]:
    """Copy the weights of the bundle in `folder` into `model`, layer by layer where name and shapes agree.

    Returns the names of the layers that keep their random weights: a head for other classes, the auxiliary head, what
    reads depth if the bundle's network does not. Raises TrainingWeightsError, also where no layer agrees, OSError.
    """
    tensors, metadata = _read(folder)
    fresh, taken = [], 0
    for layer in model.layers:
        if not layer.weights:
            continue
        values = [tensors.get(variable.path) for variable in layer.weights]
        if any(v is None or v.shape != tuple(w.shape) for v, w in zip(values, layer.weights)):
            fresh.append(layer.name)
        else:
            layer.set_weights(values)
            taken += 1
    if not taken:
        raise TrainingWeightsError(
            f"{folder / FILE}: is of the network {metadata.get('net')}, of which {model.name} has no layer"
        )
    return fresh


def network_of(bundle: Bundle) -> keras.Model:
    """The bundle's network in Keras, for its input size; takes normalised images (and depth). int8 rounds a bit more.

    Raises TrainingWeightsError, OSError.
    """
    from rt_seg_training.nets.registry import HEADS, NETS, build_net

    _, metadata = _read(bundle.folder)
    net, head = metadata.get("net"), metadata.get("head")
    if net not in NETS or head not in HEADS:
        raise TrainingWeightsError(f"{bundle.folder / FILE}: network {net!r} with head {head!r} is not known here")
    model = build_net(net, bundle.input.height, bundle.input.width, len(bundle.labels), head=head)
    fresh = load_training_weights(model, bundle.folder)
    if fresh:
        raise TrainingWeightsError(f"{bundle.folder / FILE}: lacks the layers {', '.join(fresh)}")
    return model
