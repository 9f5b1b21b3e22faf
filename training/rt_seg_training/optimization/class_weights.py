"""Weights of the classes in a loss, from how often each class occurs in the training split."""

from __future__ import annotations

from typing import Iterable

import numpy as np

from rt_seg_training.configuration import TrainingConfiguration
from rt_seg_training.datasets.loading import DataSet, split_names

INVERSE_LOG_OFFSET = 1.02
"""Bounds the weights to 1/log(1.02) ≈ 50 (Paszke et al., "ENet", arXiv:1606.02147, section 5.1)."""


def inverse_log_weights(pixels: np.ndarray) -> np.ndarray:
    """Class weights 1 / log(1.02 + p), scaled to mean 1, float32 (classes,), for pixel counts (classes,)."""
    share = pixels / max(pixels.sum(), 1)
    weights = 1.0 / np.log(INVERSE_LOG_OFFSET + share)
    return (weights / weights.mean()).astype(np.float32)


def median_frequency_weights(labels: Iterable[np.ndarray], class_count: int) -> np.ndarray:
    """Class weights median(f) / f, float32 (classes,), from integer label images of any shape.

    The frequency f of a class is its share of the pixels of those images in which it occurs (Eigen and Fergus,
    arXiv:1411.4734, section 6.3.2). Ids from `class_count` on are not counted as classes, but as pixels of the image,
    as SegNet does. A class that never occurs gets 0, and no part in the median.
    """
    pixels, surroundings = np.zeros(class_count, np.int64), np.zeros(class_count, np.int64)
    for label in labels:
        counts = np.bincount(np.ravel(label), minlength=class_count)[:class_count]
        pixels += counts
        surroundings += np.where(counts > 0, label.size, 0)
    occurs = pixels > 0
    if not occurs.any():
        return np.zeros(class_count, np.float32)
    frequency = pixels[occurs] / surroundings[occurs]
    weights = np.zeros(class_count, np.float32)
    weights[occurs] = np.median(frequency) / frequency
    return weights


def class_weights(configuration: TrainingConfiguration, dataset: DataSet) -> np.ndarray | None:
    """The weights of the classes in the loss, float32 (classes,), from the training split; None for equal ones."""
    classes = len(dataset.labels)
    if configuration.class_weights == "inverse_log":
        pixels = np.sum([dataset.pixels[name] for name in split_names(configuration.train_split)], axis=0)
        return inverse_log_weights(pixels[:classes])
    if configuration.class_weights == "median_frequency":
        examples = dataset.examples(configuration.train_split).as_numpy_iterator()
        return median_frequency_weights((example["label"] for example in examples), classes)
    return None
