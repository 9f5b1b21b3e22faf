"""The ONNX Runtime engine: TensorRT or CUDA where the installed build and this machine have them, else the CPU.

What another device computes is compared with the CPU's logits while the network is loaded, and a device that computes
something else is refused: drivers, libraries and GPUs that do not fit each other give numbers, not errors.
"""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import onnxruntime

from rt_seg.bundle import Bundle, BundleError, EngineFiles
from rt_seg.engines.network_inputs import NetworkInputs

PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
"""Where to run, best first; each takes over what the one before cannot run."""
CPU = "CPUExecutionProvider"
DEVICES: Dict[str, Tuple[str, ...]] = {
    "auto": PROVIDERS, "tensorrt": PROVIDERS, "cuda": PROVIDERS[1:], "cpu": PROVIDERS[2:],
}  # fmt: skip
DEVICE_VARIABLE = "RT_SEG_DEVICE"
"""Environment variable that holds one of DEVICES, for measurements; auto where it is not set."""
LOGIT_TOLERANCE = 0.02
"""Share of the range of the CPU's logits by which another device's may differ: TF32 and FP16 stay below a hundredth."""
ID_TOLERANCE = 0.01
"""Share of the cells whose class may differ."""


def providers() -> List[str]:
    """Those of `PROVIDERS` that the installed build has and $RT_SEG_DEVICE allows, best first. Raises BundleError."""
    device = os.environ.get(DEVICE_VARIABLE, "auto")
    if device not in DEVICES:
        raise BundleError(f"{DEVICE_VARIABLE} {device!r} is not known; accepted: {', '.join(DEVICES)}")
    present = onnxruntime.get_available_providers()
    found = [name for name in DEVICES[device] if name in present]
    if device not in ("auto", "cpu") and DEVICES[device][0] not in found:
        raise BundleError(f"device {device}: ONNX Runtime has only {', '.join(present)} here")
    return found


def disagreement(found: np.ndarray, expected: np.ndarray) -> str:
    """How the logits of a device, (h, w, C), differ from those of the CPU, as text; empty where they agree."""
    if found.shape != expected.shape:
        return f"logits of shape {found.shape} instead of {expected.shape}"
    if not np.isfinite(found).all():
        return "logits that are not all finite"
    span = float(expected.max() - expected.min()) or 1.0
    largest = float(np.abs(found - expected).max()) / span
    unlike = float((found.argmax(axis=-1) != expected.argmax(axis=-1)).mean())
    if largest > LOGIT_TOLERANCE or unlike > ID_TOLERANCE:
        return f"logits differ from the CPU's by {largest:.1%} of their range, and {unlike:.1%} of the ids"
    return ""


class OnnxRuntimeEngine:
    """A bundle's ONNX network, in f32."""

    runtime = "onnxruntime"

    def __init__(self, bundle: Bundle, files: EngineFiles, threads: int = 0, precision: str = "auto"):
        if precision == "bf16":
            raise BundleError("precision bf16: ONNX Runtime computes this network in f32; set precision auto or f32")
        self._path, self._threads = files.path, threads
        self._inputs = NetworkInputs(bundle.input)
        self.refused: List[str] = []
        """Devices that are here and do not compute this network, and why."""
        self._session = self._checked_session(providers())
        self._names = self._names_in(self._session)
        used = self._session.get_providers()[0].replace("ExecutionProvider", "")
        self.description = f"ONNX Runtime {onnxruntime.__version__} {files.precision} on {used}"
        if used != "CPU":
            self.description += ", whose logits were compared with the CPU's"

    @property
    def warning(self) -> str:
        """Which device was refused, and why; empty where none was."""
        return "; ".join(self.refused)

    def _checked_session(self, candidates: List[str]) -> Any:
        """A session of the best device whose logits are those of the CPU."""
        for index, name in enumerate(candidates):
            if name == CPU:
                break
            short = name.replace("ExecutionProvider", "")
            try:
                session = self._open(candidates[index:])
                if session.get_providers()[0] != name:
                    self.refused.append(f"{short} is not used: ONNX Runtime could not initialise it")
                    continue
                fault = self._fault_of(session)
            except Exception as error:  # of a device, whatever its libraries raise
                fault = f"{type(error).__name__}: {error}"
            if not fault:
                return session
            self.refused.append(f"{short} is not used: {fault}")
        return self._open([CPU])

    def _fault_of(self, session: Any) -> str:
        """What is wrong with the logits of a session, on an image of all grey levels; empty when nothing is."""
        _, height, width, _ = self._inputs.shapes[0]
        rng = np.random.default_rng(0)
        blocks = rng.integers(0, 256, (-(-height // 16), -(-width // 16), 3), np.uint8)
        image = blocks.repeat(16, axis=0).repeat(16, axis=1)[:height, :width]
        fed = dict(zip(self._names_in(session), self._inputs.arrays(image)))
        answers = [each.run(None, fed)[0][0] for each in (self._open([CPU]), session, session)]
        # Twice: the first run of a device sets it up, and may take another way.
        return disagreement(answers[1], answers[0]) or disagreement(answers[2], answers[0])

    def _open(self, names: List[str]) -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        # Its threads would wait by spinning, and take the cores from the camera and the node between two images.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = onnxruntime.InferenceSession(str(self._path), options, providers=names)
        except Exception as error:  # the exceptions of ONNX Runtime share no base class of their own
            raise BundleError(f"{self._path}: ONNX Runtime cannot load this model: {error}") from error
        return session

    def _names_in(self, session: Any) -> List[str]:
        """Names of the inputs, image first."""
        sources = session.get_inputs()
        return [sources[place].name for place in self._inputs.places([one.shape for one in sources], self._path)]

    def logits(self, rgb: np.ndarray, depth: Optional[np.ndarray] = None) -> np.ndarray:
        """Logits, float32 (h, w, C), of an RGB image and its depth of the network's size."""
        return self._session.run(None, dict(zip(self._names, self._inputs.arrays(rgb, depth))))[0][0]

    def close(self) -> None:
        """Release the session."""
        self._session = None
