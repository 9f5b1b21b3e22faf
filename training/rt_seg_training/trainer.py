"""The training run: data set and configuration in, weights and a log out; resumes where it was interrupted."""
from __future__ import annotations

import json
import math
import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from rt_seg.bundle import BundleError
from rt_seg.confusion import confusion_matrix, mean_iou
from rt_seg_training import pipeline
from rt_seg_training.class_weights import inverse_log_weights, median_frequency_weights
from rt_seg_training.configuration import ConfigurationError, TrainingConfiguration
from rt_seg_training.datasets.loading import DataSet
from rt_seg_training.losses import (
    SegmentationCrossEntropy,
    SegmentationDice,
    SegmentationFocal,
    SegmentationLoss,
    SegmentationOhem,
    upsample_logits,
)
from rt_seg_training.nets.registry import build_net
from rt_seg_training.optimizers import build_optimizer, copy_averaged_weights
from rt_seg_training.reports import Curves, ProgressBar, TensorBoardReport, panels
from rt_seg_training.warm_start import WarmStartError, is_bundle, warm_start

WEIGHTS = "model.weights.h5"
CONFIGURATION = "configuration.yaml"
LABELS = "labels.yaml"
RESULT = "result.json"
HISTORY = "history.csv"
CURVES = "curves.png"
TENSORBOARD = "tensorboard"

WARM_START_BATCHES = 16
"""Batches on which batch normalisation is measured when the weights come from an exported network."""


def class_weights(configuration: TrainingConfiguration, dataset: DataSet) -> np.ndarray | None:
    """The weights of the classes in the loss, float32 (classes,), from the training split; None for equal ones."""
    classes = len(dataset.labels)
    if configuration.class_weights == "inverse_log":
        parts = [part.split("[")[0].strip() for part in configuration.train_split.split("+")]
        return inverse_log_weights(sum(dataset.pixels[part] for part in parts)[:classes])
    if configuration.class_weights == "median_frequency":
        examples = dataset.examples(configuration.train_split).as_numpy_iterator()
        return median_frequency_weights((example["label"] for example in examples), classes)
    return None


def build_loss(configuration: TrainingConfiguration, ignore_id: int, weights: np.ndarray | None) -> SegmentationLoss:
    """The loss that the configuration names; `weights`: of the classes, or None."""
    if configuration.loss == "focal":
        return SegmentationFocal(ignore_id, weights, configuration.focal_gamma)
    if configuration.loss == "ohem":
        return SegmentationOhem(ignore_id, weights, configuration.ohem_threshold)
    return {"cross_entropy": SegmentationCrossEntropy, "dice": SegmentationDice}[configuration.loss](ignore_id, weights)


def layer_policy(mixed_precision: str) -> str:
    """The Keras dtype policy of a `mixed_precision` setting.

    auto never takes float16 on a CPU, where a training step in it was 77 times slower than in float32.
    """
    if mixed_precision == "auto":
        mixed_precision = "float16" if tf.config.list_physical_devices("GPU") else "float32"
    return mixed_precision if mixed_precision == "float32" else f"mixed_{mixed_precision}"


def training_model(
    configuration: TrainingConfiguration, class_count: int, ignore_id: int, weights: np.ndarray | None
) -> keras.Model:
    """The network of the crops with loss and optimizer, ready for `fit`; `weights`: of the classes, or None."""
    model = _trained_net(configuration, class_count)
    loss = build_loss(configuration, ignore_id, weights)
    two_heads = configuration.auxiliary_weight > 0
    model.compile(
        build_optimizer(configuration, model.trainable_variables),
        loss=[loss, loss] if two_heads else loss,
        loss_weights=[1.0, configuration.auxiliary_weight] if two_heads else None,
        jit_compile=False,
    )
    # A step that creates the optimizer's variables is traced twice, which doubles the time until the first step.
    model.optimizer.build(model.trainable_variables)
    return model


def _trained_net(configuration: TrainingConfiguration, class_count: int) -> keras.Model:
    """The network of the crops, whose layers compute in the precision of the configuration."""
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(layer_policy(configuration.mixed_precision))
    try:
        return build_net(
            configuration.net,
            configuration.crop_height,
            configuration.crop_width,
            class_count,
            configuration.auxiliary_weight > 0,
            configuration.head,
        )
    finally:
        keras.config.set_dtype_policy(usual)


def load_initial_weights(model: keras.Model, path: Path) -> list[str]:
    """Copy weights from a file or run folder where layer name and shape agree; returns the layers left random.

    Raises ConfigurationError if the file is missing. Layers are matched by name, so that a model of another class
    count, or without the auxiliary head, gives what it has.
    """
    file = path / WEIGHTS if path.is_dir() else path
    if not file.is_file():
        raise ConfigurationError(f"initial_weights: {file} does not exist; give a run folder or a .weights.h5 file")
    before = [variable.numpy() for variable in model.trainable_variables]
    # Of a model with an optimizer, Keras would look for the optimizer's state in the file too.
    keras.Model(model.inputs, model.outputs).load_weights(file, skip_mismatch=True)
    same = [
        variable.path
        for variable, old in zip(model.trainable_variables, before)
        if variable.path.endswith("kernel") and np.array_equal(variable.numpy(), old)
    ]
    return same


def mask_predictor(model: keras.Model):
    """A compiled function: normalised image (1, h, w, 3) and size (H, W) to class ids of full-size logits (1, H, W)."""

    @tf.function(reduce_retracing=True)
    def predict(image, size):
        logits = model(image, training=False)
        logits = logits[0] if isinstance(logits, (list, tuple)) else logits
        return tf.cast(tf.math.argmax(upsample_logits(logits, size), axis=-1), tf.uint8)

    return predict


def score(predict, batches, class_count: int, ignore_id: int) -> np.ndarray:
    """Confusion matrix of the masks of `predict` (see mask_predictor) over pipeline.validation_batches."""
    total = np.zeros((class_count, class_count + 1), np.int64)
    for image, label in batches:
        mask = predict(image, tf.shape(label)[1:3])
        total += confusion_matrix(label.numpy()[0, ..., 0], mask.numpy()[0], class_count, ignore_id)
    return total


class TrainingError(RuntimeError):
    """The run cannot go on."""


class FiniteLoss(keras.callbacks.Callback):
    """Raises TrainingError as soon as the loss is infinite or no number, so that no such weights are ever saved."""

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite(logs["loss"]):
            raise TrainingError(
                f"the loss is {logs['loss']} at step {int(self.model.optimizer.iterations)}, so the weights are lost. "
                "What was saved at the last score is kept. Start a new run with a lower learning_rate, or set "
                "gradient_clip_norm, such as 5"
            )


class _Validation(keras.callbacks.Callback):
    """Adds `validation_mean_iou` to the log of each epoch."""

    def __init__(self, validate):
        super().__init__()
        self.validate = validate

    def on_epoch_end(self, epoch, logs=None):
        logs["validation_mean_iou"] = float(self.validate())
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)


def train(configuration: TrainingConfiguration, dataset: DataSet) -> dict[str, float]:
    """Train, save weights, labels, configuration, history and result into the run folder; returns the result.

    An interrupted run (same run folder) goes on after its last finished validation. Raises ConfigurationError for
    an unusable folder or weights file, DatasetError for an unknown split, TrainingError when the loss overflows.
    """
    run = Path(configuration.run)
    if (run / RESULT).exists():
        raise ConfigurationError(f"run: {run} holds a finished run; name another folder with --run, or delete it")
    run.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(configuration.seed)
    labels = dataset.labels
    if configuration.head == "binary" and len(labels) != 2:
        raise ConfigurationError(
            f"head: binary is for data sets of 2 classes, {dataset.name} has {len(labels)}; choose semantic"
        )
    model = training_model(configuration, len(labels), labels.ignore_id, class_weights(configuration, dataset))
    batches = pipeline.training_batches(
        dataset.examples(configuration.train_split), dataset.count(configuration.train_split), configuration,
        labels.ignore_id,
    )
    if configuration.initial_weights:
        start = Path(configuration.initial_weights)
        if is_bundle(start):
            if configuration.net != "ddrnet_23_slim":
                raise ConfigurationError(
                    f"initial_weights: {start} is a bundle, which gives weights to the net ddrnet_23_slim only, "
                    f"not to {configuration.net}; name a run folder or '' for random weights"
                )
            images = (image.numpy() for image, _ in batches.take(WARM_START_BATCHES))
            try:
                fresh = warm_start(model, start, images)
            except (BundleError, WarmStartError) as error:
                raise ConfigurationError(f"initial_weights: {error}") from error
        else:
            fresh = load_initial_weights(model, start)
        print(f"initial weights from {start}; {len(fresh)} layers stay random")
    two_heads = configuration.auxiliary_weight > 0
    # The sizes of the resizing layers are fixed when a model is built, so the scored model is a second one that
    # reads the weights of the first. It computes in float32, as the exported network does.
    scored = build_net(
        configuration.net, configuration.height, configuration.width, len(labels), two_heads, configuration.head
    )
    validation = pipeline.validation_batches(dataset.examples(configuration.validation_split), configuration)

    predict = mask_predictor(scored)

    def validate() -> float:
        copy_averaged_weights(model, scored)
        return mean_iou(score(predict, validation, len(labels), labels.ignore_id))

    if two_heads:
        batches = batches.map(lambda image, label: (image, (label, label)))
    (run / LABELS).write_text(json.dumps(labels.to_dict()), encoding="utf-8")
    configuration.save(run / CONFIGURATION)
    epochs = math.ceil(configuration.steps / configuration.validate_every)
    steps_per_epoch = min(configuration.validate_every, configuration.steps)
    history = model.fit(
        batches,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        callbacks=[
            FiniteLoss(),
            _Validation(validate),
            keras.callbacks.BackupAndRestore(run / "backup"),
            keras.callbacks.CSVLogger(run / HISTORY, append=True),
            Curves(run / HISTORY, run / CURVES, steps_per_epoch),
            TensorBoardReport(
                Path(configuration.tensorboard_dir or run / TENSORBOARD), lambda: panels(predict, validation, labels)
            ),
            ProgressBar(epochs * steps_per_epoch, steps_per_epoch),
        ],
        verbose=0 if os.isatty(2) else 2,
    )
    temporary = run / f"unfinished.{WEIGHTS}"
    copy_averaged_weights(model, scored)
    scored.save_weights(temporary)
    os.replace(temporary, run / WEIGHTS)
    result = {"steps": configuration.steps, "validation_mean_iou": validate(), "loss": history.history["loss"][-1]}
    (run / RESULT).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return result
