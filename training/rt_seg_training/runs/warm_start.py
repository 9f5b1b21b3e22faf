"""Trainable weights out of a model bundle: an exported network, quantised or not, becomes a start for training.

A bundle ships no training checkpoint. Its OpenVINO graph, though, holds every kernel, with batch normalisation folded
in and, in int8 models, rounded to 8 bits. The kernels are matched with the layers of the Keras net by the shape of the
two graphs, and batch normalisation is unfolded again with statistics measured on pictures.
"""
from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Iterable

import keras
import numpy as np

from rt_seg.bundle import Bundle, BundleError, load_bundle, verify_files
from rt_seg_training.nets.registry import DEPTH_NETS, build_net

WARM_NETS = ("ddrnet_23_slim", *DEPTH_NETS)
"""Networks that can start from a bundle: those with layers of DDRNet-23-slim, each of which bears the same name."""

_ROUNDS = 24
"""Rounds of refinement of the graph labels; enough to carry the ends of the graph to its middle."""


class WarmStartError(ValueError):
    """The bundle's network is not the one to be trained."""


class _Graph:
    """Convolutions and poolings of a network with their nearest neighbours of that kind, whatever lies between.

    Poolings of the input itself do not count: those within a layer that prepares depth are no layers of their own.
    """

    def __init__(self, kinds: dict[Any, tuple], before: dict[Any, set]) -> None:
        of_input: set = set()
        while True:
            more = {n for n, kind in kinds.items() if kind[0] == "pooling" and before[n] <= of_input} - of_input
            if not more:
                break
            of_input |= more
        kinds = {node: kind for node, kind in kinds.items() if node not in of_input}
        before = {node: before[node] - of_input for node in kinds}
        self.kinds = kinds
        self.before = before
        self.after: dict[Any, set] = {node: set() for node in kinds}
        for node, sources in before.items():
            for source in sources:
                self.after[source].add(node)

    def labels(self) -> dict[str, Any]:
        """A name for each convolution that depends on nothing but its place in the graph.

        Weisfeiler-Lehman refinement: a node's label is hashed with those of its neighbours, again and again.
        The kernel's channel count of the last convolution, the number of classes, does not matter.
        """
        label = {
            node: repr(kind if self.after[node] else kind[:1] + kind[2:]) for node, kind in self.kinds.items()
        }
        for _ in range(_ROUNDS):
            label = {
                node: hashlib.sha256(
                    repr(
                        (
                            label[node],
                            sorted(label[other] for other in self.before[node]),
                            sorted(label[other] for other in self.after[node]),
                        )
                    ).encode()
                ).hexdigest()
                for node in self.kinds
            }
        return {label[node]: node for node, kind in self.kinds.items() if kind[0] == "convolution"}


def _nearest(node: Any, sources, kind_of, found: dict[Any, set]) -> set:
    """Convolutions and poolings that feed `node`; `found` remembers what was asked before."""
    if node not in found:
        found[node] = set()
        for source in sources(node):
            found[node] |= {source} if kind_of(source) else _nearest(source, sources, kind_of, found)
    return found[node]


def _keras_graph(model: keras.Model) -> _Graph:
    def sources(layer):
        return [parent.operation for parent in layer._inbound_nodes[0].parent_nodes]

    def kind_of(layer):
        if isinstance(layer, keras.layers.Conv2D):
            return ("convolution", layer.filters, layer.kernel.shape[2], layer.kernel_size[0], layer.strides[0])
        return ("pooling", getattr(layer, "pool_size", 0)) if "Pooling" in type(layer).__name__ else None

    layers = [layer for layer in model.layers if kind_of(layer)]
    found: dict[Any, set] = {}
    names = {layer: layer.name for layer in layers}
    before = {layer.name: {names[item] for item in _nearest(layer, sources, kind_of, found)} for layer in layers}
    return _Graph({layer.name: kind_of(layer) for layer in layers}, before)


def _openvino_graph(operations: dict[str, Any]) -> _Graph:
    def sources(name):
        return [value.get_node().get_friendly_name() for value in operations[name].input_values()]

    def kind_of(name):
        operation = operations[name]
        kind = operation.get_type_name()
        if kind == "Convolution":
            output, channels, size = operation.input(1).get_shape()[:3]
            return ("convolution", output, channels, size, operation.get_attributes()["strides"][0])
        if kind == "AvgPool":
            return ("pooling", operation.get_attributes()["kernel"][0])
        return ("pooling", 0) if kind == "ReduceMean" else None

    names = [name for name in operations if kind_of(name)]
    found: dict[Any, set] = {}
    return _Graph(
        {name: kind_of(name) for name in names}, {name: _nearest(name, sources, kind_of, found) for name in names}
    )


def _constant(operation: Any) -> np.ndarray | None:
    """The value of a constant expression as float32, such as int8 weights times their scales; None if it varies."""
    kind = operation.get_type_name()
    if kind == "Constant":
        return operation.get_data().astype(np.float32)
    if kind not in ("Convert", "Multiply", "Add", "Subtract"):
        return None
    values = [_constant(value.get_node()) for value in operation.input_values()]
    if any(value is None for value in values):
        return None
    return values[0] if kind == "Convert" else getattr(np, kind.lower())(*values)


def _operand(operation: Any) -> tuple[np.ndarray | None, Any]:
    """The constant operand of a two-operand operation, if there is one, and the operation that gives the other."""
    nodes = [value.get_node() for value in operation.input_values()]
    constants = [_constant(node) for node in nodes]
    if constants[1] is not None:
        return constants[1].reshape(-1), nodes[0]
    return (None, nodes[1]) if constants[0] is None else (constants[0].reshape(-1), nodes[1])


def _normalization_before(convolution: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Scale and shift of a batch normalisation between a convolution's input ReLU and what feeds that."""
    passed = ("FakeQuantize", "Relu")
    node = convolution.input_value(0).get_node()
    while node.get_type_name() in passed:
        node = node.input_value(0).get_node()
    if node.get_type_name() != "Add":
        return None
    shift, node = _operand(node)
    while node.get_type_name() == "FakeQuantize":
        node = node.input_value(0).get_node()
    if shift is None or node.get_type_name() != "Multiply":
        return None
    scale, _ = _operand(node)
    return None if scale is None else (scale, shift)


def _shift_after(convolution: Any) -> np.ndarray | None:
    """The constant added to a convolution's output, if any."""
    for target in convolution.output(0).get_target_inputs():
        node = target.get_node()
        if node.get_type_name() == "Add":
            return _operand(node)[0]
    return None


def _assign_convolution(model: keras.Model, layer: Any, operation: Any) -> None:
    """Copy one convolution, and the batch normalisation that it reads or that was folded into it, exactly."""
    kernel = _constant(operation.input_value(1).get_node())
    if kernel is None:
        raise WarmStartError(f"the kernel of {operation.get_friendly_name()} is not a constant")
    shift = _shift_after(operation)
    shift = np.zeros(kernel.shape[0], np.float32) if shift is None else shift
    follower = layer._outbound_nodes[0].operation if len(layer._outbound_nodes) == 1 else None
    folded = isinstance(follower, keras.layers.BatchNormalization)
    weights = [kernel.transpose(2, 3, 1, 0)]
    if layer.use_bias:
        weights.append(np.zeros_like(shift) if folded else shift)
    layer.set_weights(weights)
    if folded:
        _assign_normalization(follower, np.ones_like(shift), shift)
    before = _normalization_before(operation)
    if before is not None:
        _assign_normalization(model.get_layer(layer.name.removesuffix("_conv") + "_bn"), *before)


def _assign_normalization(layer: keras.layers.BatchNormalization, scale: np.ndarray, shift: np.ndarray) -> None:
    """Make the layer compute scale · x + shift at inference."""
    layer.set_weights([scale, shift, np.zeros_like(scale), np.full_like(scale, 1.0 - layer.epsilon)])


def _measure_normalization(model: keras.Model, inputs: Iterable[Any]) -> None:
    """Give every batch normalisation the statistics of its input, changing nothing of what it computes at inference.

    Training normalises by the statistics of the batch, so gamma and beta have to hold what the folded form lacks.
    """
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    probe = keras.Model(model.inputs, [layer.input for layer in layers])
    count, sums, squares = 0, [0.0] * len(layers), [0.0] * len(layers)
    for batch in inputs:
        count += 1
        for index, value in enumerate(probe(batch, training=False)):
            value = np.asarray(value, np.float64)
            sums[index] = sums[index] + value.mean(axis=(0, 1, 2))
            squares[index] = squares[index] + (value**2).mean(axis=(0, 1, 2))
    if count == 0:
        raise WarmStartError("no pictures to measure the batch normalisation with")
    for layer, total, square in zip(layers, sums, squares):
        gamma, beta, mean, variance = (np.asarray(weight, np.float64) for weight in layer.get_weights())
        scale = gamma / np.sqrt(variance + layer.epsilon)
        shift = beta - mean * scale
        mean, variance = total / count, np.maximum(square / count - (total / count) ** 2, 0.0)
        gamma = scale * np.sqrt(variance + layer.epsilon)
        layer.set_weights([np.float32(value) for value in (gamma, shift + scale * mean, mean, variance)])


def is_bundle(path: Path) -> bool:
    """Whether `path` is the folder of a model bundle."""
    return (path / "bundle.yaml").is_file()


def load_exported_network(bundle: Bundle) -> keras.Model:
    """The bundle's network as a Keras model that computes the same at inference (int8 activations apart).

    The model takes normalised images (1, height, width, 3) float32 of the bundle's input size, and after them depth if
    the bundle's network does. Raises BundleError for an unusable bundle, WarmStartError for another network than
    DDRNet-23-slim, with depth or without.
    """
    import openvino

    files = bundle.engine("openvino")
    if files is None:
        raise BundleError(f"{bundle.folder}: holds no OpenVINO model to take weights from")
    verify_files(files, bundle.folder)
    exported = openvino.Core().read_model(str(files.path))
    name = "ddrnet_23_slim" if len(exported.inputs) == 1 else "ddrnet_23_slim_rgbd"
    model = build_net(name, bundle.input.height, bundle.input.width, len(bundle.labels))
    operations = {operation.get_friendly_name(): operation for operation in exported.get_ordered_ops()}
    wanted, given = _keras_graph(model).labels(), _openvino_graph(operations).labels()
    if set(wanted) != set(given):
        raise WarmStartError(f"{files.path}: is not the network to be trained ({model.name})")
    for label, name in wanted.items():
        _assign_convolution(model, model.get_layer(name), operations[given[label]])
    return model


def warm_start(model: keras.Model, folder: Path, batches: Iterable[Any]) -> list[str]:
    """Copy the weights of the bundle in `folder` into `model`, layer by layer where name and shape agree.

    `batches`: training inputs, a hundred pictures or so, to measure the batch normalisation with: normalised pictures
    (B, h, w, 3) float32, or pairs of them and depth (B, h, w, 1) in metres. Returns the names of the layers that keep
    their random weights: a head for another number of classes, the auxiliary head, what reads depth if the bundle's
    network does not. Raises BundleError or WarmStartError.
    """
    exported = load_exported_network(load_bundle(folder))
    pairs = [batch if isinstance(batch, tuple) else (batch, np.zeros_like(batch[..., :1])) for batch in batches]
    if not pairs:
        raise WarmStartError("no pictures to measure the batch normalisation with")
    sized = build_net(exported.name, *pairs[0][0].shape[1:3], exported.output_shape[-1])
    sized.set_weights(exported.get_weights())
    _measure_normalization(sized, [list(pair)[: len(sized.inputs)] for pair in pairs])
    fresh = []
    given = {layer.name: layer for layer in sized.layers}
    for layer in model.layers:
        if not layer.weights:
            continue
        source = given.get(layer.name)
        if source is None or [w.shape for w in source.weights] != [w.shape for w in layer.weights]:
            fresh.append(layer.name)
        else:
            layer.set_weights(source.get_weights())
    return fresh
