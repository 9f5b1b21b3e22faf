"""Trains the click network on regions of labelled sets, with clicks that are simulated while it learns.

    python -m rt_seg_training.clicks.training RUN nyu_depth_v2:PATH camvid:PATH custom:PATH --minutes 45

Each crop stays in the batch for some rounds: the network's own mask of one round is its input in the next, together
with the click that corrects it most (Sofiiuk et al., arXiv:2102.06583). No forward pass is spent on simulation alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rt_seg_training.clicks.guidance import guidance
from rt_seg_training.clicks.regions import Crop, cut_out, regions_of
from rt_seg_training.clicks.simulated_clicks import Click, next_click

HEIGHT, WIDTH = 160, 224
"""Input of the network: where a crop around the region has enough pixels, and a step is fast on a processor."""
BATCH = 8
MAX_ROUNDS = 6
STOPPING = 0.35
"""Chance that a crop is replaced after a round: more than a third of all examples are first clicks, the hardest."""
WITHOUT_CLICK = 0.2
"""Chance that a round has no new click: the network looks a second time at what it found, as it does after a zoom."""
LEARNING_RATE, ENCODER_SHARE, WEIGHT_DECAY, POWER, WARM_UP_STEPS = 2e-3, 0.15, 0.02, 0.9, 50
EMA = 0.995
FOCUS = 2.0
"""Exponent of the focal loss."""
FROZEN = ("stem", "block0", "block1", "block2")
"""Parts of the encoder, before the clicks join it, that stay those of ImageNet: a third of the time of a step."""
OF_ONE_IMAGE, WAITING = 4, 48
"""Crops of an image that is read, and how many wait, so that those of one image come apart."""
SAVE_EVERY = 50
WEIGHTS = "click.weights.h5"


class RegionSource:
    """Draws crops of random regions from the training images of several sets, each set equally often."""

    def __init__(self, sources: list[tuple[str, str]], random: np.random.Generator) -> None:
        from rt_seg_training.datasets.layouts import read_layout

        self._random = random
        self._sets = []
        self._waiting: list[Crop] = []
        for layout, path in sources:
            source = read_layout(layout, Path(path))
            pairs = [pair for split, members in source.splits.items() if split.startswith("train") for pair in members]
            self._sets.append((source, pairs))

    def describe(self) -> str:
        """How many images there are of each set."""
        return ", ".join(f"{len(pairs)} of {source.path.name}" for source, pairs in self._sets)

    def draw(self) -> Crop:
        """A crop of a random region of a random image."""
        while len(self._waiting) < WAITING:
            self._waiting += self._crops()
        return self._waiting.pop(self._random.integers(len(self._waiting)))

    def _crops(self) -> list[Crop]:
        """Crops of some regions of a random image: to read it takes longer than all the rest."""
        from rt_seg_training.datasets.source import read_pair

        random = self._random
        source, pairs = self._sets[random.integers(len(self._sets))]
        image, label, _ = read_pair(pairs[random.integers(len(pairs))], source)
        regions = regions_of(label, source.labels.ignore_id)
        crops = []
        for _ in range(OF_ONE_IMAGE if regions else 0):
            # By class first: a street has a hundred poles to one car.
            classes = sorted({region.class_id for region in regions})
            wanted = classes[random.integers(len(classes))]
            of_class = [region for region in regions if region.class_id == wanted]
            crop = cut_out(image, of_class[random.integers(len(of_class))], (HEIGHT, WIDTH), random)
            if crop is not None:
                crops.append(Crop(_vary(crop.image, random), crop.truth, crop.ignored))
        return crops


def _vary(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Another light: gain and offset of each colour, noise now and then."""
    gain = random.uniform(0.7, 1.3) * random.uniform(0.9, 1.1, 3)
    varied = image.astype(np.float32) * gain + random.uniform(-20, 20)
    if random.random() < 0.3:
        varied += random.normal(0, random.uniform(2, 10), image.shape)
    return np.clip(varied, 0, 255).astype(np.uint8)


@dataclass
class _Place:
    """A place in the batch: a crop with its clicks and the mask so far."""

    crop: Crop
    clicks: list[Click] = field(default_factory=list)
    mask: np.ndarray = field(default_factory=lambda: np.zeros((HEIGHT, WIDTH), np.float32))
    rounds: int = 0


class ClickRounds:
    """The batch: crops in different rounds of clicking."""

    def __init__(self, source: RegionSource, random: np.random.Generator) -> None:
        self._source, self._random = source, random
        self._places = [self._fresh() for _ in range(BATCH)]

    def _fresh(self) -> _Place:
        crop = self._source.draw()
        place = _Place(crop)
        click = next_click(crop.truth, np.zeros_like(crop.truth), self._random)
        assert click is not None  # a crop shows some of its region
        place.clicks.append(click)
        return place

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """image uint8 (B, H, W, 3), guide (B, H, W, 3), truth and weight (B, H, W, 1), all three float32."""
        places = self._places
        return (
            np.stack([place.crop.image for place in places]),
            np.stack([guidance(place.clicks, place.mask) for place in places]),
            np.stack([place.crop.truth for place in places])[..., None].astype(np.float32),
            np.stack([~place.crop.ignored for place in places])[..., None].astype(np.float32),
        )

    def advance(self, probability: np.ndarray) -> list[tuple[int, float]]:
        """Go on to the next round with the network's answer, (B, H, W) float32; returns round and IoU of each."""
        results = []
        for index, place in enumerate(self._places):
            known = ~place.crop.ignored
            mask, truth = (probability[index] > 0.5) & known, place.crop.truth
            union = (mask | truth).sum()
            results.append((len(place.clicks), float((mask & truth).sum() / max(union, 1))))
            place.mask = probability[index]
            place.rounds += 1
            if place.rounds >= MAX_ROUNDS or self._random.random() < STOPPING:
                self._places[index] = self._fresh()
                continue
            if self._random.random() < WITHOUT_CLICK:
                continue
            click = next_click(truth, mask, self._random)
            if click is None:
                self._places[index] = self._fresh()
            else:
                place.clicks.append(click)
        return results


def _compiled_step(model, optimizer):
    import tensorflow as tf

    def loss_of(logits, truth, weight):
        # Focal loss, normalised by the sum of its weights (Sofiiuk et al., "AdaptIS", ICCV 2019), and Dice.
        probability = tf.sigmoid(logits)
        right = truth * probability + (1.0 - truth) * (1.0 - probability)
        focus = tf.pow(1.0 - right, FOCUS) * weight
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(truth, logits)
        axes = [1, 2, 3]
        share = tf.reduce_sum(weight, axes) / (tf.stop_gradient(tf.reduce_sum(focus, axes)) + 1e-3)
        focal = tf.reduce_sum(focus * entropy, axes) * tf.minimum(share, 10.0)
        focal = focal / tf.maximum(tf.reduce_sum(weight, axes), 1.0)
        common = tf.reduce_sum(weight * probability * truth, axes)
        both = tf.reduce_sum(weight * (probability + truth), axes)
        return tf.reduce_mean(focal + 1.0 - (2.0 * common + 1.0) / (both + 1.0))

    @tf.function(jit_compile=False)
    def step(image, guide, truth, weight):
        with tf.GradientTape() as tape:
            logits = model([(tf.cast(image, tf.float32) - 127.0) / 128.0, guide], training=True)
            logits = tf.image.resize(logits, (HEIGHT, WIDTH))
            loss = loss_of(logits, truth, weight)
        variables = [variable.value for variable in model.trainable_variables]
        optimizer.apply(tape.gradient(loss, variables), model.trainable_variables)
        return loss, tf.sigmoid(logits[..., 0])

    return step


def _optimizer(variables):
    import keras

    from rt_seg_training.nets.registry import ENCODER_PREFIX
    from rt_seg_training.optimization.optimizers import exclude_from_decay, with_shares

    shares = [ENCODER_SHARE if variable.path.startswith(ENCODER_PREFIX) else 1.0 for variable in variables]
    optimizer = with_shares(keras.optimizers.Adam, shares)(
        LEARNING_RATE, weight_decay=WEIGHT_DECAY, global_clipnorm=5.0, use_ema=True, ema_momentum=EMA
    )
    exclude_from_decay(optimizer, variables)
    return optimizer


def train(run: Path, sources: list[tuple[str, str]], minutes: float, seed: int) -> Path:
    """Train for some minutes and write the averaged weights into the folder `run`; returns their file.

    What is there after Ctrl-C is the last state that was saved. Raises DatasetError.
    """
    import cv2
    import keras

    from rt_seg_training.nets.click_lite0 import click_network
    from rt_seg_training.nets.efficientnet_lite import load_imagenet_weights
    from rt_seg_training.nets.registry import ENCODER_PREFIX
    from rt_seg_training.optimization.optimizers import copy_averaged_weights

    cv2.setNumThreads(1)
    keras.utils.set_random_seed(seed)
    random = np.random.default_rng(seed)
    source = RegionSource(sources, random)
    print(f"regions of {source.describe()}", flush=True)
    model, averaged = click_network(HEIGHT, WIDTH), click_network(HEIGHT, WIDTH)
    load_imagenet_weights(model)
    for layer in model.layers:
        # Batches are small and of mixed sets: the statistics of ImageNet stay.
        part = layer.name.removeprefix(ENCODER_PREFIX)
        if part != layer.name and (isinstance(layer, keras.layers.BatchNormalization) or part.split("_")[0] in FROZEN):
            layer.trainable = averaged.get_layer(layer.name).trainable = False
    model.optimizer = optimizer = _optimizer(model.trainable_variables)
    step = _compiled_step(model, optimizer)
    rounds = ClickRounds(source, random)
    run.mkdir(parents=True, exist_ok=True)
    recent: dict[int, deque[float]] = {clicks: deque(maxlen=200) for clicks in range(1, MAX_ROUNDS + 1)}
    started, number = time.monotonic(), 0
    while (share := (time.monotonic() - started) / (60 * minutes)) < 1 or number == 0:
        rate = LEARNING_RATE * max(1.0 - share, 1e-3) ** POWER * min(1.0, (number + 1) / WARM_UP_STEPS)
        optimizer.learning_rate.assign(rate)
        loss, probability = step(*rounds.arrays())
        for clicks, iou in rounds.advance(probability.numpy()):
            recent[min(clicks, MAX_ROUNDS)].append(iou)
        number += 1
        if number % SAVE_EVERY == 0 or number == 1:
            _save(model, averaged, run, copy_averaged_weights)
            scores = " ".join(f"{clicks}:{np.mean(values):.3f}" for clicks, values in recent.items() if values)
            print(f"step {number} {share:.0%} loss {float(loss):.3f} IoU by clicks {scores}", flush=True)
    _save(model, averaged, run, copy_averaged_weights)
    print(f"{number} steps of {BATCH} crops of {WIDTH}x{HEIGHT} in {time.monotonic() - started:.0f} s", flush=True)
    return run / WEIGHTS


def _save(model, averaged, run: Path, copy) -> None:
    import os

    copy(model, averaged)
    temporary = run / f".{WEIGHTS}"
    averaged.save_weights(temporary)
    os.replace(temporary, run / WEIGHTS)


def main() -> int:
    """Train from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("sources", nargs="+", metavar="LAYOUT:PATH")
    parser.add_argument("--minutes", type=float, default=45.0)
    parser.add_argument("--seed", type=int, default=0)
    from rt_seg_training.runs.allocator import restart_with_tcmalloc

    restart_with_tcmalloc()
    options = parser.parse_args()
    sources = [tuple(text.split(":", 1)) for text in options.sources]
    try:
        train(options.run, sources, options.minutes, options.seed)
    except KeyboardInterrupt:
        print(f"stopped; the last checkpoint is in {options.run}", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
