"""The OpenVINO engine: the exported network on the CPU."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List, Optional

import numpy as np
import openvino

from rt_seg.bundle import Bundle, BundleError, EngineFiles
from rt_seg.engines.network_inputs import NetworkInputs


def matrix_units() -> bool:
    """Whether the CPU multiplies bf16 matrices in hardware (amx_bf16) and oneDNN, inside OpenVINO, may use that."""
    cap = os.environ.get("ONEDNN_MAX_CPU_ISA", "DEFAULT").upper()
    if cap not in ("DEFAULT", "ALL") and "AMX" not in cap:
        return False
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return False


def preferred_precision() -> str:
    """`bf16` where the CPU has matrix units for it; elsewhere bf16 is emulated, and several times slower than f32."""
    return "bf16" if matrix_units() else "f32"


def _cache_folder() -> Optional[Path]:
    """Folder in which OpenVINO keeps compiled networks, which start in half the time; None where none can be written.

    OpenVINO names an entry by a hash of the network, its weights, the options, the CPU and its own version.
    """
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(root) / "rt_seg" / "openvino"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def network_and_weights(files: EngineFiles) -> List[str]:
    """The IR and its weights: those beside it under the same name, or else the one .bin of the engine's files."""
    folder = files.path.parent
    others = [name for name in files.sha256 if name.endswith(".bin")]
    if files.path.with_suffix(".bin").name in others or len(others) != 1:
        return [str(files.path)]
    return [str(files.path), str(folder / others[0])]


class OpenVINOEngine:
    """A bundle's OpenVINO network on the CPU."""

    runtime = "openvino"

    def __init__(self, bundle: Bundle, files: EngineFiles, threads: int = 0, precision: str = "auto"):
        core = openvino.Core()
        try:
            model = core.read_model(*network_and_weights(files))
        except RuntimeError as error:
            raise BundleError(f"{files.path}: OpenVINO cannot read this model: {error}") from error
        self._inputs = NetworkInputs(bundle.input)
        self._places = self._inputs.places([source.shape for source in model.inputs], files.path)
        reason = ""
        if precision == "auto":
            precision = preferred_precision()
            reason = f" ({'with' if precision == 'bf16' else 'without'} amx_bf16)"
        options: Dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
            # Pinned threads of two processes share the first core and leave the others idle: two nodes of one thread,
            # or two workers on bags, ran at half their speed.
            "ENABLE_CPU_PINNING": False,
        }
        if threads > 0:
            options["INFERENCE_NUM_THREADS"] = threads
        cache = _cache_folder()
        if cache is not None:
            options["CACHE_DIR"] = str(cache)
        version = openvino.__version__.split("-")[0]
        kinds = {"int8": f"int8, rest {precision}", "f16": f"{precision} with f16 weights"}
        self.description = f"OpenVINO {version} {kinds.get(files.precision, precision)} on CPU{reason}"
        self._request = core.compile_model(model, "CPU", options).create_infer_request()

    def logits(self, rgb: np.ndarray, depth: Optional[np.ndarray] = None) -> np.ndarray:
        """Logits, float32 (h, w, C), of an RGB image and its depth of the network's size; valid until the next call."""
        self._request.infer(dict(zip(self._places, self._inputs.arrays(rgb, depth))), share_inputs=True)
        return self._request.get_output_tensor(0).data[0]

    def close(self) -> None:
        """Release the compiled network."""
        self._request = None
