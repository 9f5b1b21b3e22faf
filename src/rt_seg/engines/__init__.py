"""Inference engines: one file per runtime, each running the network; what follows it is `class_id_head`.

An engine is a class with `__init__(bundle, files, threads, precision)` and the methods of `Engine`; a new runtime is a
new file and a line in `ENGINES`.
"""

from __future__ import annotations

from importlib import import_module
from typing import List, Optional, Protocol

import numpy as np

from rt_seg.bundle import Bundle, BundleError, verify_files

ENGINES = {
    "openvino": ("OpenVINOEngine", "openvino"),
    "onnxruntime": ("OnnxRuntimeEngine", "onnxruntime"),
    "litert": ("LiteRTEngine", "ai-edge-litert"),
    "saved_model": ("SavedModelEngine", "tensorflow-cpu"),
    "keras": ("KerasEngine", "tensorflow-cpu"),
}
"""Runtime and module here → class and the package on PyPI; the faster on a plain CPU comes first. A module is imported
when its runtime is chosen, and no earlier."""

PRECISIONS = ("auto", "f32", "bf16")


class Engine(Protocol):
    """A loaded network."""

    runtime: str
    """Its name in `ENGINES`."""

    @property
    def description(self) -> str:
        """Runtime and numeric precision in words, for logs and diagnostics."""

    def logits(self, rgb: np.ndarray, depth: Optional[np.ndarray] = None) -> np.ndarray:
        """Logits, float32 (h, w, C), of an RGB image uint8 (H, W, 3) of the bundle's input size; the array may be
        overwritten by the next call.

        `depth`: for bundles of rgbd, float32 (H, W) metres, 0 where there is no reading; None is no reading anywhere.
        """

    def close(self) -> None:
        """Release what the runtime holds. The engine cannot be used afterwards."""


def _fastest_first(bundle: Bundle) -> List[str]:
    """All runtimes as in `ENGINES`, but ONNX Runtime before them where the bundle has its form and it has a GPU."""
    names = list(ENGINES)
    if bundle.engine("onnxruntime") is not None:
        try:
            on_gpu = import_module(f"{__name__}.onnxruntime").providers()[0] != "CPUExecutionProvider"
        except (ImportError, BundleError):
            on_gpu = False
        names.sort(key=lambda name: not (on_gpu and name == "onnxruntime"))
    return names


def _has(runtime: str) -> bool:
    """Whether a runtime is installed."""
    try:
        import_module(f"{__name__}.{runtime}")
    except ImportError:
        return False
    return True


def create_engine(bundle: Bundle, runtime: str = "auto", threads: int = 0, precision: str = "auto") -> Engine:
    """Load `bundle` with the named runtime after comparing its files with their recorded hashes.

    Args:
        runtime: one of `ENGINES`, or `auto` for the fastest of them that the bundle holds and this machine has.
        threads: CPU threads of the runtime; 0 lets it take all cores.
        precision: numeric precision of layers that are not quantised: `f32`, `bf16`, or `auto` for the faster one here.

    Raises BundleError if the bundle has no such engine, a file is missing or altered, or the runtime is not installed.
    """
    if runtime != "auto" and runtime not in ENGINES:
        raise BundleError(f"runtime {runtime!r} is not known; accepted: auto, {', '.join(ENGINES)}")
    if precision not in PRECISIONS:
        raise BundleError(f"precision {precision!r} is not known; accepted: {', '.join(PRECISIONS)}")
    missing = []
    for name in _fastest_first(bundle) if runtime == "auto" else (runtime,):
        files = bundle.engine(name)
        if files is None:
            continue
        class_name, package = ENGINES[name]
        try:
            engine_class = getattr(import_module(f"{__name__}.{name}"), class_name)
        except ImportError as error:
            missing.append(f"{name} cannot be imported ({error}). Install it: pip install {package}")
            continue
        verify_files(files, bundle.folder)
        engine: Engine = engine_class(bundle, files, threads, precision)
        refused = getattr(engine, "refused", [])
        if runtime == "auto" and refused and bundle.engine("openvino") is not None and _has("openvino"):
            # It was taken for its GPU, and without that OpenVINO is the faster one.
            engine.close()
            engine = create_engine(bundle, "openvino", threads, precision)
            setattr(engine, "warning", "; ".join(refused))  # noqa: B010  no engine but this one has it
        return engine
    if missing:
        raise BundleError("; ".join(missing))
    present = ", ".join(engine.runtime for engine in bundle.engines)
    raise BundleError(
        f"{bundle.folder}: contains no model for runtime {runtime} (only {present}). Name one of these, or export "
        "the model again with --also."
    )
