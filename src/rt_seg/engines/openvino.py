"""The OpenVINO engine: the exported network with an up-sampling and arg-max head made for the camera's image size."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Tuple

import cv2
import numpy as np
import openvino

try:
    from openvino import opset13 as operations
except ImportError:  # OpenVINO 2024, the last for Python 3.8
    from openvino.runtime import opset13 as operations

from rt_seg.bundle import Bundle, BundleError, EngineFiles


def _preferred_precision() -> str:
    """`bf16` where the CPU has matrix units for it; elsewhere bf16 is emulated, and several times slower than f32."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return "f32"
    return "bf16" if "amx_bf16" in flags else "f32"


def _with_class_id_head(model: "openvino.Model", height: int, width: int, confidence: bool) -> "openvino.Model":
    """Add to a network with logits (1, h, w, C): bilinear resize to height × width, arg-max over C, uint8; and, with
    `confidence`, the softmax probability of that class, float32.

    The arg-max runs over axis 1 of an NCHW tensor: over the last axis OpenVINO's CPU plugin needs 16 times as long.
    """
    model = model.clone()
    logits = operations.transpose(model.output(0).get_node().input_value(0), np.array([0, 3, 1, 2]))
    resized = operations.interpolate(
        logits,
        np.array([height, width]),
        mode="linear_onnx",
        shape_calculation_mode="sizes",
        axes=np.array([2, 3]),
        coordinate_transformation_mode="half_pixel",
    )
    best = operations.topk(resized, np.int32(1), 1, "max", "none", index_element_type="i32")
    results = [operations.convert(best.output(1), "u8")]
    if confidence:
        # The largest probability is 1 / sum(exp(logit - largest logit)): no exponent above 0, so no overflow.
        powers = operations.exp(operations.subtract(resized, best.output(0)))
        total = operations.reduce_sum(powers, np.array([1]), keep_dims=True)
        results.append(operations.divide(np.float32(1), total))
    return openvino.Model(results, model.get_parameters(), "class_ids")


class OpenVINOEngine:
    """A bundle's OpenVINO network on the CPU. One head is compiled for each image size that comes."""

    def __init__(self, bundle: Bundle, files: EngineFiles, threads: int = 0, precision: str = "auto"):
        self._size = (bundle.input.height, bundle.input.width)
        self._core = openvino.Core()
        try:
            self._model = self._core.read_model(str(files.path))
        except RuntimeError as error:
            raise BundleError(f"{files.path}: OpenVINO cannot read this model: {error}") from error
        expected = [1, *self._size, 3]
        actual = list(self._model.input(0).shape)
        if actual != expected:
            raise BundleError(f"{files.path}: takes input {actual}, but the bundle says {expected}. Export it again.")
        precision = _preferred_precision() if precision == "auto" else precision
        self._options: Dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
        }
        if threads > 0:
            self._options["INFERENCE_NUM_THREADS"] = threads
        version = openvino.__version__.split("-")[0]
        kinds = {"int8": f"int8, rest {precision}", "f16": f"{precision} with f16 weights"}
        self.description = f"OpenVINO {version} {kinds.get(files.precision, precision)} on CPU"
        self._requests: Dict[Tuple[int, int, bool], Any] = {}

    def _infer(self, rgb: np.ndarray, confidence: bool) -> Any:
        """The request that holds the results of an image, which is stretched to the network's size."""
        height, width = rgb.shape[:2]
        kind = (height, width, confidence)
        if kind not in self._requests:
            model = _with_class_id_head(self._model, *kind)
            self._requests[kind] = self._core.compile_model(model, "CPU", self._options).create_infer_request()
        request = self._requests[kind]
        if (height, width) != self._size:
            shrinks = height > self._size[0] or width > self._size[1]
            rgb = cv2.resize(rgb, self._size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        request.infer([np.ascontiguousarray(rgb)[np.newaxis]], share_inputs=True)
        return request

    def class_ids(self, rgb: np.ndarray) -> np.ndarray:
        """Class id per pixel, uint8 (H, W), of an RGB image uint8 (H, W, 3)."""
        return self._infer(rgb, confidence=False).get_output_tensor(0).data[0, 0].copy()

    def class_ids_and_confidence(self, rgb: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Class ids as `class_ids` gives them, and their softmax probabilities, float32 (H, W)."""
        request = self._infer(rgb, confidence=True)
        return tuple(request.get_output_tensor(index).data[0, 0].copy() for index in range(2))

    def close(self) -> None:
        """Release the compiled networks."""
        self._requests.clear()
