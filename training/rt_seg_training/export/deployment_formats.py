"""A trained net as a file of ONNX, LiteRT or Keras: uint8 RGB (1, H, W, 3) in, normalised inside, logits out.

A net with depth takes that, float32 metres (1, H, W, 1), as its second input.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from rt_seg_training.nets.normalization import normalization_of

SCALE_NUDGE = 1 + 1e-6
"""Factor on broken scales of an ONNX Resize: 3 × 3.3333 in float32 is floored to 9, where the net has 10. It moves no
sample by more than a thousandth of a pixel."""


def _deployment_model(model: keras.Model) -> keras.Model:
    height, width = model.inputs[0].shape[1:3]
    image = keras.Input((height, width, 3), batch_size=1, dtype="uint8", name="image")
    inputs, examples = [image], [np.zeros((1, height, width, 3), np.uint8)]
    normalization = normalization_of(model.name)
    mean = 255 * np.asarray(normalization.mean, np.float32)
    std = 255 * np.asarray(normalization.std, np.float32)
    normalized = keras.ops.divide(keras.ops.subtract(keras.ops.cast(image, "float32"), mean), std)
    if len(model.inputs) == 1:
        deployment = keras.Model(image, model(normalized, training=False))
    else:
        inputs.append(keras.Input((height, width, 1), batch_size=1, name="depth"))
        examples.append(np.zeros((1, height, width, 1), np.float32))
        deployment = keras.Model(inputs, model([normalized, inputs[1]], training=False))
    # Keras exports only what was called once.
    deployment(examples if len(examples) > 1 else examples[0])
    return deployment


def write_litert(model: keras.Model, folder: Path) -> str:
    """Write the LiteRT file into `folder`; returns its name."""
    _deployment_model(model).export(str(folder / "model.tflite"), format="litert", verbose=False)
    return "model.tflite"


def write_keras(model: keras.Model, folder: Path) -> str:
    """Write the Keras file, which any Keras reads, into `folder`; returns its name."""

    def operations_of(layer, *arguments, **options):
        # Layers of ours leave what they compute: whoever loads the file does not have their classes.
        if isinstance(layer, keras.layers.Lambda):
            return layer.function(*arguments)
        ours = type(layer).__module__.startswith("rt_seg_training")
        return layer.call(*arguments, **options) if ours else layer(*arguments, **options)

    plain = keras.models.clone_model(model, call_function=operations_of)
    for layer in model.layers:
        if layer.weights:
            plain.get_layer(layer.name).set_weights(layer.get_weights())
    _deployment_model(plain).save(str(folder / "model.keras"))
    return "model.keras"


def write_onnx(model: keras.Model, folder: Path) -> str:
    """Write the ONNX file into `folder`; returns its name."""
    import onnx
    from onnx import numpy_helper

    path = folder / "model.onnx"
    deployment = _deployment_model(model)
    deployment.export(str(path), format="onnx", verbose=False)
    graph = onnx.load(str(path))
    # Keras leaves the batch open, whatever the model says.
    shapes = {source.name: source.shape for source in deployment.inputs}
    for value, shape in (
        *((value, shapes[value.name]) for value in graph.graph.input),
        (graph.graph.output[0], deployment.output_shape),
    ):
        for dimension, size in zip(value.type.tensor_type.shape.dim, shape, strict=True):
            dimension.dim_value = size
    names = {node.input[2] for node in graph.graph.node if node.op_type == "Resize"}
    for tensor in graph.graph.initializer:
        if tensor.name in names:
            scales = numpy_helper.to_array(tensor)
            nudged = np.where(scales == np.round(scales), scales, scales * np.float32(SCALE_NUDGE))
            tensor.CopyFrom(numpy_helper.from_array(nudged.astype(np.float32), tensor.name))
    del graph.graph.value_info[:]
    onnx.save(graph, str(path))
    return path.name
