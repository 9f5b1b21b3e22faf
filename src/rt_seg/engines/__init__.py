"""Inference engines: one file per runtime, each running the network; what follows it is `class_id_head`.

An engine is a class with `__init__(bundle, files, threads, precision)` and the methods of `Engine`; a new runtime is a
new file and a line in `create_engine`.
"""
from __future__ import annotations

from typing import Protocol

import numpy as np

from rt_seg.bundle import Bundle, BundleError, verify_files

PRECISIONS = ("auto", "f32", "bf16")


class Engine(Protocol):
    """A loaded network."""

    description: str
    """Runtime and arithmetic in words, for logs and diagnostics."""

    def logits(self, rgb: np.ndarray) -> np.ndarray:
        """Logits, float32 (h, w, C), of an RGB image uint8 (H, W, 3) of the bundle's input size; the array may be
        overwritten by the next call."""

    def close(self) -> None:
        """Release what the runtime holds. The engine cannot be used afterwards."""


def create_engine(bundle: Bundle, runtime: str = "auto", threads: int = 0, precision: str = "auto") -> Engine:
    """Load `bundle` with the named runtime after comparing its files with their recorded hashes.

    Args:
        runtime: `openvino`, or `auto` for the first that the bundle and this machine have.
        threads: CPU threads of the runtime; 0 lets it take all cores.
        precision: arithmetic of layers that are not quantised: `f32`, `bf16`, or `auto` for the faster one here.

    Raises BundleError if the bundle has no such engine, a file is missing or altered, or the runtime is not installed.
    """
    if runtime not in ("auto", "openvino"):
        raise BundleError(f"runtime {runtime!r} is not known; accepted: auto, openvino")
    if precision not in PRECISIONS:
        raise BundleError(f"precision {precision!r} is not known; accepted: {', '.join(PRECISIONS)}")
    files = bundle.engine("openvino")
    if files is None:
        present = ", ".join(engine.runtime for engine in bundle.engines)
        raise BundleError(f"{bundle.folder}: holds no OpenVINO model (only {present}). Export it with 'export'.")
    verify_files(files, bundle.folder)
    try:
        from rt_seg.engines.openvino import OpenVINOEngine
    except ImportError as error:
        raise BundleError(f"OpenVINO cannot be imported ({error}). Install it: pip install openvino") from error
    return OpenVINOEngine(bundle, files, threads, precision)
