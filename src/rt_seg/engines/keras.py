"""The Keras engine: the model as it was trained, for comparison. Importing this module imports TensorFlow."""

from __future__ import annotations

from typing import Optional

import numpy as np

from rt_seg.bundle import Bundle, BundleError, EngineFiles
from rt_seg.engines.network_inputs import NetworkInputs

# Before Keras, which imports TensorFlow: this module sets it up.
from rt_seg.engines.saved_model import device, use_threads  # isort: split

import keras


class KerasEngine:
    """A bundle's Keras file, which takes uint8 images, in f32."""

    runtime = "keras"

    def __init__(self, bundle: Bundle, files: EngineFiles, threads: int = 0, precision: str = "auto"):
        if precision == "bf16":
            raise BundleError("precision bf16: Keras computes this network in f32; set precision auto or f32")
        use_threads(threads)
        try:
            self._model = keras.saving.load_model(str(files.path), compile=False)
        except (OSError, TypeError, ValueError) as error:
            raise BundleError(f"{files.path}: Keras cannot load this model: {error}") from error
        self._inputs = NetworkInputs(bundle.input)
        self._inputs.places([source.shape for source in self._model.inputs], files.path)
        self.description = f"Keras {keras.__version__} {files.precision} on {device()}"

    def logits(self, rgb: np.ndarray, depth: Optional[np.ndarray] = None) -> np.ndarray:
        """Logits, float32 (h, w, C), of an RGB image and its depth of the network's size."""
        arrays = self._inputs.arrays(rgb, depth)
        return self._model.predict_on_batch(arrays if len(arrays) > 1 else arrays[0])[0]

    def close(self) -> None:
        """Release the network."""
        self._model = None
