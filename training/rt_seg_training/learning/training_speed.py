"""How many images per second this machine learns from, measured by a few steps of the very network."""

from __future__ import annotations

import sys
import time

WARM_UP, TIMED = 2, 4
"""Steps: the first one traces the graph, which takes longer than all others together."""


def measure(net: str, crop_height: int, crop_width: int, batch_size: int, classes: int) -> float:
    """Images per second of a training step on random images, without the input pipeline."""
    import numpy as np
    import tensorflow as tf

    from rt_seg_training.configuration import TrainingConfiguration
    from rt_seg_training.nets.registry import DEPTH_NETS
    from rt_seg_training.optimization.losses import build_loss
    from rt_seg_training.optimization.training_model import training_model
    from rt_seg_training.optimization.training_step import compile_step
    from rt_seg_training.runs.distribution import create_strategy

    configuration = TrainingConfiguration(
        dataset="none", train_split="train", validation_split="train", net=net, initial_weights="random",
        height=crop_height, width=crop_width, crop_height=crop_height, crop_width=crop_width, steps=100,
        batch_size=batch_size, auxiliary_weight=0.0,
    )  # fmt: skip
    loss = build_loss(configuration, 255, None)
    model = training_model(configuration, classes, loss)
    step = compile_step(model, loss, [1.0], create_strategy("single"))
    random = np.random.default_rng(0)
    images = tf.constant(random.normal(size=(batch_size, crop_height, crop_width, 3)).astype(np.float32))
    depths = tf.ones((batch_size, crop_height, crop_width, 1), tf.float32)
    labels = tf.constant(random.integers(0, classes, (batch_size, crop_height, crop_width, 1)).astype(np.uint8))
    inputs = (images, depths) if net in DEPTH_NETS else images
    for _ in range(WARM_UP):
        step(inputs, labels)
    started = time.perf_counter()
    for _ in range(TIMED):
        step(inputs, labels)
    return TIMED * batch_size / (time.perf_counter() - started)


if __name__ == "__main__":
    name, *numbers = sys.argv[1:]
    print(f"{measure(name, *map(int, numbers)):.2f}")
