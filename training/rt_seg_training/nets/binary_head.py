"""The head of one sigmoid channel, for sets of two classes."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable(package="rt_seg")
class BinaryLogits(keras.layers.Layer):
    """The logit z of class 1, (…, 1), as the two logits 0 and z, (…, 2).

    Their softmax is 1 - sigmoid(z) and sigmoid(z), so losses, scores, bundles and the live node treat such a network
    as any other.
    """

    def call(self, inputs):
        return keras.ops.concatenate([keras.ops.zeros_like(inputs), inputs], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 2)


def with_binary_head(network: keras.Model) -> keras.Model:
    """A network of one output channel (on each of its outputs) as one of two classes."""
    names = ("binary", "auxiliary_binary")
    outputs = [BinaryLogits(name=name)(output) for name, output in zip(names, network.outputs)]
    inputs = network.inputs if len(network.inputs) > 1 else network.inputs[0]
    return keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0], name=network.name)
