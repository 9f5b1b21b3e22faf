"""The labels.yaml of a set that is being labelled: found, begun, and given more classes."""

from __future__ import annotations

from pathlib import Path

from rt_seg.labelled_folder import LabelledFolder
from rt_seg.labels import Label, LabelSet, load_labels
from rt_seg_training.labelling.captures import LabellingError

OBJECT_COLOR = (230, 25, 75)
MORE_COLORS = (
    (60, 180, 75), (255, 225, 25), (0, 130, 200), (245, 130, 48), (145, 30, 180), (70, 240, 240), (240, 50, 230),
    (210, 245, 60), (0, 128, 128), (170, 110, 40), (128, 0, 0), (0, 0, 128),
)  # fmt: skip
"""Far from each other and from that of the object; those of VOC follow."""


def labels_in(folder: Path) -> tuple[Path, LabelSet] | None:
    """labels.yaml of a folder and what it holds; None where there is none. Raises LabelError."""
    file = LabelledFolder(folder).labels
    return (file, load_labels(file)) if file.exists() else None


def binary_labels(name: str) -> LabelSet:
    """Background, and the object under `name`."""
    return LabelSet((Label(0, "background", (0, 0, 0)), Label(1, name, OBJECT_COLOR)))


def with_classes(labels: LabelSet, names: list[str]) -> LabelSet:
    """The labels and, after them, classes of these names that they do not have, in colours of their own.

    Raises LabellingError when the ids do not suffice.
    """
    from rt_seg_training.label_exchange.annotations import labels_of

    new = [name for name in dict.fromkeys(names) if name not in labels.names]
    if len(labels) + len(new) > labels.ignore_id:
        raise LabellingError(f"{len(labels) + len(new)} classes, but ids must stay below ignore_id {labels.ignore_id}")
    taken = {label.color for label in labels.labels}
    every = [*MORE_COLORS, *(label.color for label in labels_of([str(number) for number in range(254)]).labels)]
    colors = [color for color in dict.fromkeys(every) if color not in taken]
    added = tuple(Label(len(labels) + place, name, colors[place]) for place, name in enumerate(new))
    return LabelSet((*labels.labels, *added), labels.ignore_id)
