"""What a training run checks before it computes or writes anything: the run that is there already, and its settings."""

from __future__ import annotations

import dataclasses
import json
import re

from rt_seg.labels import LabelSet
from rt_seg_training.configuration import RANDOM, ConfigurationError, TrainingConfiguration, load_run_configuration
from rt_seg_training.nets import registry
from rt_seg_training.runs.checkpoint import CheckpointError, Progress, stored_progress
from rt_seg_training.runs.history import is_stale, stale
from rt_seg_training.runs.run_folder import RunFolder

MAY_CHANGE = frozenset(
    {"steps", "run", "tensorboard_dir", "validate_every", "patience", "checkpoint_minutes", "distribution"}
)
"""Settings that may differ where a run resumes: they say how long it is, what is told of it, and where it computes."""


def check_earlier_run(folder: RunFolder, configuration: TrainingConfiguration) -> None:
    """Raises ConfigurationError where the run in `folder` cannot go on with these settings; prints that it goes on."""
    if folder.result.exists():
        _check_continuing(folder, configuration)
    if folder.checkpoint.exists() and folder.configuration.exists():
        _check_settings(folder, configuration)


def _check_continuing(folder: RunFolder, configuration: TrainingConfiguration) -> None:
    """Raises ConfigurationError unless the finished run there can continue and is asked for more steps."""
    path = folder.path
    try:
        done = int(json.loads(folder.result.read_text(encoding="utf-8"))["steps"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = f"{folder.result}: is not a result of train ({error}); delete the run"
        raise ConfigurationError(text) from error
    if configuration.steps <= done:
        raise ConfigurationError(
            f"run: {path} holds a finished run of {done} steps; --steps above {done} continues it, --run names "
            "another folder"
        )
    progress = _stored_progress(folder)
    if progress is None:
        raise ConfigurationError(
            f"run: {path} holds a finished run without {folder.checkpoint.name}, so it cannot be continued; "
            f"start a new run from its weights: --run NEW --initial-weights {path}"
        )
    if is_stale(configuration, progress):
        raise ConfigurationError(
            f"run: {path} was stopped after {stale(progress.history)} validations without a better mIoU; "
            "continue with --patience 0 or a larger one"
        )
    total = configuration.steps
    more = f"continuing to {total}; the learning rate schedule now spans all {total}"
    print(f"{path}: finished after {done} steps; {more}")


def _stored_progress(folder: RunFolder) -> Progress | None:
    try:
        return stored_progress(folder.path)
    except CheckpointError as error:
        raise ConfigurationError(str(error)) from error


def _check_settings(folder: RunFolder, configuration: TrainingConfiguration) -> None:
    """Raises ConfigurationError for settings with which the run there was not begun: its weights would be of both,
    and its configuration, which the model card prints, would tell of the new ones alone."""
    path = folder.path
    begun = load_run_configuration(folder.configuration)
    wanted = {**dataclasses.asdict(configuration), "initial_weights": configuration.start}
    differences = [
        f"{name} {old!r}, now {new!r}"
        for name, old in dataclasses.asdict(begun).items()
        if name not in MAY_CHANGE and (new := wanted[name]) != old
    ]
    if differences:
        raise ConfigurationError(
            f"run: {path} was begun with other settings: {'; '.join(differences)}. Continue it with the settings "
            f"it was begun with, or use another --run with --initial-weights {path}"
        )


def without_effect(configuration: TrainingConfiguration) -> list[str]:
    """What settings say that is not done, in a line each."""
    lines = []
    if configuration.net in registry.PRETRAINED_NETS and configuration.start == RANDOM:
        lines.append(
            "initial_weights: random, so freeze_statistics and encoder_learning_rate_share are not applied: the "
            "encoder learns all from the start"
        )
    if configuration.warmup != configuration.warmup_steps:
        lines.append(
            f"warmup_steps: {configuration.warmup_steps} is not below the {configuration.steps} steps, so the warm-up "
            f"is shortened to {configuration.warmup}"
        )
    return lines


def mirrored_sides(configuration: TrainingConfiguration, labels: LabelSet) -> list[str]:
    """Warnings of classes that are each other's mirror image, where images are mirrored without their labels."""
    sides: dict[str, list[str]] = {}
    for name in labels.names:
        plain = re.sub(r"[\W_]+", "", name.lower())
        if "left" in plain or "right" in plain:
            sides.setdefault(re.sub("left|right", "*", plain), []).append(name)
    return [
        f"warning: flip: true mirrors images left to right, but the classes {' and '.join(names)} differ only by their "
        "side, so each is learnt as the other, too; set flip: false"
        for names in sides.values()
        if configuration.flip and len(names) > 1
    ]
