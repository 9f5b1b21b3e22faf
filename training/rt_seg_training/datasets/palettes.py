"""Label images with a palette: the colours that it gives the ids, against those of labels.yaml."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rt_seg.labels import LabelSet
from rt_seg_training.datasets.images import palette_of


def other_classes(path: Any, present: Iterable[int], labels: LabelSet) -> tuple[tuple[int, int], ...]:
    """(id, class) for each id in a label image to which its palette gives the colour of another class of the labels.

    Empty for images without a palette. A palette of other colours altogether, as most are, contradicts nothing.
    """
    palette = palette_of(path)
    if palette is None:
        return ()
    class_of_color = {label.color: label.id for label in labels.labels}
    found = []
    for number in present:
        if number < min(len(labels), len(palette)) and palette[number] != labels.labels[number].color:
            other = class_of_color.get(palette[number])
            if other is not None:
                found.append((number, other))
    return tuple(found)
