#!/usr/bin/env python3
"""Pictures a second of a training step: this package against plain Keras `fit`, each in a process of its own.

The baseline is the same network with its logits enlarged to the size of the labels, sparse cross-entropy, AdamW and
`fit` on pictures that are ready in memory, in float32, with the settings that TensorFlow and Keras come with. This
package crops, scales, colours and mirrors its pictures in that time.
"""
from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "training")]

EXAMPLE = """example:
  benchmarks/training.py --net ddrnet_23_slim --size 192x256 --batch-size 4 --steps 10

A row gives the pictures a second that the training learns from, how many times the baseline that is, and how many the
input pipeline alone delivers. It takes some minutes."""

WAYS = ("Keras fit", "Keras fit with oneDNN", "this package")
CLASSES, IGNORE = 11, 255
WARM_UP_STEPS = 3


def _size(text: str) -> tuple[int, int]:
    try:
        height, width = (int(part) for part in text.split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; accepted is HEIGHTxWIDTH, such as 192x256") from None
    return height, width


def _pictures(height: int, width: int, count: int):
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, height, width, 3), np.uint8)
    return images, rng.integers(0, CLASSES, (count, height, width, 1)).astype(np.uint8)


def plain_keras(net: str, height: int, width: int, batch_size: int):
    """The compiled model of the baseline and its endless batches."""
    import keras
    import tensorflow as tf

    from rt_seg_training.nets.registry import build_net
    from rt_seg_training.pipeline import normalize

    network = build_net(net, height, width, CLASSES)
    scale = height // network.output_shape[1]
    enlarged = keras.layers.UpSampling2D(scale, interpolation="bilinear")(network.output)
    model = keras.Model(network.input, enlarged)
    model.compile("adamw", keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=IGNORE))
    images, labels = _pictures(height, width, batch_size)
    return model, tf.data.Dataset.from_tensors((normalize(images), labels)).repeat()


def this_package(net: str, height: int, width: int, batch_size: int):
    """The compiled model of this package and its endless batches."""
    import tensorflow as tf

    from rt_seg_training import pipeline
    from rt_seg_training.configuration import TrainingConfiguration
    from rt_seg_training.trainer import training_model

    configuration = TrainingConfiguration(
        dataset="", train_split="", validation_split="", height=height, width=width, crop_height=height,
        crop_width=width, steps=1000, batch_size=batch_size, net=net, auxiliary_weight=0.0, mixed_precision="float32",
    )  # fmt: skip
    images, labels = _pictures(height, width, 4 * batch_size)
    examples = tf.data.Dataset.from_tensor_slices({"image": images, "label": labels})
    batches = pipeline.training_batches(examples, len(images), configuration, IGNORE)
    return training_model(configuration, CLASSES, IGNORE, None), batches


def measure(way: str, net: str, height: int, width: int, batch_size: int, steps: int) -> tuple[float, float]:
    """Pictures a second of `fit` and of its input alone, after warm-up."""
    model, batches = (this_package if way == "this package" else plain_keras)(net, height, width, batch_size)
    model.fit(batches, steps_per_epoch=WARM_UP_STEPS, verbose=0)
    started = time.perf_counter()
    model.fit(batches, steps_per_epoch=steps, verbose=0)
    fitted = time.perf_counter()
    for _ in batches.take(steps):
        pass
    read = time.perf_counter()
    return steps * batch_size / (fitted - started), steps * batch_size / (read - fitted)


def main(arguments: list[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    from rt_seg_training.nets.registry import NETS

    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--net", choices=NETS, default="ddrnet_23_slim", help="network (default: %(default)s)")
    parser.add_argument("--size", type=_size, default=(192, 256), metavar="HxW", help="of the crops, multiples of 64")
    parser.add_argument("--batch-size", type=int, default=4, help="pictures per step (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=10, help="timed steps of each way (default: %(default)s)")
    parser.add_argument("--way", choices=WAYS, help="measure one way only, in this process")
    options = parser.parse_args(arguments)
    height, width = options.size
    if height % 64 or width % 64:
        parser.error(f"--size: {height}x{width} is not of multiples of 64, which plain up-sampling needs")
    if options.way:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        print(*measure(options.way, options.net, height, width, options.batch_size, options.steps))
        return 0
    print(f"{options.net}, batch {options.batch_size} of {height}x{width}, {os.cpu_count()} cores\n")
    print(f"{'way':24} {'training':>14} {'ratio':>8} {'input alone':>16}")
    baseline = None
    for way in WAYS:
        environment = dict(os.environ)
        environment.pop("TF_ENABLE_ONEDNN_OPTS", None)
        if way != WAYS[0]:
            environment["TF_ENABLE_ONEDNN_OPTS"] = "1"  # as `train` sets it
        command = [sys.executable, __file__, "--net", options.net, "--size", f"{height}x{width}", "--way", way]
        command += ["--batch-size", str(options.batch_size), "--steps", str(options.steps)]
        child = subprocess.run(command, env=environment, capture_output=True, text=True)
        if child.returncode:
            print(child.stderr, file=sys.stderr)
            return child.returncode
        trained, read = map(float, child.stdout.split())
        baseline = baseline or trained
        print(f"{way:24} {trained:9.2f} im/s {trained / baseline:7.2f}x {read:11.1f} im/s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
