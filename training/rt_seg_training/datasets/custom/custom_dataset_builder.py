"""TFDS builder of a custom data set: a folder or zip file that holds one's own labelled images."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from rt_seg_training.datasets.custom.custom_source import read_custom
from rt_seg_training.datasets.source import Source
from rt_seg_training.datasets.tfds_builder import SourceBuilder


class Builder(SourceBuilder):
    """Labelled images of one's own: rgb/, gt/, labels.yaml and, if wanted, depth/ and splits.yaml.

    The name of the builder's config is that of the data set, which is built under `custom/<name>`.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Put rgb/, gt/, labels.yaml (and depth/) into this folder, or a zip file of them."

    def __init__(self, *, foreground: int | None = None, **kwargs: Any):
        """`foreground`: see read_custom; the rest as for SourceBuilder."""
        self._foreground = foreground
        super().__init__(**kwargs)

    def reader(self) -> Callable[[Path], Source]:
        """See read_custom."""
        return functools.partial(read_custom, foreground=self._foreground)
