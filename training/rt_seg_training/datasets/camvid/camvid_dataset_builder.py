"""TFDS builder of CamVid in the layout that SegNet published: 480x360 frames, 11 classes, 11 = void."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import tensorflow_datasets as tfds

from rt_seg_training.datasets.camvid.camvid_source import read_camvid
from rt_seg_training.datasets.source import Source
from rt_seg_training.datasets.tfds_builder import SourceBuilder


class Builder(SourceBuilder):
    """CamVid, SegNet layout: road scenes of 480x360 from four drives, 11 classes; label value 11 is void.

    The official training set (367 frames) is `train_other_drives+train_val_drive`. All 101 official validation
    frames come from the drive 0016E5, and so do the 204 training frames of `train_val_drive`, often a second apart:
    a model trained on them validates on what it has nearly seen. For an honest validation score train on
    `train_other_drives` (163 frames) alone; to compare with papers, which report the test split (233 frames, mostly
    another drive), say whether validation was trained on too. mIoU is over one confusion matrix of the whole split,
    void left out. Licence of the data: CC BY-NC 4.0.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Put train/, trainannot/, val/ and valannot/ of the SegNet layout into this folder."

    def reader(self) -> Callable[[Path], Source]:
        """See read_camvid."""
        return read_camvid
