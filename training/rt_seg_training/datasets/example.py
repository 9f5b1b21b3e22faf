"""One example of a built data set, made of the files of a pair."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from rt_seg_training.datasets.images import is_plain_rgb, read_depth, read_image
from rt_seg_training.datasets.pairing import Pair
from rt_seg_training.datasets.source import Source


def make_example(pair: Pair, source: Source) -> tuple[str, dict[str, Any]]:
    """The key and the features of a pair: image, label, name and, where the source has depth, depth."""
    # Plain files keep their bytes; all others are decoded here, for TensorFlow reads them differently.
    plain = is_plain_rgb(pair.image)
    image = None if plain else read_image(pair.image)
    label = source.read_label(pair).astype(np.uint8)
    example = {
        "image": io.BytesIO(pair.image.read_bytes()) if plain else image,
        "label": label[..., np.newaxis],
        "name": pair.name,
    }
    if source.has_depth:
        missing = np.zeros(label.shape, np.uint16)
        depth = missing if pair.depth is None else read_depth(pair.depth, label.shape, source.depth_unit)
        example["depth"] = depth[..., np.newaxis]
    return pair.name, example
