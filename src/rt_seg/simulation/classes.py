"""The classes of the simulated scenes: their ids come from label files in config/labels, by name."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from rt_seg.labels import LabelSet, load_labels
from rt_seg.simulation.errors import SimulationError

LABELS_FILE = Path("config", "labels", "tabletop.yaml")
THINGS_FILE = Path("config", "labels", "things.yaml")

BACKGROUND, PEG, BLOCK, PLATE, HOLE, CLUTTER = CLASS_NAMES = (
    "background",
    "peg",
    "block",
    "plate",
    "hole",
    "clutter",
)
SURFACE, THING = "surface", "thing"


def package_file(name: Path) -> Path:
    """A file of the package, in its source tree or, once installed, in its share folder. Raises SimulationError."""
    for folder in Path(__file__).resolve().parents:
        for path in (folder / name, folder / "share" / "rt_seg" / name):
            if path.is_file():
                return path
    raise SimulationError(
        f"{name}: not found above {Path(__file__).parent}; it comes with the rt_seg package. "
        "Build the package again, or install it completely."
    )


@lru_cache(maxsize=None)
def tabletop_labels() -> LabelSet:
    """The label set of the tabletop. Raises SimulationError when its file is missing, LabelError when malformed."""
    return load_labels(package_file(LABELS_FILE))


@lru_cache(maxsize=None)
def things_labels() -> LabelSet:
    """The label set of things on surfaces. Raises as `tabletop_labels` does."""
    return load_labels(package_file(THINGS_FILE))


def class_id(labels: LabelSet, name: str) -> int:
    """Id of the class called `name`. Raises SimulationError when the label set has no such class."""
    for label in labels.labels:
        if label.name == name:
            return label.id
    raise SimulationError(
        f"the label set has no class {name!r}; it has {', '.join(labels.names)}. "
        f"The simulated tabletop needs {', '.join(CLASS_NAMES)}: use {LABELS_FILE}."
    )
