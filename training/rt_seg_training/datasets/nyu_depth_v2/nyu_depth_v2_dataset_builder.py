"""TFDS builder of NYU-Depth-V2: indoor scenes of 640x480 with depth, 40 or 13 classes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import tensorflow_datasets as tfds

from rt_seg_training.datasets.nyu_depth_v2.nyu_depth_v2_source import read_nyu_depth_v2
from rt_seg_training.datasets.source import Source
from rt_seg_training.datasets.tfds_builder import SourceBuilder


class Builder(SourceBuilder):
    """NYU-Depth-V2: 1449 frames of a Kinect in homes, shops and offices, with aligned depth, in 40 or 13 classes.

    The official training half (795 frames) is `train+validation`: validation is about a fifth of its scenes, held
    back here so that training never has to look at `test`, the official test half (654 frames) that papers report.
    mIoU is over one confusion matrix of the whole split, unlabelled pixels left out. The depth is the filled one of
    the official file, so it has a reading nearly everywhere; a real camera has holes. For research.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="40_classes", description="The 40 classes of Gupta et al."),
        tfds.core.BuilderConfig(name="13_classes", description="The 13 classes of Couprie et al."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Put nyu_depth_v2_labeled.mat, splits.mat and classMapping40.mat into this folder, or rgb/, depth/, label40/."
    )

    def reader(self) -> Callable[[Path], Source]:
        """See read_nyu_depth_v2."""
        return functools.partial(read_nyu_depth_v2, classes=int(self.builder_config.name.split("_")[0]))
