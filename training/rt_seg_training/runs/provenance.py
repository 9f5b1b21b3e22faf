"""Where the weights of a run come from, in the words of manifests, reports and model cards."""

from __future__ import annotations

import re
from pathlib import Path

from rt_seg.bundle import TrainingData
from rt_seg.model_home import MANIFEST, find_bundle
from rt_seg_training.configuration import IMAGENET, RANDOM, TrainingConfiguration


def training_data(configuration: TrainingConfiguration, frames: int | None = None) -> TrainingData:
    """What a run has learnt from, for manifests and reports; `frames`: how many, if known."""
    start = {IMAGENET: IMAGENET, RANDOM: ""}.get(configuration.start)
    if start is None:
        start = public_place(configuration.start)
    return TrainingData(public_data_set(configuration.dataset), configuration.train_split, frames, start)


def public_place(path: str) -> str:
    """A path of a run, or path or name of a bundle, without where it lay on the machine that trained, which is nobody's
    business."""
    place = find_bundle(path)
    is_bundle = place.parent.name == "models" or (place / MANIFEST).is_file()
    return f"{'models' if is_bundle else 'runs'}/{place.name}"


def public_data_set(name: str) -> str:
    """A data set as it is named, custom/mine, or where it is given as a folder the name of that alone."""
    place = Path(name)
    parts = place.parts
    if not (place.is_absolute() or len(parts) > 2 or parts[:1] in (("~",), ("..",)) or place.is_dir()):
        return name
    # Below the name TFDS has a folder for each version.
    return place.parent.name if re.fullmatch(r"\d+\.\d+\.\d+", place.name) else place.name
