"""The networks by name. A further one needs a file with its builder, and a line here."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

_FILES = {
    "ddrnet_23_slim": "ddrnet",
    "ddrnet_23_slim_lean": "ddrnet",
    "ddrnet_23_slim_rgbd": "ddrnet",
    "ddrnet_23_slim_rgbd_stem": "ddrnet",
    "ddrnet_23_slim_depth": "ddrnet",
    "ddrnet_23": "ddrnet",
    "ddrnet_39": "ddrnet",
    "unet_mobilenet_v3": "unet",
    "lite0_pyramid": "lite0_pyramid",
    "lite0_pyramid_rgbd": "lite0_pyramid",
}
NETS = tuple(_FILES)
DEPTH_NETS = ("ddrnet_23_slim_rgbd", "ddrnet_23_slim_rgbd_stem", "ddrnet_23_slim_depth", "lite0_pyramid_rgbd")
"""Networks with two inputs: image, and depth (batch, height, width, 1) in float32 metres, 0 without a reading."""
PRETRAINED_NETS = ("lite0_pyramid", "lite0_pyramid_rgbd")
"""Networks whose encoder has ImageNet weights to start from; the names of its layers begin with ENCODER_PREFIX."""
ENCODER_PREFIX = "encoder_"
DDRNET_START = "tabletop_ddrnet"
"""The shipped bundle that DDRNets start from: its features were taught by that encoder (see pretraining)."""
STARTED_NETS = ("ddrnet_23_slim", "ddrnet_23_slim_lean", "ddrnet_23_slim_rgbd", "ddrnet_23_slim_rgbd_stem")
"""Networks that start from DDRNET_START: of the lean one, the layers of the same size."""
HEADS = ("semantic", "binary")


def build_net(
    name: str, height: int, width: int, class_count: int, auxiliary_head: bool = False, head: str = "semantic"
) -> keras.Model:
    """Build the network `name` of NETS for a fixed input size, with random weights.

    Input (batch, height, width, 3) float32 normalised RGB, output (batch, h, w, class_count) float32 logits at a
    fraction of the size; those of DEPTH_NETS take [image, depth]; with `auxiliary_head`, for training only, a list of
    two of those. The head `binary` has one sigmoid channel. Raises ValueError for a name, a head, or a number of
    classes with it that there is not.
    """
    if name not in NETS:
        raise ValueError(f"net {name!r} is not known; choose from {', '.join(NETS)}")
    if head not in HEADS:
        raise ValueError(f"head {head!r} is not known; choose from {', '.join(HEADS)}")
    if head == "binary" and class_count != 2:
        raise ValueError(f"head 'binary' is for 2 classes, not {class_count}; choose head semantic")
    builder = getattr(importlib.import_module(f"rt_seg_training.nets.{_FILES[name]}"), name)
    if head == "semantic":
        return builder(height, width, class_count, auxiliary_head)
    from rt_seg_training.nets.binary_head import with_binary_head

    return with_binary_head(builder(height, width, 1, auxiliary_head))
