"""The label set: the only place where class ids, names and colours of a model or data set live.

A label set is written as YAML in three places that share this one form: `config/labels/*.yaml`, `labels.yaml`
of a data set, and the `labels` section of a model bundle::

    ignore_id: 255
    classes:
      - {id: 0, name: background, color: [0, 0, 0]}
      - {id: 1, name: peg, color: [230, 25, 75]}
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Tuple, Union

import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.settings import dump_yaml, read_settings, read_yaml, setting, shown

UNLABELLED = 255
"""Class id of a pixel without a class in every mask that this package writes (vision_msgs' convention for uint8)."""


class LabelError(ValueError):
    """A label set, or a label image checked against one, is not usable."""


@dataclass(frozen=True)
class Label:
    """One class: its id in masks (0..254), its name, and its sRGB colour (three ints, 0..255)."""

    id: int
    name: str
    color: Tuple[int, int, int] = setting(help_text="red, green, blue", minimum=0, maximum=255)


@dataclass(frozen=True)
class LabelSet:
    """Classes with the consecutive ids 0..n-1, and the id that marks pixels to ignore in ground truth.

    Examples:
        >>> cups = LabelSet((Label(0, "background", (0, 0, 0)), Label(1, "cup", (200, 0, 0))))
        >>> len(cups), cups.names, cups.ignore_id
        (2, ['background', 'cup'], 255)
    """

    labels: Tuple[Label, ...]
    ignore_id: int = UNLABELLED

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def names(self) -> List[str]:
        """Class names, in order of id."""
        return [label.name for label in self.labels]

    @property
    def color_table(self) -> np.ndarray:
        """(256, 3) uint8 RGB; ids without a class are black."""
        table = np.zeros((256, 3), np.uint8)
        for label in self.labels:
            table[label.id] = label.color
        return table

    @property
    def unlabelled_color(self) -> Tuple[int, int, int]:
        """Colour of ids without a class in coloured masks: black, or the darkest grey that no class has, so that the
        colours of a mask tell its ids."""
        taken = {label.color for label in self.labels}
        return next((grey, grey, grey) for grey in range(256) if (grey, grey, grey) not in taken)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over ids, names, colours and ignore id: equal if and only if the label sets are equal."""
        canonical = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode("utf-8")).hexdigest()

    def to_dict(self) -> Dict[str, Any]:
        """The YAML form of this label set."""
        return {
            "ignore_id": self.ignore_id,
            "classes": [{"id": lb.id, "name": lb.name, "color": list(lb.color)} for lb in self.labels],
        }

    def check_mask(self, mask: np.ndarray, name: str) -> None:
        """Raise LabelError naming `name` and the ids if `mask` (any integer shape) holds an id outside this set."""
        present = np.unique(mask)
        unknown = [int(i) for i in present if not (0 <= i < len(self)) and i != self.ignore_id]
        if unknown:
            shown = ", ".join(map(str, unknown[:8])) + (", …" if len(unknown) > 8 else "")
            raise LabelError(
                f"{name}: label value {shown} is outside the class list; accepted are 0..{len(self) - 1} "
                f"({', '.join(self.names)}) and {self.ignore_id} (ignore). "
                "Correct the label image or add the class to the labels file."
            )


@dataclass(frozen=True)
class _LabelsFile:
    classes: Tuple[Label, ...] = setting(help_text="list of {id, name, color}")
    ignore_id: int = UNLABELLED


def labels_from_dict(data: Any, source: str) -> LabelSet:
    """Build a LabelSet from its YAML form; `source` names the file in errors. Raises LabelError."""
    found = read_settings(_LabelsFile, data, source, LabelError)
    labels = found.classes
    if not labels:
        raise LabelError(f"{source}: classes must be a list of {{id, name, color}} with at least one entry")
    if len(labels) > 255:
        raise LabelError(f"{source}: {len(labels)} classes; an 8-bit mask supports at most 255")
    for position, label in enumerate(labels):
        where = f"{source}: classes[{position}]"
        if label.id != position:
            raise LabelError(f"{where}: id {label.id}: ids must be consecutive from 0, here {position}")
        if not label.name:
            raise LabelError(f"{where}: name '' must be a non-empty text")
    if len({label.name for label in labels}) != len(labels):
        raise LabelError(f"{source}: class names must differ, got {shown([label.name for label in labels])}")
    if not len(labels) <= found.ignore_id <= 255:
        raise LabelError(f"{source}: ignore_id {found.ignore_id} must be an integer {len(labels)}..255")
    return LabelSet(labels, found.ignore_id)


def load_labels(path: Union[str, Path]) -> LabelSet:
    """Read a labels file (YAML). Raises LabelError, naming the file, if it is missing or malformed."""
    path = Path(path)
    return labels_from_dict(read_yaml(path, LabelError), str(path))


def write_labels(path: Path, labels: LabelSet) -> None:
    """Write a labels file that load_labels reads; atomic. Raises OSError."""
    write_atomically(path, dump_yaml(labels.to_dict()))
