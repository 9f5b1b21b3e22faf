"""Which classes a mask shows, and under which id: a table of 256 ids, applied in one look-up."""

from __future__ import annotations

from typing import Collection, List, Tuple

import cv2
import numpy as np

from rt_seg.labels import UNLABELLED, LabelSet


def split_names(text: str) -> List[str]:
    """The names of a comma-separated text, without blanks around them and without empty ones."""
    return [name.strip() for name in text.split(",") if name.strip()]


def split_known(text: str, names: Collection[str]) -> Tuple[List[str], List[str]]:
    """The entries of a comma-separated text, names or pairs `from=to`: those of `names` alone, and the others."""
    known: List[str] = []
    other: List[str] = []
    for entry in split_names(text):
        (known if all(name.strip() in names for name in entry.split("=")) else other).append(entry)
    return known, other


class ClassFilter:
    """Keeps some classes of a label set, the others become unlabelled; counts classes as others before that."""

    def __init__(self, labels: LabelSet, classes: str = "", remap: str = "") -> None:
        """
        Args:
            classes: names to keep, comma-separated; empty keeps all.
            remap: pairs `from=to`, comma-separated.

        A name that the label set lacks is noted in `unknown`, and otherwise of no effect: one setting serves several
        models. What is no pair is noted in `malformed`.
        """
        ids = {label.name: label.id for label in labels.labels}
        table = np.arange(256, dtype=np.uint8)
        self.unknown: List[str] = []
        self.malformed: List[str] = []
        for pair in split_names(remap):
            names = [name.strip() for name in pair.split("=")]
            missing = [name for name in names if name not in ids]
            if len(names) != 2 or not all(names):
                self.malformed.append(pair)
            elif missing:
                self.unknown += missing
            else:
                table[ids[names[0]]] = ids[names[1]]
        kept = split_names(classes)
        if kept:
            self.unknown += [name for name in kept if name not in ids]
            allowed = [ids[name] for name in kept if name in ids]
            table[~np.isin(table, allowed)] = UNLABELLED
        self._table = table
        self._changes = not np.array_equal(table[: len(labels)], np.arange(len(labels)))

    def apply(self, mask: np.ndarray) -> np.ndarray:
        """The filtered mask, (H, W) uint8; the mask itself where nothing is filtered."""
        return cv2.LUT(mask, self._table) if self._changes else mask
