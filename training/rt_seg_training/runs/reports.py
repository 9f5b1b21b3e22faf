"""What a training run shows of itself: a progress bar, TensorBoard scalars and images, and curves as a PNG."""

from __future__ import annotations

import csv
import io
import os
import time
from pathlib import Path
from typing import Any, Callable

import keras
import numpy as np
import tensorflow as tf

from rt_seg.atomic_file import write_atomically
from rt_seg.labels import LabelSet
from rt_seg.progress import progress_bar
from rt_seg_training.input_pipeline.batches import resize_antialiased
from rt_seg_training.nets.normalization import Normalization

PANEL_COUNT = 3
"""Validation images that TensorBoard shows."""
SPEED_STEPS = 8
"""Steps over which the speeds of input and training are measured at the start."""


class ProgressBar(keras.callbacks.Callback):
    """One bar over all steps of the run, with the time that is left, the loss and the last score; a terminal only.

    `first_step`: how many steps were done before, by the run that this one resumes.
    """

    def __init__(self, total_steps: int, first_step: int = 0) -> None:
        super().__init__()
        self._total_steps, self._first_step = total_steps, first_step
        self._bar: Any = None
        self._score: float | None = None

    def on_train_begin(self, logs=None):
        self._bar = progress_bar(
            total=self._total_steps,
            initial=self._first_step,
            desc="training",
            unit="step",
            dynamic_ncols=True,
            disable=None,
        )

    def on_train_batch_end(self, batch, logs=None):
        self._bar.update()
        shown = {"loss": f"{float(logs['loss']):.4f}"}
        if self._score is not None:
            shown["mIoU"] = f"{self._score:.4f}"
        self._bar.set_postfix(shown, refresh=False)

    def on_epoch_end(self, epoch, logs=None):
        self._score = logs.get("validation_mean_iou")

    def on_train_end(self, logs=None):
        self._bar.close()


class ProgressLines(keras.callbacks.Callback):
    """One printed line per validation, where there is no terminal for a bar."""

    def __init__(self, total_steps: int) -> None:
        super().__init__()
        self._total_steps, self._step = total_steps, 0

    def on_train_batch_end(self, batch, logs=None):
        self._step = batch

    def on_epoch_end(self, epoch, logs=None):
        if not os.isatty(2):
            print(
                f"step {self._step}/{self._total_steps}: loss {logs['loss']:.4f}, "
                f"validation mIoU {logs['validation_mean_iou']:.4f}, loss {logs['validation_loss']:.4f}",
                flush=True,
            )


class SpeedReport(keras.callbacks.Callback):
    """Prints once the images per second of the training beside those of the input pipeline alone.

    The first SPEED_STEPS steps, in which TensorFlow compiles, do not count; the same number after them does.
    """

    def __init__(self, batch_size: int, input_speed: float) -> None:
        super().__init__()
        self._batch_size, self._input_speed = batch_size, input_speed
        self._steps, self._started = 0, 0.0

    def on_train_batch_end(self, batch, logs=None):
        self._steps += 1
        if self._steps == SPEED_STEPS:
            self._started = time.monotonic()
        elif self._steps == 2 * SPEED_STEPS:
            rate = SPEED_STEPS * self._batch_size / (time.monotonic() - self._started)
            print(f"training {rate:.1f} images/s; the input pipeline alone {self._input_speed:.1f} images/s")


def input_speed(batches: tf.data.Dataset, batch_size: int) -> float:
    """Images per second that the input pipeline delivers while nothing else is done, over SPEED_STEPS batches."""
    iterator = iter(batches)
    next(iterator)  # fills the shuffle buffer
    started = time.perf_counter()
    for _ in range(SPEED_STEPS):
        next(iterator)
    return SPEED_STEPS * batch_size / (time.perf_counter() - started)


def panels(
    predict: Callable, batches: tf.data.Dataset, labels: LabelSet, normalization: Normalization
) -> list[np.ndarray]:
    """Input | ground truth | prediction of the first images of pipeline.validation_batches, each (H, 3 W, 3) uint8 RGB.

    `predict` is that of validation.mask_predictor, `normalization` that of its network.
    """
    table = labels.color_table
    pictures = []
    for inputs, label in batches.take(PANEL_COUNT):
        size = label.shape[1:3]
        mask = predict(inputs, tf.constant(size)).numpy()[0]
        image = inputs[0] if isinstance(inputs, tuple) else inputs
        image = 255.0 * (image[0] * normalization.std + normalization.mean)
        image = tf.cast(tf.clip_by_value(tf.round(resize_antialiased(image, size)), 0, 255), tf.uint8).numpy()
        pictures.append(np.concatenate([image, table[label.numpy()[0, ..., 0]], table[mask]], axis=1))
    return pictures


class TensorBoardReport(keras.callbacks.Callback):
    """Writes the log of each epoch and the images of `draw` for TensorBoard, by optimizer step."""

    def __init__(self, folder: Path, draw: Callable[[], list[np.ndarray]]) -> None:
        super().__init__()
        self._folder, self._draw = folder, draw
        self._writer: Any = None

    def on_epoch_end(self, epoch, logs=None):
        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self._folder))
        step = int(self.model.optimizer.iterations.numpy())
        with self._writer.as_default():
            for name, value in logs.items():
                tf.summary.scalar(name, float(value), step)
            for index, picture in enumerate(self._draw()):
                tf.summary.image(f"input, ground truth, prediction/{index}", picture[np.newaxis], step)
        self._writer.flush()


class Curves(keras.callbacks.Callback):
    """Draws the history file as a plot after each validation."""

    def __init__(self, history: Path, plot: Path) -> None:
        super().__init__()
        self._history, self._plot = history, plot

    def on_epoch_end(self, epoch, logs=None):
        write_curves(self._history, self._plot)


def write_curves(history: Path, plot: Path) -> None:
    """Draw the loss, the score and the learning rate of a history CSV over its steps, as a PNG; atomic."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with history.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    steps = [int(row["step"]) for row in rows]
    figure = Figure(figsize=(12, 3.5), layout="constrained")
    columns = (("loss", "loss"), ("validation_mean_iou", "mIoU on validation"), ("learning_rate", "learning rate"))
    for axes, (column, title) in zip(figure.subplots(1, 3), columns):
        axes.plot(steps, [float(row[column]) for row in rows], marker=".")
        axes.set(xlabel="step", title=title)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    write_atomically(plot, buffer.getvalue())
