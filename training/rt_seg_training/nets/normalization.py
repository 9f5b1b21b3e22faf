"""How each network wants the values of its image: part of the network, and of every bundle made from it."""

from __future__ import annotations

from typing import NamedTuple


class Normalization(NamedTuple):
    """(value / 255 - mean) / std per RGB channel of values 0..255."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


IMAGENET_STATISTICS = Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of ImageNet, which DDRNet's published weights expect."""
CENTRED = Normalization((127 / 255,) * 3, (128 / 255,) * 3)
"""(value - 127) / 128, which the weights of EfficientNet-Lite were trained with."""


def normalization_of(net: str) -> Normalization:
    """The normalisation of the network of this name (also the name of its Keras model)."""
    return CENTRED if net.startswith("lite0_") else IMAGENET_STATISTICS
