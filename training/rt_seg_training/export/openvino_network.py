"""The OpenVINO form of a trained network: uint8 RGB in, normalised inside; quantised to int8; run for comparison."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from rt_seg.bundle import InputSpec
from rt_seg.engines.network_inputs import NetworkInputs
from rt_seg_training.nets.normalization import normalization_of

QUANTIZED_KINDS = (
    "Convolution", "GroupConvolution", "Add", "Multiply", "AvgPool", "Interpolate", "Concat", "ReduceMean",
)  # fmt: skip
"""Operations of our networks that post-training quantisation computes in 8 bits."""


def deployment_network(model, folder: Path):
    """The OpenVINO network of a Keras `model` whose SavedModel lies in `folder`.

    uint8 RGB (1, H, W, 3) in, normalised inside, and for a network with depth float32 metres (1, H, W, 1) after it;
    logits (1, h, w, C) out.
    """
    import openvino
    from openvino.preprocess import PrePostProcessor

    network = openvino.convert_model(str(folder))
    # OpenVINO writes down where the SavedModel lay: a path of this machine that means nothing elsewhere.
    network.set_rt_info(folder.name, ["conversion_parameters", "input_model"])
    channels = [source.partial_shape[3].get_length() for source in network.inputs]
    height, width = model.inputs[0].shape[1:3]
    network.reshape({index: [1, height, width, count] for index, count in enumerate(channels)})
    processor = PrePostProcessor(network)
    image = processor.input(channels.index(3))
    normalization = normalization_of(model.name)
    image.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    image.preprocess().convert_element_type(openvino.Type.f32)
    image.preprocess().mean([255.0 * value for value in normalization.mean])
    image.preprocess().scale([255.0 * value for value in normalization.std])
    image.model().set_layout(openvino.Layout("NHWC"))
    network = processor.build()
    if len(channels) == 1:
        return network
    # The converter sorts the inputs by its own mind.
    parameters = sorted(network.get_parameters(), key=lambda parameter: -parameter.shape[3])
    return openvino.Model(network.get_results(), parameters, network.get_friendly_name())


def operations_of_depth_alone(network) -> dict[str, str]:
    """Name and kind of the operations that read depth before colour has joined it, up to the first convolutions."""
    constant, found, pure = set(), {}, set()
    for operation in network.get_ordered_ops():
        name, kind = operation.get_friendly_name(), operation.get_type_name()
        sources = {value.get_node().get_friendly_name() for value in operation.input_values()}
        if kind == "Constant" or (sources and sources <= constant):  # 16-bit constants are converted to f32
            constant.add(name)
        elif kind == "Parameter":
            if operation.shape[3] == 1:
                pure.add(name)
        elif sources & pure and sources <= pure | constant:
            found[name] = kind
            if kind != "Convolution":
                pure.add(name)
    return found


def quantize(network, feeds: Sequence[list[np.ndarray]], exact: Collection[str] = ()):
    """The network in int8, calibrated with `feeds`, each the arrays of its inputs; the operations `exact` stay f32."""
    import nncf

    # In 8 bits depth has steps of some centimetres, from which no edge and no slope can be read. Left to itself int8
    # would take the means and differences before the first convolution, too, which cost two points of mean IoU.
    exact = [*operations_of_depth_alone(network), *exact]
    return nncf.quantize(
        network,
        nncf.Dataset([feed if len(feed) > 1 else feed[0] for feed in feeds]),
        subset_size=len(feeds),
        preset=nncf.QuantizationPreset.MIXED,
        ignored_scope=nncf.IgnoredScope(names=exact) if exact else None,
    )


def segments(network, count: int) -> list[list[str]]:
    """The operations that int8 would change, in the order of computation, cut into `count` parts of equal length."""
    depth = operations_of_depth_alone(network)
    names = [
        operation.get_friendly_name()
        for operation in network.get_ordered_ops()
        if operation.get_type_name() in QUANTIZED_KINDS and operation.get_friendly_name() not in depth
    ]
    return [part.tolist() for part in np.array_split(np.array(names, object), count) if len(part)]


def by_sensitivity(network, feeds: Sequence[list[np.ndarray]], count: int) -> list[list[str]]:
    """The `segments`, that first whose exact computation alone brings the int8 logits nearest to the exact ones."""

    def logits(some) -> np.ndarray:
        run = _compiled_exactly(some)
        return np.concatenate([run(feed)[0] for feed in feeds])

    reference = logits(network)
    parts = segments(network, count)
    errors = [float(np.abs(logits(quantize(network, feeds, part)) - reference).mean()) for part in parts]
    return [parts[index] for index in np.argsort(errors, kind="stable")]


def _compiled_exactly(network):
    """The network on the CPU in f32, whatever the machine prefers: a function of the arrays of its inputs."""
    import openvino

    return openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


class ExactEngine:
    """An OpenVINO network on the CPU in f32, whatever the machine prefers; see rt_seg.engines.Engine."""

    runtime = "openvino"

    def __init__(self, network, spec: InputSpec) -> None:
        self.description = "OpenVINO f32 on CPU"
        self._inputs = NetworkInputs(spec)
        self._compiled = _compiled_exactly(network)

    def logits(self, rgb: np.ndarray, depth: np.ndarray | None = None) -> np.ndarray:
        """Logits, float32 (h, w, C), of an RGB image and its depth of the network's size."""
        return self._compiled(self._inputs.arrays(rgb, depth))[0][0]

    def close(self) -> None:
        """Release the compiled network."""
        self._compiled = None
