"""Where the weights of a run come from, in the words of manifests, reports and model cards."""

from __future__ import annotations

from pathlib import Path

from rt_seg.bundle import TrainingData
from rt_seg_training.configuration import IMAGENET, RANDOM, TrainingConfiguration


def training_data(configuration: TrainingConfiguration, frames: int | None = None) -> TrainingData:
    """What a run has learnt from, for manifests and reports; `frames`: how many, if known."""
    start = {IMAGENET: IMAGENET, RANDOM: ""}.get(configuration.start)
    if start is None:
        start = public_place(configuration.start)
    return TrainingData(configuration.dataset, configuration.train_split, frames, start)


def public_place(path: str) -> str:
    """A path of a run or bundle without where it lay on the machine that trained, which is nobody's business."""
    place = Path(path)
    return f"{'models' if place.parent.name == 'models' else 'runs'}/{place.name}"
