"""What a deployed network takes: its input, and the arrays that are made of a frame."""
from __future__ import annotations

import numpy as np

from rt_seg.bundle import InputSpec
from rt_seg.engines.network_inputs import NetworkInputs
from rt_seg.segmenter import network_depth, resize_image
from rt_seg_training.nets.normalization import normalization_of


def input_spec(model) -> InputSpec:
    """What the deployed form of a Keras model takes."""
    from rt_seg_training.nets.depth_fusion import DEPTH_RANGE

    height, width = model.inputs[0].shape[1:3]
    if len(model.inputs) == 1:
        return InputSpec(height, width, "rgb", *normalization_of(model.name))
    return InputSpec(height, width, "rgbd", *normalization_of(model.name), DEPTH_RANGE)


def feed(spec: InputSpec, image: np.ndarray, depth: np.ndarray | None) -> list[np.ndarray]:
    """The arrays that the deployed network takes of a picture of any size, as the live node makes them."""
    if depth is not None and spec.depth_range is not None:
        depth = network_depth(depth, spec.height, spec.width, spec.depth_range)
    return NetworkInputs(spec).arrays(resize_image(image, spec.height, spec.width), depth)
