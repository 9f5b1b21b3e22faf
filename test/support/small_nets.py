"""Small networks under the names of the DDRNets, for tests of what is done with a network.

Tracing, converting and quantising take their time for each layer, so these have a tenth of them: one of each kind that
a converter can get wrong (padding, batch norm, pooling with its own borders, resizing to another's size, depth and its
fusion, a second head). Real ones are converted in test/training/export/test_deployment_formats.py.
"""

import keras
import pytest

from rt_seg_training.nets import ddrnet
from rt_seg_training.nets.depth_fusion import DepthChannels, add_depth, share_of_readings
from rt_seg_training.nets.layers import ZeroPaddedAveragePooling

STEM, CHANNELS = 16, 64


def small_net(
    size, name: str, height: int, width: int, class_count: int, auxiliary_head: bool, depth_at: str = ""
) -> keras.Model:
    """The inputs and outputs of `ddrnet._ddrnet`, whose place it takes; depth joins at 1/4 wherever it should."""
    image = keras.Input((height, width, 3), name="image")
    inputs = image
    x = ddrnet._convolve_normalize(image, STEM, 3, 2, "stem1", use_bias=True)
    x = ddrnet._basic_block(ddrnet._relu(x, "stem1_relu"), STEM, 2, "layer1", final_relu=True)
    if depth_at:
        depth = keras.Input((height, width, 1), name="depth")
        inputs = [image, depth]
        channels = DepthChannels(name="depth_channels")(depth)
        d = ddrnet._relu(ddrnet._convolve_normalize(channels, STEM, 3, 2, "depth_stem1"), "depth_stem1_relu")
        d = ddrnet._relu(ddrnet._convolve_normalize(d, STEM, 3, 2, "depth_stem2"), "depth_stem2_relu")
        x = add_depth(x, d, share_of_readings(channels, 4, "depth_share_quarter"), "depth_quarter")
    high = ddrnet._relu(ddrnet._convolve_normalize(x, CHANNELS, 3, 2, "layer2"), "layer2_relu")
    pooled = ZeroPaddedAveragePooling(5, 2, name="pool")(high)
    context = ddrnet._convolve_normalize(pooled, CHANNELS, 1, 1, "context")
    logits = ddrnet._head(ddrnet._resize_and_add(context, high, "context"), CHANNELS, class_count, "head")
    if not auxiliary_head:
        return keras.Model(inputs, logits, name=name)
    return keras.Model(inputs, [logits, ddrnet._head(high, STEM, class_count, "auxiliary_head")], name=name)


def shrink(patch: pytest.MonkeyPatch) -> None:
    """From now on all that is built of rt_seg_training.nets.ddrnet is small; names, inputs and outputs stay."""
    patch.setattr(ddrnet, "_ddrnet", small_net)
