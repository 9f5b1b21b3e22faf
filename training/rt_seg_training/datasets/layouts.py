"""The layouts of labelled data that are understood, and how each is read without TFDS."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.source import Source

LAYOUTS = ("custom", "camvid", "cityscapes", "nyu_depth_v2")
"""Each is a folder beside this file with `<layout>_source.py` and the TFDS builder `<layout>_dataset_builder.py`."""


def read_layout(layout: str, path: str | Path, classes: int = 40, foreground: int | None = None) -> Source:
    """The source in `path`, a folder or file of a layout. Raises DatasetError.

    `classes`: of nyu_depth_v2; `foreground`: of custom, see read_custom.
    """
    if layout not in LAYOUTS:
        raise DatasetError(f"layout {layout!r} is not known; accepted are {', '.join(LAYOUTS)}")
    module = import_module(f"rt_seg_training.datasets.{layout}.{layout}_source")
    read = getattr(module, f"read_{layout}")
    if foreground is not None and layout != "custom":
        raise DatasetError("--foreground: only for the layout custom; the other layouts define their values")
    if layout == "custom":
        return read(path, foreground)
    return read(path, classes) if layout == "nyu_depth_v2" else read(path)
