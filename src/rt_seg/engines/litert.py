"""The LiteRT engine: small, on the CPU, for machines such as ARM boards."""

from __future__ import annotations

import os
from typing import Optional

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from rt_seg.bundle import Bundle, BundleError, EngineFiles
from rt_seg.engines.network_inputs import NetworkInputs


class LiteRTEngine:
    """A bundle's LiteRT network, in f32."""

    runtime = "litert"

    def __init__(self, bundle: Bundle, files: EngineFiles, threads: int = 0, precision: str = "auto"):
        if precision == "bf16":
            raise BundleError("precision bf16: LiteRT computes this network in f32; set precision auto or f32")
        try:
            self._interpreter = Interpreter(str(files.path), num_threads=threads or os.cpu_count())
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise BundleError(f"{files.path}: LiteRT cannot load this model: {error}") from error
        self._inputs = NetworkInputs(bundle.input)
        sources = self._interpreter.get_input_details()
        places = self._inputs.places([source["shape"].tolist() for source in sources], files.path)
        self._tensors = [sources[place]["index"] for place in places]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self.description = f"LiteRT {files.precision} on CPU"

    def logits(self, rgb: np.ndarray, depth: Optional[np.ndarray] = None) -> np.ndarray:
        """Logits, float32 (h, w, C), of an RGB image and its depth of the network's size."""
        for tensor, array in zip(self._tensors, self._inputs.arrays(rgb, depth)):
            self._interpreter.set_tensor(tensor, array)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)[0]

    def close(self) -> None:
        """Release the interpreter."""
        self._interpreter = None
