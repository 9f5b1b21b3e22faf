"""The TensorFlow engine: a SavedModel as one compiled function. Importing this module imports TensorFlow."""

from __future__ import annotations

import os
from typing import Any, Optional

import numpy as np

# TensorFlow leaves oneDNN off on CPUs without AVX-512, and reads this once, while it is imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf  # noqa: E402

from rt_seg.bundle import Bundle, BundleError, EngineFiles  # noqa: E402
from rt_seg.engines.network_inputs import NetworkInputs  # noqa: E402


def use_threads(threads: int) -> None:
    """Let TensorFlow compute with this many threads; 0 takes all cores. Raises BundleError where it already runs."""
    if tf.config.threading.get_intra_op_parallelism_threads() == threads:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError as error:
        raise BundleError(f"threads {threads}: TensorFlow accepts this only once, before it runs: {error}") from error


def device() -> str:
    """Where TensorFlow computes."""
    return "GPU" if tf.config.list_physical_devices("GPU") else "CPU"


class SavedModelEngine:
    """A bundle's SavedModel, which takes normalised images, in f32."""

    runtime = "saved_model"

    def __init__(self, bundle: Bundle, files: EngineFiles, threads: int = 0, precision: str = "auto"):
        if precision == "bf16":
            raise BundleError("precision bf16: TensorFlow computes this network in f32; set precision auto or f32")
        use_threads(threads)
        scales = bundle.input.mean, bundle.input.std
        mean, std = (tf.constant(255.0 * np.asarray(values, np.float32)) for values in scales)
        self._inputs = NetworkInputs(bundle.input)
        kinds = (tf.uint8, tf.float32)
        expected = [tf.TensorSpec(shape, kind) for shape, kind in zip(self._inputs.shapes, kinds)]
        try:
            # Kept beside the function: its weights live as long as it does.
            self._model = tf.saved_model.load(str(files.path))
            serve = self._model.serve

            def logits(rgb: Any, *depth: Any) -> Any:
                normalized = (tf.cast(rgb, tf.float32) - mean) / std
                return serve([normalized, *depth] if depth else normalized)

            self._logits = tf.function(logits).get_concrete_function(*expected)
        except (OSError, AttributeError, TypeError, ValueError) as error:
            raise BundleError(
                f"{files.path}: TensorFlow cannot use this model for images of {self._inputs.shapes[0]}: {error}"
            ) from error
        self.description = f"TensorFlow {tf.__version__} {files.precision} on {device()}"

    def logits(self, rgb: np.ndarray, depth: Optional[np.ndarray] = None) -> np.ndarray:
        """Logits, float32 (h, w, C), of an RGB image and its depth of the network's size."""
        return self._logits(*map(tf.constant, self._inputs.arrays(rgb, depth))).numpy()[0]

    def close(self) -> None:
        """Release the network."""
        self._logits = self._model = None
