"""The LiteRT engine: small, on the CPU, for machines such as ARM boards."""
from __future__ import annotations

import os

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from rt_seg.bundle import Bundle, BundleError, EngineFiles


class LiteRTEngine:
    """A bundle's LiteRT network, in f32."""

    def __init__(self, bundle: Bundle, files: EngineFiles, threads: int = 0, precision: str = "auto"):
        if precision == "bf16":
            raise BundleError("precision bf16: LiteRT computes this network in f32; set precision auto or f32")
        try:
            self._interpreter = Interpreter(str(files.path), num_threads=threads or os.cpu_count())
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise BundleError(f"{files.path}: LiteRT cannot load this model: {error}") from error
        source = self._interpreter.get_input_details()[0]
        expected = [1, bundle.input.height, bundle.input.width, 3]
        actual = source["shape"].tolist()
        if actual != expected:
            raise BundleError(f"{files.path}: takes input {actual}, but the bundle says {expected}. Export it again.")
        self._input = source["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self.description = f"LiteRT {files.precision} on CPU"

    def logits(self, rgb: np.ndarray) -> np.ndarray:
        """Logits, float32 (h, w, C), of an RGB image of the network's size."""
        self._interpreter.set_tensor(self._input, np.ascontiguousarray(rgb)[np.newaxis])
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)[0]

    def close(self) -> None:
        """Release the interpreter."""
        self._interpreter = None
