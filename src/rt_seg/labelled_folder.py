"""The labelled folder: colour images, label images, depth and classes of a data set, under the names that every tool
of the package reads and writes.

::

    rgb/           colour images, 12.jpg
    gt/            label images, 12.png: a class id per pixel
    depth/         optional: 12.png, 16 bits, millimetres, aligned to colour, 0 = no reading
    labels.yaml    the classes
    splits.yaml    optional: {train: [names], validation: [names], …}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

COLOR, GROUND_TRUTH, DEPTH = "rgb", "gt", "depth"
LABELS, SPLITS = "labels.yaml", "splits.yaml"
COLOR_FOLDERS = (COLOR, "color")
"""Names of the folder of colour images in recordings that nobody labelled yet, the usual one first."""

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
MASK_SUFFIXES = (".png", ".bmp", ".tif", ".tiff")
"""Label images must be lossless: JPEG invents class ids along every edge."""
DEPTH_SUFFIXES = (".png", ".tif", ".tiff")
"""Those that hold 16 bits a pixel."""


@dataclass(frozen=True)
class LabelledFolder:
    """The places in a folder; `path` is a pathlib.Path or, to read, a zipfile.Path.

    >>> LabelledFolder(Path("pegs")).mask("12").as_posix()
    'pegs/gt/12.png'
    """

    path: Any

    @property
    def color(self) -> Any:
        """The folder of colour images."""
        return self.path / COLOR

    @property
    def ground_truth(self) -> Any:
        """The folder of label images."""
        return self.path / GROUND_TRUTH

    @property
    def depths(self) -> Any:
        """The folder of depth images."""
        return self.path / DEPTH

    @property
    def labels(self) -> Any:
        """The file of the classes."""
        return self.path / LABELS

    @property
    def splits(self) -> Any:
        """The file of the splits."""
        return self.path / SPLITS

    def image(self, name: str, suffix: str = ".png") -> Any:
        """Where the colour image of a frame is written."""
        return self.color / (name + suffix)

    def mask(self, name: str) -> Any:
        """Where the label image of a frame is written."""
        return self.ground_truth / f"{name}.png"

    def depth(self, name: str, suffix: str = ".png") -> Any:
        """Where the depth image of a frame is written."""
        return self.depths / (name + suffix)

    @property
    def recorded_color(self) -> Optional[Path]:
        """The folder of colour images of a recording, rgb/ or color/; None without one."""
        return next((self.path / name for name in COLOR_FOLDERS if (self.path / name).is_dir()), None)
