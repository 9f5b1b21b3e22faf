"""Pre-trains a DDRNet on images without labels: it learns the features of EfficientNet-Lite0.

    python -m rt_seg_training.pretraining.training OUTPUT IMAGES... --side 96 --batch 64 --steps 3600
    python -m rt_seg_training.pretraining.training OUTPUT IMAGES... --side 224 --batch 12 --steps 1800 --start OUTPUT

OUTPUT receives weights.safetensors, saved every two minutes: name the folder as `initial_weights` of a training.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from pathlib import Path
from typing import Iterator

import numpy as np

from rt_seg_training.nets.registry import DEPTH_NETS, NETS

DDRNETS = tuple(name for name in NETS if name.startswith("ddrnet") and name not in DEPTH_NETS)
PEAK, WEIGHT_DECAY, WARM_UP_STEPS, LAST = 2e-3, 0.02, 200, 0.01
"""Peak learning rate at a batch of 32 (it grows with the root of the batch), weight decay, warm-up, and the share of
the peak that is left at the end."""
EMA = 0.998
CLIP_NORM = 5.0
HELD_OUT, SHARE_HELD_OUT, MEASURED = 512, 0.05, 1024
"""Largest number and share of images that are held out and scored at the end; crops for the teacher's statistics."""
REPORT_SECONDS, SAVE_SECONDS = 20, 120
HEAD = "features"
"""What weights.safetensors says in the place of a head."""
SMALLEST, MULTIPLE = 64, 32
"""Pixels of a crop's side: the deepest features have a stride of 64, the maps that are learnt one of 32."""


class PretrainingError(ValueError):
    """An option is out of range, or the output folder holds weights already."""


def _batches(files: list[Path], side: int, batch: int, seed: int) -> Iterator[np.ndarray]:
    """An endless stream of batches (batch, side, side, 3) uint8, read ahead in another thread. Raises DatasetError."""
    import tensorflow as tf

    from rt_seg_training.datasets.errors import DatasetError
    from rt_seg_training.pretraining.image_crops import crops

    faults: list[DatasetError] = []

    def until_fault() -> Iterator[np.ndarray]:
        # TensorFlow would wrap the error in its own, with the traceback as its text.
        try:
            yield from crops(files, side, seed)
        except DatasetError as error:
            faults.append(error)

    signature = tf.TensorSpec((side, side, 3), tf.uint8)
    ahead = tf.data.Dataset.from_generator(until_fault, output_signature=signature)
    yield from ahead.batch(batch, drop_remainder=True).prefetch(4).as_numpy_iterator()
    raise faults[0]


def _optimizer(variables, peak: float):
    import keras

    from rt_seg_training.optimization.optimizers import exclude_from_decay

    optimizer = keras.optimizers.Adam(
        peak, weight_decay=WEIGHT_DECAY, global_clipnorm=CLIP_NORM, use_ema=True, ema_momentum=EMA
    )
    exclude_from_decay(optimizer, variables)
    optimizer.build(variables)
    return optimizer


def _compiled_step(model, optimizer, teacher):
    import tensorflow as tf

    from rt_seg_training.input_pipeline.batches import normalize
    from rt_seg_training.nets.normalization import IMAGENET_STATISTICS
    from rt_seg_training.pretraining.feature_distillation import CLASS_WEIGHT, losses

    @tf.function(jit_compile=False)
    def step(images):
        maps, probabilities = teacher(images)
        with tf.GradientTape() as tape:
            error, divergence = losses(
                model(normalize(images, IMAGENET_STATISTICS), training=True), maps, probabilities
            )
            loss = error + CLASS_WEIGHT * divergence
        variables = [variable.value for variable in model.trainable_variables]
        optimizer.apply(tape.gradient(loss, variables), model.trainable_variables)
        return error, divergence

    return step


def _score(model, teacher, batches) -> tuple[float, float]:
    """Error of the feature maps and divergence of the classes on batches of held-out images."""
    import tensorflow as tf

    from rt_seg_training.input_pipeline.batches import normalize
    from rt_seg_training.nets.normalization import IMAGENET_STATISTICS
    from rt_seg_training.pretraining.feature_distillation import losses

    scores = []
    for batch in batches:
        images = tf.constant(batch)
        scores.append(losses(model(normalize(images, IMAGENET_STATISTICS), training=False), *teacher(images)))
    errors, divergences = zip(*scores)
    return float(np.mean(errors)), float(np.mean(divergences))


def pretrain(
    output: Path, folders: list[Path], net: str, side: int, batch: int, steps: int, start: Path | None, seed: int
) -> Path:
    """Train for `steps` and write the averaged weights into the folder `output`; returns their file.

    Args:
        folders: of images, searched with their subfolders.
        net: a DDRNet without depth; `side`: of its square input, a multiple of 32 pixels.
        start: a folder with weights.safetensors to go on from, also `output` itself.

    What is there after Ctrl-C is the last state that was saved. Raises PretrainingError, DatasetError,
    PretrainedWeightsError, TrainingWeightsError for `start`, OSError.
    """
    import cv2
    import keras

    from rt_seg_training.nets.fused_normalization import with_fused_normalization
    from rt_seg_training.optimization.optimizers import copy_averaged_weights
    from rt_seg_training.pretraining.feature_distillation import Teacher, student, trunk
    from rt_seg_training.pretraining.image_crops import find_images
    from rt_seg_training.runs.training_weights import FILE, load_training_weights, write_training_weights

    if side < SMALLEST or side % MULTIPLE:
        raise PretrainingError(f"--side {side}: accepted is a multiple of {MULTIPLE} from {SMALLEST} on")
    if batch < 1 or steps < 1:
        raise PretrainingError(f"--batch {batch}, --steps {steps}: both must be at least 1")
    if (output / FILE).exists() and not (start and start.resolve() == output.resolve()):
        raise PretrainingError(f"{output / FILE} exists; name another folder, or go on from it with --start {output}")
    cv2.setNumThreads(1)
    keras.utils.set_random_seed(seed)
    found = find_images(folders)
    files = [found[index] for index in np.random.default_rng(0).permutation(len(found))]
    count = min(HELD_OUT, round(SHARE_HELD_OUT * len(files)))
    held_out, files = files[:count], files[count:]
    print(f"{len(files)} images to learn from, {len(held_out)} held out", flush=True)
    # Two networks: the one that learns would otherwise share its convolutions with its average.
    base, learning = trunk(net, side), trunk(net, side)
    if start is not None:
        load_training_weights(learning, start)
    teacher = Teacher(side)
    averaged = student(base, teacher.channels)
    model = with_fused_normalization(student(learning, teacher.channels))
    teacher.measure(itertools.islice(_batches(files, side, batch, seed + 1), max(MEASURED // batch, 1)))
    peak = PEAK * (batch / 32) ** 0.5
    model.optimizer = optimizer = _optimizer(model.trainable_variables, peak)
    step = _compiled_step(model, optimizer, teacher)
    output.mkdir(parents=True, exist_ok=True)

    def save() -> Path:
        copy_averaged_weights(model, averaged)
        unfinished = output / ".unfinished"
        unfinished.mkdir(exist_ok=True)
        os.replace(write_training_weights(base, unfinished, HEAD), output / FILE)
        unfinished.rmdir()
        return output / FILE

    ahead = _batches(files, side, batch, seed)
    recent: list[list[float]] = []
    started = saved = told = time.monotonic()
    for number in range(1, steps + 1):
        fall = LAST + (1 - LAST) * (1 + np.cos(np.pi * number / steps)) / 2
        optimizer.learning_rate.assign(peak * fall * min(1.0, number / min(WARM_UP_STEPS, steps / 10)))
        recent.append([float(value) for value in step(next(ahead))])
        now = time.monotonic()
        if now - told > REPORT_SECONDS:
            error, divergence = np.mean(recent, axis=0)
            left = (now - told) / len(recent) * (steps - number) / 60
            print(
                f"step {number} of {steps}, {batch * len(recent) / (now - told):.0f} images/s, {left:.0f} min left: "
                f"feature error {error:.3f}, class divergence {divergence:.3f}",
                flush=True,
            )
            told, recent = now, []
        if now - saved > SAVE_SECONDS:
            save()
            saved = now
    path = save()
    print(f"{steps} steps of {batch} crops of {side}x{side} in {time.monotonic() - started:.0f} s")
    if held_out:
        scored = itertools.islice(_batches(held_out, side, batch, 0), max(len(held_out) // batch, 1))
        error, divergence = _score(averaged, teacher, scored)
        print(f"held-out images: feature error {error:.3f}, class divergence {divergence:.3f}")
    return path


def main() -> int:
    """Train from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("images", nargs="+", type=Path, help="folders of images, searched with their subfolders")
    parser.add_argument("--net", default="ddrnet_23_slim", choices=DDRNETS)
    parser.add_argument(
        "--side", type=int, default=128, help="pixels of a crop's side, a multiple of 32 (default: %(default)s)"
    )
    parser.add_argument("--batch", type=int, default=32, help="crops per step (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=3600, help="steps (default: %(default)s)")
    parser.add_argument("--start", type=Path, help="folder with weights.safetensors to go on from")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    from rt_seg_training.runs.allocator import restart_with_tcmalloc

    restart_with_tcmalloc()
    from rt_seg_training.nets.efficientnet_lite import PretrainedWeightsError

    try:
        path = pretrain(
            options.output,
            options.images,
            options.net,
            options.side,
            options.batch,
            options.steps,
            options.start,
            options.seed,
        )
    except KeyboardInterrupt:
        print(f"stopped; what was saved last, if anything, is in {options.output}", file=sys.stderr)
        return 130
    except (ValueError, PretrainedWeightsError, OSError) as error:
        print(f"pretraining: {error}", file=sys.stderr)
        return 2
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
