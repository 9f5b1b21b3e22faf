#!/usr/bin/env python3
"""Images per second of a training step: this package against plain Keras `fit`, alternating in one run.

The baseline is the same network with its logits upscaled to the size of the labels, sparse cross-entropy, AdamW and
`fit` on images in memory, in float32, with the default settings of TensorFlow and Keras. This package runs the step of
`train`, including the cropping, scaling, colour jitter and mirroring of its images. Each method is a separate process
that waits while another is timed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "training")]

EXAMPLE = """example:
  benchmarks/training.py --net ddrnet_23_slim --size 192x256 --batch-size 4 --rounds 3 --steps 8

A row gives the training images per second (median of the rounds, and the slowest and fastest), the ratio to the
baseline, and the rate of the input pipeline alone. It takes some minutes."""

WAYS = ("Keras fit", "Keras fit with oneDNN", "this package float32", "this package bfloat16")
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

    from rt_seg_training.input_pipeline.batches import normalize
    from rt_seg_training.nets.registry import build_net

    network = build_net(net, height, width, CLASSES)
    scale = height // network.output_shape[1]
    enlarged = keras.layers.UpSampling2D(scale, interpolation="bilinear")(network.output)
    model = keras.Model(network.input, enlarged)
    model.compile("adamw", keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=IGNORE))
    images, labels = _pictures(height, width, batch_size)
    return model, tf.data.Dataset.from_tensors((normalize(images), labels)).repeat()


def this_package(net: str, height: int, width: int, batch_size: int, precision: str):
    """The compiled step of this package and its endless batches."""
    import tensorflow as tf

    from rt_seg_training.configuration import TrainingConfiguration
    from rt_seg_training.input_pipeline import batches as pipeline
    from rt_seg_training.optimization.losses import build_loss
    from rt_seg_training.optimization.training_model import training_model
    from rt_seg_training.optimization.training_step import compile_step

    configuration = TrainingConfiguration(
        dataset="", train_split="", validation_split="", height=height, width=width, crop_height=height,
        crop_width=width, steps=1000, batch_size=batch_size, net=net, auxiliary_weight=0.0, mixed_precision=precision,
    )  # fmt: skip
    images, labels = _pictures(height, width, 4 * batch_size)
    examples = tf.data.Dataset.from_tensor_slices({"image": images, "label": labels})
    batches = pipeline.training_batches(examples, len(images), configuration, IGNORE)
    loss = build_loss(configuration, IGNORE, None)
    model = training_model(configuration, CLASSES, loss)
    return compile_step(model, loss, [1.0], tf.distribute.get_strategy()), batches


def trainer_of(way: str, net: str, height: int, width: int, batch_size: int):
    """A function that trains for a number of steps, and the endless batches that it learns from."""
    if not way.startswith("this package"):
        model, batches = plain_keras(net, height, width, batch_size)
        return (lambda steps: model.fit(batches, steps_per_epoch=steps, verbose=0)), batches
    step, batches = this_package(net, height, width, batch_size, way.split()[-1])
    iterator = iter(batches)

    def train(steps: int) -> None:
        for _ in range(steps):
            loss, _ = step(*next(iterator))
            float(loss)

    return train, batches


def serve(way: str, net: str, height: int, width: int, batch_size: int, steps: int) -> None:
    """Print the images per second of the input alone, then, for each line of standard input, those of training."""
    train, batches = trainer_of(way, net, height, width, batch_size)
    train(WARM_UP_STEPS)
    iterator = iter(batches)
    next(iterator)
    started = time.perf_counter()
    for _ in range(steps):
        next(iterator)
    print(steps * batch_size / (time.perf_counter() - started), flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        train(steps)
        print(steps * batch_size / (time.perf_counter() - started), flush=True)


class Contestant:
    """A way in a process of its own."""

    def __init__(self, way: str, options: argparse.Namespace) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
        if way != WAYS[0]:
            environment["TF_ENABLE_ONEDNN_OPTS"] = "1"  # as `train` sets it
        command = [sys.executable, __file__, "--net", options.net, "--size", "{}x{}".format(*options.size)]
        command += ["--batch-size", str(options.batch_size), "--steps", str(options.steps), "--way", way]
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.input_rate = self._answer()
        self.rates: list[float] = []

    def _answer(self) -> float:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(self._process.communicate()[1])
        return float(line)

    def run(self) -> None:
        """Train for the steps of one round."""
        print("go", file=self._process.stdin, flush=True)
        self.rates.append(self._answer())

    def end(self) -> None:
        """End the process."""
        self._process.communicate()


def main(arguments: list[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    from rt_seg_training.nets.registry import NETS

    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--net", choices=NETS, default="ddrnet_23_slim", help="network (default: %(default)s)")
    parser.add_argument(
        "--size", type=_size, default=(192, 256), metavar="HxW", help="size of the crops, multiples of 64"
    )
    parser.add_argument("--batch-size", type=int, default=4, help="images per step (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=8, help="timed steps per method and round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="turns per method (default: %(default)s)")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    height, width = options.size
    if height % 64 or width % 64:
        parser.error(f"--size: {height}x{width} is not of multiples of 64, which plain up-sampling needs")
    if options.way:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        serve(options.way, options.net, height, width, options.batch_size, options.steps)
        return 0
    print(f"{options.net}, batch {options.batch_size} of {height}x{width}, {os.cpu_count()} cores\n")
    contestants: dict[str, Contestant] = {}
    try:
        for way in WAYS:
            contestants[way] = Contestant(way, options)
        for _ in range(options.rounds):
            for contestant in contestants.values():
                contestant.run()
    except RuntimeError as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    finally:
        for contestant in contestants.values():
            contestant.end()
    print(f"{'method':24} {'training':>14} {'from':>7} {'to':>7} {'ratio':>8} {'input alone':>16}")
    baseline = statistics.median(contestants[WAYS[0]].rates)
    for way, contestant in contestants.items():
        median = statistics.median(contestant.rates)
        spread = f"{min(contestant.rates):7.2f} {max(contestant.rates):7.2f}"
        print(f"{way:24} {median:9.2f} im/s {spread} {median / baseline:7.2f}x {contestant.input_rate:11.1f} im/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
