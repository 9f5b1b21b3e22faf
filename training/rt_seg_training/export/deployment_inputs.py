"""What a deployed network is fed: the arrays that are made of a frame."""

from __future__ import annotations

import numpy as np

from rt_seg.bundle import InputSpec
from rt_seg.camera_image import resize_image
from rt_seg.engines.network_inputs import NetworkInputs
from rt_seg.segmenter import network_depth


def feed(spec: InputSpec, image: np.ndarray, depth: np.ndarray | None) -> list[np.ndarray]:
    """The arrays that the deployed network takes of a picture of any size, as the live node makes them."""
    if depth is not None and spec.depth_range is not None:
        depth = network_depth(depth, spec.height, spec.width, spec.depth_range)
    return NetworkInputs(spec).arrays(resize_image(image, spec.height, spec.width), depth)
