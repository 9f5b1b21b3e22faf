"""What the encoder of a bundle's network sees in an image, and how unsure the network is of it: in one inference."""

from __future__ import annotations

import numpy as np

from rt_seg.bundle import Bundle, BundleError
from rt_seg.engines.network_inputs import NetworkInputs
from rt_seg.segmenter import Segmenter

STRIDE = 32
"""Of the features: where an encoder knows what there is, and no longer where exactly."""


class _FeatureEngine:
    """The OpenVINO network of a bundle, which keeps the features of its last inference; see rt_seg.engines.Engine."""

    runtime = "openvino"

    def __init__(self, bundle: Bundle) -> None:
        import openvino

        files = next((files for files in bundle.engines if files.runtime == self.runtime), None)
        if files is None:
            raise BundleError(f"{bundle.folder}: holds no OpenVINO network, needed for the features; export it again")
        core = openvino.Core()
        try:
            network = core.read_model(str(files.path))
        except RuntimeError as error:
            raise BundleError(f"{files.path}: OpenVINO cannot read this model: {error}") from error
        self._inputs = NetworkInputs(bundle.input)
        places = self._inputs.places([source.shape for source in network.inputs], files.path)
        size = [-(-bundle.input.height // STRIDE), -(-bundle.input.width // STRIDE)]
        convolutions = [
            operation
            for operation in network.get_ordered_ops()
            if operation.get_type_name() == "Convolution" and list(operation.output(0).shape)[2:] == size
        ]
        if not convolutions:
            raise BundleError(f"{files.path}: has no feature map at 1/{STRIDE} of its input size {bundle.input.width}x"
                              f"{bundle.input.height}, which frame selection needs")  # fmt: skip
        # The one with the most to tell; of equals the last.
        best = max(convolutions, key=lambda operation: operation.output(0).shape[1])
        network.add_outputs(best.output(0))
        self._compiled = core.compile_model(network, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
        self._places = places
        self.description = "OpenVINO with features"
        self.features = np.zeros(0, np.float32)

    def logits(self, rgb: np.ndarray, depth: np.ndarray | None = None) -> np.ndarray:
        """Logits, float32 (h, w, C); `features` are then those of this image, (2 D,) float32."""
        results = self._compiled(dict(zip(self._places, self._inputs.arrays(rgb, depth))))
        maps = np.asarray(results[1][0], np.float32)
        self.features = np.concatenate([maps.mean(axis=(1, 2)), maps.std(axis=(1, 2))])
        return np.asarray(results[0][0], np.float32)

    def close(self) -> None:
        """Release the network."""
        self._compiled = None


class FrameJudge:
    """Segments frames and says how unsure it is. Raises BundleError for a bundle without an OpenVINO network."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._engine = _FeatureEngine(bundle)
        self._segmenter = Segmenter(bundle.input, self._engine)

    def judge(self, rgb: np.ndarray, depth: np.ndarray | None = None) -> tuple[np.ndarray, float, np.ndarray]:
        """Mask (H, W) uint8, mean doubt (1 - confidence, 0..1) and features (D,) of an image; see Segmenter."""
        found = self._segmenter.segment(rgb, confidence=True, depth=depth)
        assert found.confidence is not None
        return found.mask, float(1.0 - found.confidence.mean()), self._engine.features
