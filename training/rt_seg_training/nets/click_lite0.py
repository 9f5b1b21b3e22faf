"""The click network: from an image, clicks and the mask so far to the mask of one region.

After Sofiiuk et al., "Reviving Iterative Training with Mask Guidance for Interactive Segmentation", arXiv:2102.06583:
clicks are discs in two channels, the mask so far is a third. They enter a branch of their own, which joins the
pre-trained encoder at each scale, and the decoder is a feature pyramid.
"""

from __future__ import annotations

import keras

from rt_seg_training.nets.efficientnet_lite import encode
from rt_seg_training.nets.layers import BATCH_NORM_MOMENTUM, BilinearResizeLike

NAME = "lite0_click"
PYRAMID_CHANNELS = 64
GUIDE_CHANNELS = {2: 16, 4: 24, 8: 32, 16: 48, 32: 64}
"""Channels of the branch of the clicks by stride."""
GUIDES = 3
"""Channels of its input: clicks that add, clicks that take away, the mask so far; each 0..1."""


def _convolve_normalize_relu(x, channels: int, kernel_size: int, strides: int, name: str):
    x = keras.layers.Conv2D(
        channels, kernel_size, strides, "same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)
    x = keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_bn")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


class _GuideBranch:
    """Features of the clicks by stride, which are added to the encoder's; `features` are those given last."""

    def __init__(self, guide) -> None:
        self.features = _convolve_normalize_relu(guide, GUIDE_CHANNELS[2], 3, 2, "guide_stem")
        self.by_stride = {2: self.features}

    def join(self, stride: int, x):
        """`x`, the encoder's features at this stride, with those of the clicks; called from fine to coarse."""
        self.features = _convolve_normalize_relu(self.features, GUIDE_CHANNELS[stride], 3, 2, f"guide_{stride}")
        self.by_stride[stride] = self.features
        # From nothing, so that training begins with the features of ImageNet as they are.
        projected = keras.layers.Conv2D(
            x.shape[-1], 1, use_bias=False, kernel_initializer="zeros", name=f"guide_{stride}_projection_conv"
        )(self.features)
        return keras.layers.Add(name=f"guide_{stride}_add")([x, projected])


def click_network(height: int, width: int) -> keras.Model:
    """Build the click network for a fixed input size, with random weights.

    Inputs: [image, guide], (batch, height, width, 3) float32 RGB, normalised as normalization.CENTRED, and (batch,
    height, width, GUIDES) float32. Output: (batch, height / 2, width / 2, 1) float32 logits, above 0 in the region.
    Height and width are multiples of 32.
    """
    if height % 32 or width % 32:
        raise ValueError(f"click network for {height}x{width}: accepted are multiples of 32")
    image = keras.Input((height, width, 3), name="image")
    guide = keras.Input((height, width, GUIDES), name="guide")
    branch = _GuideBranch(guide)
    taps = encode(image, branch.join)
    x = None
    for stride in sorted(taps, reverse=True):
        name = f"pyramid{stride}"
        lateral = keras.layers.Concatenate(name=f"{name}_join")([taps[stride], branch.by_stride[stride]])
        lateral = keras.layers.Conv2D(
            PYRAMID_CHANNELS, 1, use_bias=False, kernel_initializer="he_normal", name=f"{name}_lateral_conv"
        )(lateral)
        lateral = keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_lateral_bn")(lateral)
        if x is not None:
            enlarged = BilinearResizeLike(name=f"{name}_resize")([x, lateral])
            lateral = keras.layers.Add(name=f"{name}_add")([lateral, enlarged])
        x = _convolve_normalize_relu(lateral, PYRAMID_CHANNELS, 3, 1, name)
    # The finest edges come from the image itself, at half its size.
    fine = keras.layers.Concatenate(name="fine_join")([image, guide])
    fine = _convolve_normalize_relu(fine, 24, 3, 2, "fine_stem")
    x = keras.layers.Conv2D(24, 1, use_bias=False, kernel_initializer="he_normal", name="fine_lateral_conv")(x)
    x = BilinearResizeLike(name="fine_resize")([x, fine])
    x = keras.layers.Concatenate(name="fine_concatenate")([x, fine])
    x = _convolve_normalize_relu(x, 24, 3, 1, "fine")
    return keras.Model([image, guide], keras.layers.Conv2D(1, 1, name="head_conv")(x), name=NAME)
