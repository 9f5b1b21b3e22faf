"""A trained Keras network as an engine: rt_seg.segmenter.Segmenter runs it as it runs every exported form."""

from __future__ import annotations

from typing import Callable

import keras
import numpy as np
import tensorflow as tf

from rt_seg.bundle import InputSpec
from rt_seg.engines.network_inputs import NetworkInputs
from rt_seg_training.input_pipeline.batches import normalize
from rt_seg_training.nets.depth_fusion import DEPTH_RANGE
from rt_seg_training.nets.normalization import Normalization, normalization_of


def input_spec(model: keras.Model) -> InputSpec:
    """What a network takes, once it is exported."""
    height, width = model.inputs[0].shape[1:3]
    if len(model.inputs) == 1:
        return InputSpec(height, width, "rgb", *normalization_of(model.name))
    return InputSpec(height, width, "rgbd", *normalization_of(model.name), DEPTH_RANGE)


class NetworkEngine:
    """A network of normalised inputs, in float32, as TensorFlow computes it; see rt_seg.engines.Engine."""

    runtime = "keras"

    def __init__(self, network: Callable, spec: InputSpec, name: str = "") -> None:
        """`network`: a Keras model for inference, or what a SavedModel serves, which takes what `spec` says."""
        self.spec = spec
        self.description = f"Keras {name} f32 on TensorFlow {tf.__version__}"
        self._inputs = NetworkInputs(spec)
        self._normalization = Normalization(spec.mean, spec.std)
        self._logits = tf.function(lambda *inputs: network(list(inputs) if len(inputs) > 1 else inputs[0]))

    @classmethod
    def of_model(cls, model: keras.Model, name: str = "") -> NetworkEngine:
        """The engine of a Keras model with one output."""
        return cls(lambda inputs: model(inputs, training=False), input_spec(model), name or model.name)

    def logits(self, rgb: np.ndarray, depth: np.ndarray | None = None) -> np.ndarray:
        """Logits, float32 (h, w, C), of an RGB image and its depth of the network's size."""
        image, *more = self._inputs.arrays(rgb, depth)
        return self._logits(normalize(image, self._normalization), *more)[0].numpy()

    def close(self) -> None:
        """Release the network."""
        self._logits = None
