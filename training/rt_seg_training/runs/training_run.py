"""The training run: data set and configuration in, weights and a log out; resumes where it was interrupted."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Callable, Sequence

import keras
import tensorflow as tf

from rt_seg.atomic_file import write_atomically
from rt_seg.confusion import mean_iou
from rt_seg.labels import write_labels
from rt_seg_training.configuration import RANDOM, ConfigurationError, TrainingConfiguration
from rt_seg_training.datasets.loading import DataSet
from rt_seg_training.input_pipeline import batches as pipeline
from rt_seg_training.input_pipeline.unlabeled import Frame
from rt_seg_training.nets import registry
from rt_seg_training.nets.normalization import normalization_of
from rt_seg_training.optimization import distillation
from rt_seg_training.optimization.class_weights import class_weights
from rt_seg_training.optimization.losses import build_loss
from rt_seg_training.optimization.optimizers import copy_averaged_weights
from rt_seg_training.optimization.precision import layer_policy
from rt_seg_training.optimization.training_model import training_model
from rt_seg_training.optimization.training_step import compile_step
from rt_seg_training.runs.checkpoint import CheckpointError, Progress, load_checkpoint, save_checkpoint, save_weights
from rt_seg_training.runs.distribution import check, create_strategy, describe, from_chief, is_chief
from rt_seg_training.runs.history import best, is_stale, write_history
from rt_seg_training.runs.initial_weights import apply_initial_weights
from rt_seg_training.runs.interruption import Interruption
from rt_seg_training.runs.reports import (
    SPEED_STEPS,
    Curves,
    ProgressBar,
    ProgressLines,
    SpeedReport,
    TensorBoardReport,
    input_speed,
    panels,
)
from rt_seg_training.runs.run_checks import check_earlier_run, mirrored_sides, without_effect
from rt_seg_training.runs.run_folder import RunFolder
from rt_seg_training.runs.teacher import Teacher
from rt_seg_training.runs.training_input import TrainingInput, save_bad_batch
from rt_seg_training.runs.validation import mask_predictor, score, scorer


class TrainingError(RuntimeError):
    """The run cannot continue."""


class TrainingRun:
    """One training run, by phases: prepare, then step, validate and save until it is done, then finish.

    Example:
        >>> TrainingRun(configuration, load_dataset(configuration.dataset)).train()  # doctest: +SKIP

    An interrupted run (same run folder) resumes from its last checkpoint and ends with the weights that it would have
    had. With distribution multi_worker `strategy` comes from create_strategy, called before the data set was loaded,
    and all workers see the same run folder.
    """

    def __init__(
        self,
        configuration: TrainingConfiguration,
        dataset: DataSet,
        strategy: tf.distribute.Strategy | None = None,
        unlabeled: Sequence[Frame] = (),
    ) -> None:
        """`unlabeled`: images of the setting of this name, as prediction.unlabeled_frames reads them."""
        self._unlabeled_frames = unlabeled
        self.configuration, self.dataset, self.labels = configuration, dataset, dataset.labels
        self.folder = RunFolder(Path(configuration.run))
        self._strategy = strategy or create_strategy(configuration.distribution)
        self._replicas = self._strategy.num_replicas_in_sync
        self._chief = is_chief(self._strategy)
        self._policy = layer_policy(configuration.mixed_precision, self._replicas)
        self._progress = Progress()

    def train(self) -> dict[str, float]:
        """Train, and write weights, labels, configuration, history and result into the run folder; returns the result.

        Raises ConfigurationError for an unusable folder, weights file or distribution, DatasetError for an unknown
        split, TrainingError when the loss is not finite or another worker ends, OSError when the disk is full,
        KeyboardInterrupt after Ctrl-C or SIGTERM, when all is saved.
        """
        self._prepare()
        with Interruption() as interruption:
            self._callbacks.on_train_begin()
            while not self._done():
                self._step()
                if self._at_validation():
                    self._validate()
                elif self._checkpoint_is_due() or interruption.requested:
                    self._save()
                if interruption.requested and not self._done():
                    self._callbacks.on_train_end()
                    raise KeyboardInterrupt(f"after step {self._progress.step}")
            self._callbacks.on_train_end()
        return self._finish()

    # Prepare.

    def _prepare(self) -> None:
        """Everything that a step needs, and the files that say what run this is."""
        self._check()
        keras.utils.set_random_seed(self.configuration.seed)
        self._teacher = self._load_teacher()
        self._with_depth = self.configuration.net in registry.DEPTH_NETS
        self._depth_is_read = self._with_depth or (self._teacher is not None and self._teacher.takes_depth)
        weights = class_weights(self.configuration, self.dataset)
        self._loss = build_loss(self.configuration, self.labels.ignore_id, weights)
        self._input = TrainingInput(self.configuration, self.dataset, self._depth_is_read, self._unlabeled_frames)
        self._prepare_model()
        if self._chief:
            self.folder.result.unlink(missing_ok=True)
            write_labels(self.folder.labels, self.labels)
            self.configuration.save(self.folder.configuration)
        self._prepare_validation()
        self._train_step = compile_step(
            self._model, self._loss, [1.0, self.configuration.auxiliary_weight], self._strategy, self._teaching()
        )
        self._callbacks = keras.callbacks.CallbackList(self._reports(), model=self._model)
        self._batches = self._input.distributed_batches(self._strategy, self._progress.position)
        self._saved_at = time.monotonic()

    def _check(self) -> None:
        """Raises ConfigurationError before anything is computed or written."""
        check_earlier_run(self.folder, self.configuration)
        self.folder.path.mkdir(parents=True, exist_ok=True)
        check(self.configuration, self._strategy, self._policy)
        print(describe(self.configuration, self._strategy, self._policy))
        for line in [*without_effect(self.configuration), *mirrored_sides(self.configuration, self.labels)]:
            print(line)
        if self.configuration.head == "binary" and len(self.labels) != 2:
            raise ConfigurationError(
                f"head: binary is for data sets of 2 classes, {self.dataset.name} has {len(self.labels)}; "
                "choose semantic"
            )

    def _load_teacher(self) -> Teacher | None:
        configuration = self.configuration
        if not configuration.teacher:
            return None
        if self._replicas > 1:
            raise ConfigurationError("teacher: works with distribution: single only")
        return Teacher(configuration.teacher, configuration, self.labels)

    def _teaching(self) -> Callable | None:
        """The loss against the teacher, of a batch and the logits that the run's network gives for it."""
        teacher, weight = self._teacher, self.configuration.teacher_weight
        if teacher is None:
            return None
        compare = distillation.LOSSES[self.configuration.teacher_loss]

        def teach(inputs, logits):
            image, depth = inputs if isinstance(inputs, tuple) else (inputs, None)
            return weight * compare(logits, distillation.teacher_at_size_of(teacher(image, depth), logits))

        return teach

    def _prepare_model(self) -> None:
        """The network with its first weights, or those of the checkpoint, whose progress then holds."""

        def new_model(replicas: int) -> keras.Model:
            return training_model(self.configuration, len(self.labels), self._loss, replicas)

        initial = None
        if self.configuration.start != RANDOM and not self.folder.checkpoint.exists():
            initial = new_model(1)
            apply_initial_weights(self.configuration, initial)
        with self._strategy.scope():
            self._model = initial if initial is not None and self._replicas == 1 else new_model(self._replicas)
            if initial is not None and self._replicas > 1:
                self._model.set_weights(initial.get_weights())
            try:
                progress = load_checkpoint(self.folder.path, self._model)
            except CheckpointError as error:
                raise ConfigurationError(str(error)) from error
        if progress is not None:
            self._progress = progress
            print(f"{self.folder.path}: resumes after step {progress.step}")

    def _prepare_validation(self) -> None:
        # The sizes of the resizing layers are fixed when a model is built, so the scored model is a second one that
        # reads the weights of the first. It computes in float32, as the exported network does.
        configuration = self.configuration
        two_heads = configuration.auxiliary_weight > 0
        self._scored = registry.build_net(
            configuration.net, configuration.height, configuration.width, len(self.labels), two_heads,
            configuration.head,
        )  # fmt: skip
        examples = self.dataset.examples(configuration.validation_split, depth=self._with_depth)
        self._validation = pipeline.validation_batches(examples, configuration)
        self._scorer = scorer(self._scored, self._loss)

    def _reports(self) -> list[keras.callbacks.Callback]:
        """What tells of the run; the speed of the input is measured here, while nothing else is done."""
        configuration, folder, progress = self.configuration, self.folder, self._progress
        reports: list[keras.callbacks.Callback] = []
        if self._chief:
            predict = mask_predictor(self._scored)
            reports += [
                Curves(folder.history, folder.curves),
                TensorBoardReport(
                    Path(configuration.tensorboard_dir or folder.tensorboard),
                    lambda: panels(predict, self._validation, self.labels, normalization_of(configuration.net)),
                ),
                ProgressBar(configuration.steps, progress.step),
                ProgressLines(configuration.steps),
            ]
        if configuration.steps - progress.step > 3 * SPEED_STEPS:
            batches = self._input.batches(progress.position)
            reports.append(SpeedReport(configuration.batch_size, input_speed(batches, configuration.batch_size)))
        return reports

    # Train.

    def _done(self) -> bool:
        return self._progress.step >= self.configuration.steps or is_stale(self.configuration, self._progress)

    def _at_validation(self) -> bool:
        step = self._progress.step
        return step % self.configuration.validate_every == 0 or step == self.configuration.steps

    def _step(self) -> None:
        """Learns from one batch, and counts it. Raises TrainingError."""
        progress = self._progress
        inputs, truth = next(self._batches)
        try:
            loss, norm = map(float, self._train_step(inputs, truth))
        except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
            raise TrainingError(
                f"another worker has stopped; restart all workers to resume from the last checkpoint: {error.message}"
            ) from error
        if not math.isfinite(loss) or not (self._policy == "mixed_float16" or math.isfinite(norm)):
            batch = save_bad_batch(self.folder.bad_batch, inputs, truth, self._strategy)
            raise TrainingError(
                f"the loss is {loss} and the norm of its gradient {norm} at step {progress.step + 1}, so the current "
                f"weights are unusable. The batch is saved in {batch}; it starts at position {progress.position} of "
                "the data order. What was saved before is kept. Look at the batch, lower learning_rate, "
                "or set gradient_clip_norm, such as 5, and start a new run"
            )
        progress.step += 1
        progress.position += self.configuration.batch_size
        progress.loss_sum += loss
        progress.loss_steps += 1
        self._callbacks.on_train_batch_end(progress.step, {"loss": progress.loss_sum / progress.loss_steps})

    # Validate and save.

    def _validate(self) -> None:
        """Scores the weights, adds a row to the history, keeps the weights if they are the best, and tells of it."""
        progress = self._progress
        scores = [0.0, 0.0]
        copy_averaged_weights(self._model, self._scored)
        if self._chief:
            matrix, loss = score(self._scorer, self._validation, len(self.labels), self.labels.ignore_id)
            scores = [mean_iou(matrix), loss]
        scores = from_chief(self._strategy, scores)
        epoch = len(progress.history)
        told = {
            "learning_rate": float(self._model.optimizer.learning_rate),
            "loss": progress.loss_sum / progress.loss_steps,
            "validation_loss": scores[1],
            "validation_mean_iou": scores[0],
        }
        progress.history.append({"epoch": epoch, "step": progress.step, **told})
        progress.loss_sum, progress.loss_steps = 0.0, 0
        if self._chief:
            self._keep_weights()
        self._save()
        if self._chief:
            write_history(self.folder.history, progress.history)
        self._callbacks.on_epoch_end(epoch, told)

    def _keep_weights(self) -> None:
        history = self._progress.history
        last = len(history) - 1
        if best(history, "validation_mean_iou", 1) == last:
            save_weights(self._scored, self.folder.weights)
        if best(history, "validation_loss", -1) == last:
            save_weights(self._scored, self.folder.best_loss_weights)
        save_weights(self._scored, self.folder.last_weights)

    def _checkpoint_is_due(self) -> bool:
        return time.monotonic() - self._saved_at > 60 * self.configuration.checkpoint_minutes

    def _save(self) -> None:
        """Writes the checkpoint."""
        if self._chief:
            save_checkpoint(self.folder.path, self._model, self._progress)
        self._saved_at = time.monotonic()

    # Finish.

    def _finish(self) -> dict[str, float]:
        """Writes and returns the result; from the checkpoint the run continues if it is asked for more steps."""
        history = self._progress.history
        row = history[best(history, "validation_mean_iou", 1)]
        result = {
            "steps": self._progress.step,
            "validation_mean_iou": row["validation_mean_iou"],
            "best_step": row["step"],
            "loss": history[-1]["loss"],
        }
        if self._chief:
            write_atomically(self.folder.result, (json.dumps(result, indent=2) + "\n").encode())
        return result
