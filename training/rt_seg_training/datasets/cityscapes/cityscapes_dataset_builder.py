"""TFDS builder of Cityscapes from its official folders or zip files: leftImg8bit and the fine labels, 19 classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import tensorflow_datasets as tfds

from rt_seg_training.datasets.cityscapes.cityscapes_source import read_cityscapes
from rt_seg_training.datasets.source import Source
from rt_seg_training.datasets.tfds_builder import SourceBuilder


class Builder(SourceBuilder):
    """Cityscapes, fine labels: street scenes of 2048x1024 from German and neighbouring cities, 19 classes, 255 = void.

    Train is the official training set (2975 frames), validation the official validation set (500 frames, three cities
    of their own). With leftImg8bit_trainextra.zip and gtCoarse.zip there is train_extra, of coarse labels. mIoU is
    over one confusion matrix of the whole split, void left out, as the benchmark does. Licence of the data:
    non-commercial use, see cityscapes-dataset.com.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Put leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip into this folder, unpacked or as zip files."
    )

    def reader(self) -> Callable[[Path], Source]:
        """See read_cityscapes."""
        return read_cityscapes
