"""The classes of the simulated tabletop: their ids come from config/labels/tabletop.yaml, by name."""
from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from rt_seg.labels import LabelSet, load_labels
from rt_seg.simulation.errors import SimulationError

LABELS_FILE = Path("config", "labels", "tabletop.yaml")

BACKGROUND, PEG, BLOCK, PLATE, HOLE, CLUTTER = CLASS_NAMES = (
    "background",
    "peg",
    "block",
    "plate",
    "hole",
    "clutter",
)


@lru_cache(maxsize=None)
def tabletop_labels() -> LabelSet:
    """The label set of the simulated scenes.

    It is read from the package's source tree or, once installed, from its share folder. Raises SimulationError when
    the file is in neither, and LabelError when it is malformed.
    """
    for folder in Path(__file__).resolve().parents:
        for path in (folder / LABELS_FILE, folder / "share" / "rt_seg" / LABELS_FILE):
            if path.is_file():
                return load_labels(path)
    raise SimulationError(
        f"{LABELS_FILE}: not found above {Path(__file__).parent}; it comes with the rt_seg package. "
        "Build the package again, or install it completely."
    )


def class_id(labels: LabelSet, name: str) -> int:
    """Id of the class called `name`. Raises SimulationError when the label set has no such class."""
    for label in labels.labels:
        if label.name == name:
            return label.id
    raise SimulationError(
        f"the label set has no class {name!r}; it has {', '.join(labels.names)}. "
        f"The simulated tabletop needs {', '.join(CLASS_NAMES)}: use {LABELS_FILE}."
    )
