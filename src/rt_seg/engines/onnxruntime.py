"""The ONNX Runtime engine: TensorRT or CUDA where the installed build and this machine have them, else the CPU."""
from __future__ import annotations

from typing import List, Optional

import numpy as np
import onnxruntime

from rt_seg.bundle import Bundle, BundleError, EngineFiles
from rt_seg.engines.network_inputs import NetworkInputs

PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
"""Where to run, best first; each takes over what the one before cannot run."""


def providers() -> List[str]:
    """Those of `PROVIDERS` that the installed build has, best first."""
    present = onnxruntime.get_available_providers()
    return [name for name in PROVIDERS if name in present]


class OnnxRuntimeEngine:
    """A bundle's ONNX network, in f32."""

    runtime = "onnxruntime"

    def __init__(self, bundle: Bundle, files: EngineFiles, threads: int = 0, precision: str = "auto"):
        if precision == "bf16":
            raise BundleError("precision bf16: ONNX Runtime computes this network in f32; set precision auto or f32")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Its threads would wait by spinning, and take the cores from the camera and the node between two images.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(str(files.path), options, providers=providers())
        except Exception as error:  # the exceptions of ONNX Runtime share no base class of their own
            raise BundleError(f"{files.path}: ONNX Runtime cannot load this model: {error}") from error
        self._inputs = NetworkInputs(bundle.input)
        sources = self._session.get_inputs()
        places = self._inputs.places([source.shape for source in sources], files.path)
        self._names = [sources[place].name for place in places]
        used = self._session.get_providers()[0].replace("ExecutionProvider", "")
        self.description = f"ONNX Runtime {onnxruntime.__version__} {files.precision} on {used}"

    def logits(self, rgb: np.ndarray, depth: Optional[np.ndarray] = None) -> np.ndarray:
        """Logits, float32 (h, w, C), of an RGB image and its depth of the network's size."""
        return self._session.run(None, dict(zip(self._names, self._inputs.arrays(rgb, depth))))[0][0]

    def close(self) -> None:
        """Release the session."""
        self._session = None
