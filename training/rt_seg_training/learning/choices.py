"""What a training on a labelled folder should be like, chosen from the data and the speed of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rt_seg_training.datasets.custom.custom_source import read_custom
from rt_seg_training.datasets.source import Source, read_pair

LOOKED_AT = 40
"""Frames whose masks are measured: enough for a median, and read within seconds."""
WIDTHS = (320, 480, 640)
SEEN_SIDE = 12.0
"""Pixels of an object's side at the network's input below which its outline is guesswork at a quarter of the size."""
DEPTH_SHARE = 0.8
"""Share of the frames that must have depth before a network that takes it is worth its time."""
BATCH = 6
LARGEST_CROP = (256, 320)
STEPS = (120, 1200)
"""Fewer teach nothing to a decoder that starts from random weights; more gained nothing on sets of this size."""
SMALL_VALIDATION = 20
"""Frames below which the score of a validation split is a hint, not a measurement."""


@dataclass(frozen=True)
class Facts:
    """What matters of a labelled folder.

    `object_side`: pixels, the median side (root of the area) of the smallest class where it is present; None where no
    frame has any.
    """

    train: int
    validation: int
    height: int
    width: int
    classes: tuple[str, ...]
    depth_share: float
    object_side: float | None
    smallest_class: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choices:
    """Settings of a training configuration, without those of places, and a reason for each choice."""

    settings: dict[str, Any]
    reasons: tuple[str, ...]


def look_at(folder: str) -> Facts:
    """Measure a labelled folder or zip file. Raises DatasetError."""
    source = read_custom(folder)
    pairs = [pair for members in source.splits.values() for pair in members]
    chosen = pairs[:: max(len(pairs) // LOOKED_AT, 1)]
    side, name, (height, width) = _smallest_object(source, chosen)
    with_depth = sum(pair.depth is not None for pair in pairs)
    return Facts(
        len(source.splits.get("train", ())),
        len(source.splits.get("validation", ())),
        height,
        width,
        tuple(source.labels.names),
        with_depth / len(pairs),
        side,
        name,
        source.notes,
    )


def _smallest_object(source: Source, pairs: Sequence[Any]) -> tuple[float | None, str, tuple[int, int]]:
    sides: dict[int, list[float]] = {}
    size = (0, 0)
    for pair in pairs:
        image, mask, *_ = read_pair(pair, source)
        size = (image.shape[0], image.shape[1])
        for label in source.labels.labels[1:]:
            area = int(np.count_nonzero(mask == label.id))
            if area:
                sides.setdefault(label.id, []).append(float(np.sqrt(area)))
    medians = {class_id: float(np.median(values)) for class_id, values in sides.items()}
    if not medians:
        return None, "", size
    smallest = min(medians, key=lambda class_id: medians[class_id])
    return medians[smallest], source.labels.names[smallest], size


def _input_width(facts: Facts) -> tuple[int, str]:
    possible = [width for width in WIDTHS if width <= max(facts.width, WIDTHS[0])]
    if facts.object_side is None:
        return possible[min(1, len(possible) - 1)], "no object found in the masks, so the default size"
    for width in possible:
        side = facts.object_side * width / facts.width
        if width >= WIDTHS[1] and side >= 2 * SEEN_SIDE or width == possible[-1]:
            return width, f"{facts.smallest_class}, the smallest class, is about {side:.0f} pixels wide at this size"
    raise AssertionError("the last width is always taken")


def _multiple(value: float) -> int:
    return max(32 * round(value / 32), 64)


def choose(facts: Facts, images_per_second: float | None, minutes: float) -> Choices:
    """Settings for a training of about `minutes` on a machine that learns from so many images per second.

    Where that is None, because somebody else says how many steps, they are the most that gain anything.
    """
    with_depth = facts.depth_share >= DEPTH_SHARE
    width, why = _input_width(facts)
    height = _multiple(width * facts.height / max(facts.width, 1))
    width = _multiple(width)
    crop = (min(LARGEST_CROP[0], height), min(LARGEST_CROP[1], width))
    affordable = STEPS[1] if images_per_second is None else int(60 * minutes * images_per_second / BATCH)
    steps = min(max(affordable, STEPS[0]), STEPS[1])
    validated = "validation" if facts.validation else "train"
    reasons = [
        f"net {network(facts)}: ImageNet-pretrained encoder, best with few images"
        + (f"; {facts.depth_share:.0%} of the frames have depth" if with_depth else ""),
        f"input {width}x{height}: {why}",
        "loss cross_entropy_dice: small classes count as much as large ones",
    ]
    if images_per_second is not None:
        reasons.append(
            f"{steps} steps of {BATCH} crops of {crop[1]}x{crop[0]}: {images_per_second:.1f} images/s, about "
            f"{steps * BATCH / images_per_second / 60:.0f} minutes"
        )
    if steps > affordable:
        reasons.append(f"more than the {minutes:g} minutes requested: at least {STEPS[0]} steps are needed")
    elif steps < affordable:
        reasons.append(
            f"less than the {minutes:g} minutes requested: beyond {STEPS[1]} steps there was no further gain"
        )
    if not facts.validation:
        reasons.append("no frames can be held out: the score is on training frames and not meaningful")
    return Choices(
        {
            "train_split": "train",
            "validation_split": validated,
            "net": network(facts),
            "height": height,
            "width": width,
            "crop_height": crop[0],
            "crop_width": crop[1],
            "steps": steps,
            "batch_size": BATCH,
            "scale_min": 0.5,
            "scale_max": 1.5,
            "color_jitter": 0.3,
            "noise": 0.1,
            "blur": 0.1,
            "sunlight": 0.2,
            "gamma": 0.2,
            "loss": "cross_entropy_dice",
            "learning_rate": 0.002,
            "weight_decay": 0.02,
            "warmup_steps": min(50, steps // 4),
            "ema": 0.99 if steps >= 300 else 0.95,
            "auxiliary_weight": 0.0,
            "validate_every": max(steps // 3, 1),
        },
        tuple(reasons),
    )


def network(facts: Facts) -> str:
    """The net that suits the data."""
    return "lite0_pyramid_rgbd" if facts.depth_share >= DEPTH_SHARE else "lite0_pyramid"
