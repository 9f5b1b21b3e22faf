"""DDRNet, the deep dual-resolution networks for real-time semantic segmentation, in Keras 3: 23-slim, 23 and 39.

Reference: Hong, Pan, Sun, Jia, "Deep Dual-resolution Networks for Real-time and Accurate Semantic Segmentation of
Road Scenes", arXiv:2101.06085. The layer order, padding, normalisation and resizing follow the authors' released
networks, so that their weights and their published counts carry over.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras

from rt_seg_training.nets.depth_fusion import DepthChannels, add_depth, share_of_readings
from rt_seg_training.nets.layers import BATCH_NORM_MOMENTUM, BilinearResizeLike, ZeroPaddedAveragePooling

PYRAMID_CHANNELS = 128

BATCH_NORM_EPSILON = 1e-5


@dataclass(frozen=True)
class _Size:
    """What tells the networks apart. `blocks`: of the stages 1 to 4; stage 3 has its blocks in each of its rounds.

    `high_channels`: of the high-resolution branch where they are not those of stage 2, twice the stem's.
    """

    stem_channels: int
    head_channels: int
    blocks: tuple[int, int, int, int] = (2, 2, 2, 2)
    stage3_rounds: int = 1
    high_channels: int = 0


def _normalize(x, name):
    return keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, epsilon=BATCH_NORM_EPSILON, name=name)(x)


def _relu(x, name):
    return keras.layers.ReLU(name=name)(x)


def _convolve(x, channels, kernel_size, strides, name, use_bias=False):
    """Convolution padded by `kernel_size // 2` on every side; "same" would pad stride 2 at right and bottom only."""
    if kernel_size > 1 and strides > 1:
        x = keras.layers.ZeroPadding2D(kernel_size // 2, name=f"{name}_pad")(x)
        padding = "valid"
    else:
        padding = "same"
    return keras.layers.Conv2D(
        channels,
        kernel_size,
        strides,
        padding,
        use_bias=use_bias,
        kernel_initializer=keras.initializers.VarianceScaling(2.0, mode="fan_out", distribution="untruncated_normal"),
        name=f"{name}_conv",
    )(x)


def _convolve_normalize(x, channels, kernel_size, strides, name, use_bias=False):
    return _normalize(_convolve(x, channels, kernel_size, strides, name, use_bias), f"{name}_bn")


def _normalize_relu_convolve(x, channels, kernel_size, strides, name, use_bias=False):
    """The pre-activation order of the pyramid pooling and the heads."""
    x = _relu(_normalize(x, f"{name}_bn"), f"{name}_relu")
    return _convolve(x, channels, kernel_size, strides, name, use_bias)


def _shortcut(x, channels, strides, name):
    """Identity, or 1×1 convolution and batch norm (no ReLU) where the shape changes."""
    if strides == 1 and x.shape[-1] == channels:
        return x
    return _convolve_normalize(x, channels, 1, strides, f"{name}_shortcut")


def _basic_block(x, channels, strides, name, final_relu):
    y = _relu(_convolve_normalize(x, channels, 3, strides, f"{name}_1"), f"{name}_1_relu")
    y = _convolve_normalize(y, channels, 3, 1, f"{name}_2")
    y = keras.layers.Add(name=f"{name}_add")([y, _shortcut(x, channels, strides, name)])
    return _relu(y, f"{name}_relu") if final_relu else y


def _basic_stage(x, channels, strides, name, blocks):
    """Basic blocks; the last one ends without ReLU, which its users apply."""
    for index in range(1, blocks + 1):
        x = _basic_block(x, channels, strides if index == 1 else 1, f"{name}_block{index}", final_relu=index < blocks)
    return x


def _bottleneck_block(x, channels, strides, name):
    """1×1, 3×3, 1×1 with an expansion of 2 and no final ReLU."""
    y = _relu(_convolve_normalize(x, channels, 1, 1, f"{name}_1"), f"{name}_1_relu")
    y = _relu(_convolve_normalize(y, channels, 3, strides, f"{name}_2"), f"{name}_2_relu")
    y = _convolve_normalize(y, 2 * channels, 1, 1, f"{name}_3")
    return keras.layers.Add(name=f"{name}_add")([y, _shortcut(x, 2 * channels, strides, name)])


def _resize_and_add(small, large, name):
    resized = BilinearResizeLike(name=f"{name}_resize")([small, large])
    return keras.layers.Add(name=f"{name}_add")([large, resized])


def _pyramid_pooling(x, branch_channels, channels, name):
    """Deep aggregation pyramid pooling (DAPPM): five scales, each refined with the one before it."""
    scales = [_normalize_relu_convolve(x, branch_channels, 1, 1, f"{name}_scale0")]
    for index, (pool_size, strides) in enumerate(((5, 2), (9, 4), (17, 8), (None, None)), start=1):
        scale = f"{name}_scale{index}"
        if pool_size is None or strides is None:
            pooled = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{scale}_pool")(x)
        else:
            pooled = ZeroPaddedAveragePooling(pool_size, strides, name=f"{scale}_pool")(x)
        pooled = _normalize_relu_convolve(pooled, branch_channels, 1, 1, scale)
        merged = _resize_and_add(pooled, scales[-1], scale)
        scales.append(_normalize_relu_convolve(merged, branch_channels, 3, 1, f"{name}_process{index}"))
    joined = keras.layers.Concatenate(name=f"{name}_concatenate")(scales)
    compressed = _normalize_relu_convolve(joined, channels, 1, 1, f"{name}_compression")
    shortcut = _normalize_relu_convolve(x, channels, 1, 1, f"{name}_shortcut")
    return keras.layers.Add(name=f"{name}_add")([compressed, shortcut])


def _head(x, channels, class_count, name):
    x = _normalize_relu_convolve(x, channels, 3, 1, f"{name}_1")
    return _normalize_relu_convolve(x, class_count, 1, 1, f"{name}_2", use_bias=True)


def _depth_branch(channels, stem_channels: int):
    """Features of depth at 1/4 and 1/8 with the channels of the colour branch there, from DepthChannels.

    Half as deep as the colour branch and with a thinner stem, which keeps it below 15 % of the multiply-adds.
    """
    d = _relu(_convolve_normalize(channels, stem_channels // 2, 3, 2, "depth_stem1"), "depth_stem1_relu")
    d = _relu(_convolve_normalize(d, stem_channels, 3, 2, "depth_stem2"), "depth_stem2_relu")
    quarter = _basic_block(d, stem_channels, 1, "depth_layer1", final_relu=True)
    return quarter, _basic_block(quarter, 2 * stem_channels, 2, "depth_layer2", final_relu=True)


def _ddrnet(
    size: _Size, name: str, height: int, width: int, class_count: int, auxiliary_head: bool, depth_at: str = ""
) -> keras.Model:
    """`depth_at`: "" without depth, "branch" of its own, "stem" with colour, "image" in the place of colour."""
    stem_channels, channels_at_8 = size.stem_channels, 2 * size.stem_channels
    high_channels = size.high_channels or channels_at_8
    image = keras.Input((height, width, 3), name="image")
    inputs, channels = image, None
    if depth_at:
        depth = keras.Input((height, width, 1), name="depth")
        inputs = [image, depth]
        channels = DepthChannels(name="depth_channels")(depth)
    if depth_at == "image":
        x = _convolve(channels, stem_channels, 3, 2, "depth_stem1")
    else:
        x = _convolve(image, stem_channels, 3, 2, "stem1", use_bias=True)
    if depth_at == "stem":
        # Two sums of products added are those of one convolution over all channels, and colour keeps its own weights.
        x = keras.layers.Add(name="stem1_add")([x, _convolve(channels, stem_channels, 3, 2, "depth_stem1")])
    x = _relu(_normalize(x, "stem1_bn"), "stem1_relu")
    x = _relu(_convolve_normalize(x, stem_channels, 3, 2, "stem2", use_bias=True), "stem2_relu")
    x = _relu(_basic_stage(x, stem_channels, 1, "layer1", size.blocks[0]), "layer1_relu")
    if depth_at == "branch":
        depth_quarter, depth_eighth = _depth_branch(channels, stem_channels)
        x = add_depth(x, depth_quarter, share_of_readings(channels, 4, "depth_share_quarter"), "depth_quarter")
    x = _relu(_basic_stage(x, channels_at_8, 2, "layer2", size.blocks[1]), "layer2_relu")
    if depth_at == "branch":
        x = add_depth(x, depth_eighth, share_of_readings(channels, 8, "depth_share_eighth"), "depth_eighth")

    low_input = high_input = x
    for suffix in ("", "b")[: size.stage3_rounds]:
        layer, fusion = f"layer3{suffix}", f"fusion1{suffix}"
        strides = 1 if suffix else 2
        low = _basic_stage(low_input, 2 * channels_at_8, strides, f"{layer}_low", size.blocks[2])
        high = _basic_stage(high_input, high_channels, 1, f"{layer}_high", size.blocks[2])
        low_relu = _relu(low, f"{layer}_low_relu")
        high_relu = _relu(high, f"{layer}_high_relu")
        down = _convolve_normalize(high_relu, 2 * channels_at_8, 3, 2, f"{fusion}_down")
        low = keras.layers.Add(name=f"{fusion}_low_add")([low, down])
        high = _resize_and_add(
            _convolve_normalize(low_relu, high_channels, 1, 1, f"{fusion}_compression"), high, f"{fusion}_high"
        )
        low_input, high_input = _relu(low, f"{fusion}_low_relu"), _relu(high, f"{fusion}_high_relu")
    auxiliary = high

    low = _basic_stage(low_input, 4 * channels_at_8, 2, "layer4_low", size.blocks[3])
    high = _basic_stage(high_input, high_channels, 1, "layer4_high", size.blocks[3])
    low_relu = _relu(low, "layer4_low_relu")
    down = _relu(high, "layer4_high_relu")
    down = _convolve_normalize(down, 2 * channels_at_8, 3, 2, "fusion2_down1")
    down = _convolve_normalize(_relu(down, "fusion2_down1_relu"), 4 * channels_at_8, 3, 2, "fusion2_down2")
    low = keras.layers.Add(name="fusion2_low_add")([low, down])
    high = _resize_and_add(
        _convolve_normalize(low_relu, high_channels, 1, 1, "fusion2_compression"), high, "fusion2_high"
    )

    high = _bottleneck_block(_relu(high, "fusion2_high_relu"), high_channels, 1, "layer5_high")
    low = _bottleneck_block(_relu(low, "fusion2_low_relu"), 4 * channels_at_8, 2, "layer5_low")
    context = _pyramid_pooling(low, PYRAMID_CHANNELS, 2 * high_channels, "dappm")
    logits = _head(_resize_and_add(context, high, "context"), size.head_channels, class_count, "head")
    if not auxiliary_head:
        return keras.Model(inputs, logits, name=name)
    auxiliary = _head(auxiliary, size.head_channels, class_count, "auxiliary_head")
    return keras.Model(inputs, [logits, auxiliary], name=name)


def ddrnet_23_slim(height: int, width: int, class_count: int, auxiliary_head: bool = False) -> keras.Model:
    """Build DDRNet-23-slim for a fixed input size.

    The input is (batch, height, width, 3) float32 RGB, normalised by the mean and standard deviation that the model
    bundle records. The output is (batch, ceil(height / 8), ceil(width / 8), class_count) float32 logits; with
    `auxiliary_head`, which serves training only, a list [logits, auxiliary logits] of that shape. The size is fixed
    because bilinear resizing to an unknown size cannot be exported.
    """
    return _ddrnet(_Size(32, 64), "ddrnet_23_slim", height, width, class_count, auxiliary_head)


def ddrnet_23_slim_lean(height: int, width: int, class_count: int, auxiliary_head: bool = False) -> keras.Model:
    """Build DDRNet-23-slim with half the channels in the high-resolution branch and one block in stages 1, 2 and 4.

    Not published: half of the multiply-adds, for a slow processor, and channels of the low-resolution branch as they
    are. To be distilled from a larger network; see ddrnet_23_slim for the rest.
    """
    size = _Size(32, 48, blocks=(1, 1, 2, 1), high_channels=32)
    return _ddrnet(size, "ddrnet_23_slim_lean", height, width, class_count, auxiliary_head)


def ddrnet_23(height: int, width: int, class_count: int, auxiliary_head: bool = False) -> keras.Model:
    """Build DDRNet-23, of twice the channels; see ddrnet_23_slim."""
    return _ddrnet(_Size(64, 128), "ddrnet_23", height, width, class_count, auxiliary_head)


def ddrnet_39(height: int, width: int, class_count: int, auxiliary_head: bool = False) -> keras.Model:
    """Build DDRNet-39, deeper than DDRNet-23 and fused once more; see ddrnet_23_slim."""
    size = _Size(64, 256, blocks=(3, 4, 3, 3), stage3_rounds=2)
    return _ddrnet(size, "ddrnet_39", height, width, class_count, auxiliary_head)


def ddrnet_23_slim_rgbd(height: int, width: int, class_count: int, auxiliary_head: bool = False) -> keras.Model:
    """Build DDRNet-23-slim with a depth branch that joins the colour branch at 1/4 and 1/8 (see depth_fusion).

    The inputs are [image, depth]: the image of `ddrnet_23_slim`, and (batch, height, width, 1) float32 metres, 0 where
    there is no reading. Layers that both networks have bear the same names; without any reading both compute the same.
    """
    return _ddrnet(_Size(32, 64), "ddrnet_23_slim_rgbd", height, width, class_count, auxiliary_head, "branch")


def ddrnet_23_slim_rgbd_stem(height: int, width: int, class_count: int, auxiliary_head: bool = False) -> keras.Model:
    """Build DDRNet-23-slim whose first convolution reads colour and depth together: a baseline, see README of indoor.

    The inputs are those of `ddrnet_23_slim_rgbd`.
    """
    return _ddrnet(_Size(32, 64), "ddrnet_23_slim_rgbd_stem", height, width, class_count, auxiliary_head, "stem")


def ddrnet_23_slim_depth(height: int, width: int, class_count: int, auxiliary_head: bool = False) -> keras.Model:
    """Build DDRNet-23-slim that reads depth in the place of colour: what depth knows alone, for comparison.

    The inputs are those of `ddrnet_23_slim_rgbd`; the image is not looked at.
    """
    return _ddrnet(_Size(32, 64), "ddrnet_23_slim_depth", height, width, class_count, auxiliary_head, "image")
