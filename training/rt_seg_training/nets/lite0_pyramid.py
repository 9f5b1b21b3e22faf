"""A feature pyramid on the pre-trained encoder EfficientNet-Lite0: plain convolutions, logits at a quarter of the size.

Reference of the decoder: Lin et al., "Feature Pyramid Networks", arXiv:1612.03144, with batch normalisation, and only
its finest level read.
"""

from __future__ import annotations

import keras

from rt_seg_training.nets.depth_fusion import DepthChannels, add_depth, share_of_readings
from rt_seg_training.nets.efficientnet_lite import encode
from rt_seg_training.nets.layers import BATCH_NORM_MOMENTUM, BilinearResizeLike

PYRAMID_CHANNELS = 96
AUXILIARY_STRIDE = 8
DEPTH_CHANNELS = {2: 16, 4: 32, 8: 48, 16: 64}
"""Channels of the depth branch by stride."""


def _convolve_normalize_relu(x, channels, kernel_size, strides, name):
    x = keras.layers.Conv2D(
        channels, kernel_size, strides, "same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)
    x = keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_bn")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _lateral(x, name):
    x = keras.layers.Conv2D(
        PYRAMID_CHANNELS, 1, use_bias=False, kernel_initializer="he_normal", name=f"{name}_lateral_conv"
    )(x)
    return keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_lateral_bn")(x)


class _DepthBranch:
    """Features of depth at 1/4, 1/8 and 1/16, which join the encoder's. At the start they add nothing to them.

    The projection onto the encoder's channels is 0 at first, so training begins from the network of RGB only.
    """

    def __init__(self, depth) -> None:
        self._channels = DepthChannels(name="depth_channels")(depth)
        self._features = _convolve_normalize_relu(self._channels, DEPTH_CHANNELS[2], 3, 2, "depth_stem")

    def join(self, stride: int, x):
        """`x`, the encoder's features at this stride, with those of depth; called from fine to coarse."""
        if stride not in DEPTH_CHANNELS:
            return x
        name = f"depth_{stride}"
        channels = DEPTH_CHANNELS[stride]
        y = _convolve_normalize_relu(self._features, channels, 3, 2, f"{name}_1")
        self._features = _convolve_normalize_relu(y, channels, 3, 1, f"{name}_2")
        projected = keras.layers.Conv2D(
            x.shape[-1], 1, use_bias=False, kernel_initializer="zeros", name=f"{name}_projection_conv"
        )(self._features)
        return add_depth(x, projected, share_of_readings(self._channels, stride, f"{name}_share"), name)


def _lite0_pyramid(name: str, height: int, width: int, class_count: int, auxiliary_head: bool, with_depth: bool):
    image = keras.Input((height, width, 3), name="image")
    if with_depth:
        depth = keras.Input((height, width, 1), name="depth")
        inputs, taps = [image, depth], encode(image, _DepthBranch(depth).join)
    else:
        inputs, taps = image, encode(image)
    x, levels = None, {}
    for stride in sorted(taps, reverse=True):
        level = f"pyramid{stride}"
        lateral = _lateral(taps[stride], level)
        if x is not None:
            enlarged = BilinearResizeLike(name=f"{level}_resize")([x, lateral])
            lateral = keras.layers.Add(name=f"{level}_add")([lateral, enlarged])
        x = levels[stride] = _convolve_normalize_relu(lateral, PYRAMID_CHANNELS, 3, 1, level)
    logits = keras.layers.Conv2D(class_count, 1, name="head_conv")(x)
    if not auxiliary_head:
        return keras.Model(inputs, logits, name=name)
    auxiliary = keras.layers.Conv2D(class_count, 1, name="auxiliary_head_conv")(levels[AUXILIARY_STRIDE])
    return keras.Model(inputs, [logits, auxiliary], name=name)


def lite0_pyramid(height: int, width: int, class_count: int, auxiliary_head: bool = False) -> keras.Model:
    """Build the pyramid on EfficientNet-Lite0 for a fixed input size, with random weights.

    The input is (batch, height, width, 3) float32 RGB, normalised as normalization.CENTRED. The output is (batch,
    ceil(height / 4), ceil(width / 4), class_count) float32 logits; with `auxiliary_head`, for training only, a list of
    them and logits at 1/8.
    """
    return _lite0_pyramid("lite0_pyramid", height, width, class_count, auxiliary_head, False)


def lite0_pyramid_rgbd(height: int, width: int, class_count: int, auxiliary_head: bool = False) -> keras.Model:
    """Build lite0_pyramid with a depth branch that joins the encoder at 1/4, 1/8 and 1/16 (see depth_fusion).

    The inputs are [image, depth]: the image of `lite0_pyramid`, and (batch, height, width, 1) float32 metres, 0 where
    there is no reading. Layers that both networks have bear the same names; without any reading both compute the same.
    """
    return _lite0_pyramid("lite0_pyramid_rgbd", height, width, class_count, auxiliary_head, True)
