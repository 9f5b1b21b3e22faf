"""The training run: data set and configuration in, weights and a log out; resumes where it was interrupted."""
from __future__ import annotations

import io
import json
import math
import os
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from rt_seg.atomic_file import write_atomically
from rt_seg.bundle import BundleError
from rt_seg.confusion import mean_iou
from rt_seg.model_home import find_bundle
from rt_seg_training.configuration import ConfigurationError, TrainingConfiguration
from rt_seg_training.datasets.loading import DataSet
from rt_seg_training.input_pipeline import batches as pipeline
from rt_seg_training.input_pipeline.data_order import fits_in_memory
from rt_seg_training.nets.fused_normalization import synchronize_normalization, with_fused_normalization
from rt_seg_training.nets.registry import DEPTH_NETS, build_net
from rt_seg_training.optimization.class_weights import inverse_log_weights, median_frequency_weights
from rt_seg_training.optimization.losses import (
    SegmentationCrossEntropy,
    SegmentationDice,
    SegmentationFocal,
    SegmentationLoss,
    SegmentationOhem,
)
from rt_seg_training.optimization.optimizers import build_optimizer, copy_averaged_weights
from rt_seg_training.optimization.precision import layer_policy
from rt_seg_training.optimization.training_step import compile_step
from rt_seg_training.runs.checkpoint import (
    CheckpointError,
    Progress,
    load_checkpoint,
    replace_file,
    save_checkpoint,
)
from rt_seg_training.runs.distribution import check, create_strategy, describe, from_chief, is_chief
from rt_seg_training.runs.history import write_history
from rt_seg_training.runs.interruption import Interruption
from rt_seg_training.runs.reports import Curves, ProgressBar, TensorBoardReport, panels
from rt_seg_training.runs.run_folder import RunFolder
from rt_seg_training.runs.validation import mask_predictor, score, scorer
from rt_seg_training.runs.warm_start import WARM_NETS, WarmStartError, is_bundle, warm_start

SPEED_STEPS = 8
"""Steps over which the speeds of input and training are measured at the start."""
WARM_START_BATCHES = 16
"""Batches on which batch normalisation is measured when the weights come from an exported network."""


def parts_of(split: str) -> list[str]:
    """The names of the splits in a split expression: `a[:10%]+b` has a and b."""
    return [part.split("[")[0].strip() for part in split.split("+")]


def class_weights(configuration: TrainingConfiguration, dataset: DataSet) -> np.ndarray | None:
    """The weights of the classes in the loss, float32 (classes,), from the training split; None for equal ones."""
    classes = len(dataset.labels)
    if configuration.class_weights == "inverse_log":
        pixels = sum(dataset.pixels[part] for part in parts_of(configuration.train_split))
        return inverse_log_weights(pixels[:classes])
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


def training_model(
    configuration: TrainingConfiguration,
    class_count: int,
    ignore_id: int,
    weights: np.ndarray | None,
    replicas: int = 1,
) -> keras.Model:
    """The network of the crops with loss and optimizer, ready for `fit` and compile_step.

    `weights`: of the classes, or None. Of several replicas batch normalisation takes the statistics together.
    """
    model = _trained_net(configuration, class_count, replicas)
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


def _trained_net(configuration: TrainingConfiguration, class_count: int, replicas: int) -> keras.Model:
    """The network of the crops, whose layers compute in the precision of the configuration."""
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(layer_policy(configuration.mixed_precision, replicas))
    try:
        net = build_net(
            configuration.net,
            configuration.crop_height,
            configuration.crop_width,
            class_count,
            configuration.auxiliary_weight > 0,
            configuration.head,
        )
        if replicas == 1:
            return with_fused_normalization(net)
        synchronize_normalization(net)
        return net
    finally:
        keras.config.set_dtype_policy(usual)


def load_initial_weights(model: keras.Model, path: Path) -> list[str]:
    """Copy weights from a file or run folder where layer name and shape agree; returns the layers left random.

    Raises ConfigurationError if the file is missing. Layers are matched by name, so that a model of another class
    count, or without the auxiliary head, gives what it has.
    """
    file = RunFolder(path).weights if path.is_dir() else path
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


class TrainingError(RuntimeError):
    """The run cannot go on."""


def _replace_weights(model: keras.Model, path: Path) -> None:
    """Save the weights, atomic. Raises OSError."""

    def write(temporary: Path) -> None:
        # Keras insists on the ending, by which it knows the format.
        named = temporary.with_name(f"{temporary.name}.weights.h5")
        try:
            model.save_weights(named)
            os.replace(named, temporary)
        finally:
            named.unlink(missing_ok=True)

    replace_file(path, write)


def _apply_initial_weights(configuration: TrainingConfiguration, model: keras.Model, batches: tf.data.Dataset) -> None:
    start = find_bundle(configuration.initial_weights)
    if is_bundle(start):
        if configuration.net not in WARM_NETS:
            raise ConfigurationError(
                f"initial_weights: {start} is a bundle, which gives weights to the nets {', '.join(WARM_NETS)}, "
                f"not to {configuration.net}; name a run folder or '' for random weights"
            )
        inputs = (inputs for inputs, _ in batches.take(WARM_START_BATCHES).as_numpy_iterator())
        try:
            fresh = warm_start(model, start, inputs)
        except (BundleError, WarmStartError) as error:
            raise ConfigurationError(f"initial_weights: {error}") from error
    else:
        fresh = load_initial_weights(model, start)
    print(f"initial weights from {start}; {len(fresh)} layers stay random")


def _input_speed(batches: tf.data.Dataset, batch_size: int) -> float:
    """Pictures a second that the input pipeline delivers while nothing else is done."""
    iterator = iter(batches)
    next(iterator)  # fills the shuffle buffer
    started = time.perf_counter()
    for _ in range(SPEED_STEPS):
        next(iterator)
    return SPEED_STEPS * batch_size / (time.perf_counter() - started)


def _save_bad_batch(path: Path, inputs, labels, strategy: tf.distribute.Strategy) -> Path:
    """Write what the step saw as an .npz: arrays inputs_0 (and inputs_1, depth) and labels, as in training_batches."""
    def here(value):
        return np.concatenate([part.numpy() for part in strategy.experimental_local_results(value)])

    parts = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, labels=here(labels), **{f"inputs_{i}": here(part) for i, part in enumerate(parts)})
    write_atomically(path, buffer.getvalue())
    return path


def _best(history: list[dict[str, float]], column: str, sign: int) -> int:
    """Index of the first row with the largest `sign` times the column."""
    return max(range(len(history)), key=lambda row: (sign * history[row][column], -row))


def train(
    configuration: TrainingConfiguration, dataset: DataSet, strategy: tf.distribute.Strategy | None = None
) -> dict[str, float]:
    """Train, and write weights, labels, configuration, history and result into the run folder; returns the result.

    An interrupted run (same run folder) goes on after its last checkpoint as if it had not been interrupted. With
    distribution multi_worker `strategy` comes from create_strategy, called before the data set was loaded, and all
    workers see the same run folder. Raises ConfigurationError for an unusable folder, weights file or distribution,
    DatasetError for an unknown split, TrainingError when the loss overflows or another worker ends, OSError when
    the disk is full, KeyboardInterrupt after Ctrl-C or SIGTERM, when all is saved.
    """
    strategy = strategy or create_strategy(configuration.distribution)
    replicas = strategy.num_replicas_in_sync
    chief = is_chief(strategy)
    run = Path(configuration.run)
    folder = RunFolder(run)
    if folder.result.exists():
        raise ConfigurationError(f"run: {run} holds a finished run; name another folder with --run, or delete it")
    run.mkdir(parents=True, exist_ok=True)
    policy = layer_policy(configuration.mixed_precision, replicas)
    check(configuration, strategy, policy)
    print(describe(configuration, strategy, policy))
    keras.utils.set_random_seed(configuration.seed)
    labels = dataset.labels
    if configuration.head == "binary" and len(labels) != 2:
        raise ConfigurationError(
            f"head: binary is for data sets of 2 classes, {dataset.name} has {len(labels)}; choose semantic"
        )
    weights = class_weights(configuration, dataset)
    with_depth = configuration.net in DEPTH_NETS
    examples = dataset.examples(configuration.train_split, depth=with_depth)
    count = dataset.count(configuration.train_split)
    # Decoded: 3 bytes of colour, 1 of label and perhaps 3 of depth per pixel.
    in_memory = fits_in_memory(7 * sum(int(dataset.pixels[part].sum()) for part in parts_of(configuration.train_split)))

    def batches(position: int = 0, workers: int = 1, worker: int = 0, share: int = 1) -> tf.data.Dataset:
        return pipeline.training_batches(
            examples, count, configuration, labels.ignore_id, position, workers, worker, share, in_memory
        )

    def new_model(replicas: int) -> keras.Model:
        return training_model(configuration, len(labels), labels.ignore_id, weights, replicas)

    initial = None
    if configuration.initial_weights and not folder.checkpoint.exists():
        initial = new_model(1)
        _apply_initial_weights(configuration, initial, batches())
    with strategy.scope():
        model = initial if initial is not None and replicas == 1 else new_model(replicas)
        if initial is not None and replicas > 1:
            model.set_weights(initial.get_weights())
        try:
            progress = load_checkpoint(run, model)
        except CheckpointError as error:
            raise ConfigurationError(str(error)) from error
    if progress is None:
        progress = Progress()
    else:
        print(f"{run}: goes on after step {progress.step}")
    if chief:
        write_atomically(folder.labels, json.dumps(labels.to_dict()).encode())
        configuration.save(folder.configuration)
    two_heads = configuration.auxiliary_weight > 0
    # The sizes of the resizing layers are fixed when a model is built, so the scored model is a second one that
    # reads the weights of the first. It computes in float32, as the exported network does.
    scored = build_net(
        configuration.net, configuration.height, configuration.width, len(labels), two_heads, configuration.head
    )
    validation = pipeline.validation_batches(
        dataset.examples(configuration.validation_split, depth=with_depth), configuration
    )
    evaluate = scorer(scored, build_loss(configuration, labels.ignore_id, weights))
    predict = mask_predictor(scored)
    loss = build_loss(configuration, labels.ignore_id, weights)
    step = compile_step(model, [loss, loss], [1.0, configuration.auxiliary_weight], strategy)

    def save() -> None:
        if chief:
            save_checkpoint(run, model, progress)

    def validate() -> dict[str, float]:
        """Scores the weights, keeps them if they are the best, and returns the row of the history."""
        scores = [0.0, 0.0]
        copy_averaged_weights(model, scored)
        if chief:
            matrix, validation_loss = score(evaluate, validation, len(labels), labels.ignore_id)
            scores = [mean_iou(matrix), validation_loss]
        scores = from_chief(strategy, scores)
        row = {
            "epoch": len(progress.history),
            "step": progress.step,
            "learning_rate": float(model.optimizer.learning_rate),
            "loss": progress.loss_sum / progress.loss_steps,
            "validation_loss": scores[1],
            "validation_mean_iou": scores[0],
        }
        progress.history.append(row)
        progress.loss_sum, progress.loss_steps = 0.0, 0
        if chief:
            last = len(progress.history) - 1
            if _best(progress.history, "validation_mean_iou", 1) == last:
                _replace_weights(scored, folder.weights)
            if _best(progress.history, "validation_loss", -1) == last:
                _replace_weights(scored, folder.best_loss_weights)
            _replace_weights(scored, folder.last_weights)
            save()
            write_history(folder.history, progress.history)
        return row

    reports = (
        [
            Curves(folder.history, folder.curves, min(configuration.validate_every, configuration.steps)),
            TensorBoardReport(
                Path(configuration.tensorboard_dir or folder.tensorboard), lambda: panels(predict, validation, labels)
            ),
            ProgressBar(configuration.steps, min(configuration.validate_every, configuration.steps)),
        ]
        if chief
        else []
    )
    for report in reports:
        report.set_model(model)

    def tell(event: str, *arguments) -> None:
        for report in reports:
            getattr(report, event)(*arguments)

    def done() -> bool:
        history = progress.history
        stale = len(history) - 1 - _best(history, "validation_mean_iou", 1) if history else 0
        return progress.step >= configuration.steps or bool(configuration.patience and stale >= configuration.patience)

    measured = None
    if configuration.steps - progress.step > 3 * SPEED_STEPS:
        measured = _input_speed(batches(progress.position), configuration.batch_size)
    iterator = iter(
        strategy.distribute_datasets_from_function(
            lambda context: batches(
                progress.position, context.num_input_pipelines, context.input_pipeline_id, replicas
            )
        )
    )
    saved = started = time.monotonic()
    first = progress.step
    with Interruption() as interruption:
        tell("on_epoch_begin", len(progress.history))
        while not done():
            inputs, truth = next(iterator)
            try:
                step_loss, norm = map(float, step(inputs, truth))
            except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
                raise TrainingError(
                    f"another worker has ended; start all again to go on from the last checkpoint: {error.message}"
                ) from error
            if not math.isfinite(step_loss) or not (policy == "mixed_float16" or math.isfinite(norm)):
                batch = _save_bad_batch(folder.bad_batch, inputs, truth, strategy)
                raise TrainingError(
                    f"the loss is {step_loss} and the norm of its gradient {norm} at step {progress.step + 1}, so the "
                    f"weights are lost. Its pictures are in {batch}, those before it are from position "
                    f"{progress.position} on. What was saved before is kept. Look at the batch, lower learning_rate, "
                    "or set gradient_clip_norm, such as 5, and start a new run"
                )
            progress.step += 1
            progress.position += configuration.batch_size
            progress.loss_sum += step_loss
            progress.loss_steps += 1
            tell("on_train_batch_end", progress.step, {"loss": progress.loss_sum / progress.loss_steps})
            if measured is not None and progress.step == first + SPEED_STEPS:
                started = time.monotonic()
            if measured is not None and progress.step == first + 2 * SPEED_STEPS:
                rate = SPEED_STEPS * configuration.batch_size / (time.monotonic() - started)
                print(f"training {rate:.1f} images/s; the input pipeline alone {measured:.1f} images/s")
            if progress.step % configuration.validate_every == 0 or progress.step == configuration.steps:
                row = validate()
                tell("on_epoch_end", int(row["epoch"]), {k: v for k, v in row.items() if k not in ("epoch", "step")})
                if chief and not os.isatty(2):
                    print(
                        f"step {progress.step}/{configuration.steps}: loss {row['loss']:.4f}, "
                        f"validation mIoU {row['validation_mean_iou']:.4f}, loss {row['validation_loss']:.4f}",
                        flush=True,
                    )
                saved = time.monotonic()
            elif time.monotonic() - saved > 60 * configuration.checkpoint_minutes or interruption.requested:
                save()
                saved = time.monotonic()
            if interruption.requested and not done():
                tell("on_train_end")
                raise KeyboardInterrupt(f"after step {progress.step}")
        tell("on_train_end")
    best = progress.history[_best(progress.history, "validation_mean_iou", 1)]
    result = {
        "steps": progress.step,
        "validation_mean_iou": best["validation_mean_iou"],
        "best_step": best["step"],
        "loss": progress.history[-1]["loss"],
    }
    if chief:
        write_atomically(folder.result, (json.dumps(result, indent=2) + "\n").encode())
        folder.checkpoint.unlink(missing_ok=True)
    return result
