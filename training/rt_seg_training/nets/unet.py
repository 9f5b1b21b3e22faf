"""A U-Net on MobileNetV3-Small: a small network of depthwise convolutions, for comparison with DDRNet.

References: Ronneberger, Fischer, Brox, "U-Net", arXiv:1505.04597; Howard et al., "Searching for MobileNetV3",
arXiv:1905.02244, whose encoder is the one of keras.applications.
"""

from __future__ import annotations

import keras

from rt_seg_training.nets.layers import BATCH_NORM_MOMENTUM, BilinearResizeLike

DECODER_CHANNELS = {16: 96, 8: 64, 4: 48}
"""Channels of the decoder at each output stride, coarse to fine."""
AUXILIARY_STRIDE = 8


def _last_at(encoder: keras.Model, height: int, width: int):
    """The last feature map of a size: the widest one before the next stage shrinks it."""
    return [layer.output for layer in encoder.layers if layer.output.shape[1:3] == (height, width)][-1]


def _refine(x, channels, name):
    x = keras.layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_bn")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def unet_mobilenet_v3(height: int, width: int, class_count: int, auxiliary_head: bool = False) -> keras.Model:
    """Build the U-Net for a fixed input size, with random weights.

    The input is that of ddrnet_23_slim. The output is (batch, ceil(height / 4), ceil(width / 4), class_count) float32
    logits; with `auxiliary_head` a list of them and the logits (batch, ceil(height / 8), ceil(width / 8), class_count).
    """
    image = keras.Input((height, width, 3), name="image")
    encoder = keras.applications.MobileNetV3Small(
        input_tensor=image, include_top=False, weights=None, include_preprocessing=False
    )
    for layer in encoder.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = BATCH_NORM_MOMENTUM  # the 0.999 there needs thousands of steps to forget its start
    x = encoder.output
    auxiliary = None
    for stride, channels in DECODER_CHANNELS.items():
        skip = _last_at(encoder, -(-height // stride), -(-width // stride))
        enlarged = BilinearResizeLike(name=f"decoder{stride}_resize")([x, skip])
        x = keras.layers.Concatenate(name=f"decoder{stride}_concatenate")([enlarged, skip])
        x = _refine(x, channels, f"decoder{stride}")
        if stride == AUXILIARY_STRIDE:
            auxiliary = x
    logits = keras.layers.Conv2D(class_count, 1, name="head_conv")(x)
    if not auxiliary_head:
        return keras.Model(image, logits, name="unet_mobilenet_v3")
    auxiliary = keras.layers.Conv2D(class_count, 1, name="auxiliary_head_conv")(auxiliary)
    return keras.Model(image, [logits, auxiliary], name="unet_mobilenet_v3")
