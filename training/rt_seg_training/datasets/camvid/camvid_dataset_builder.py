"""TFDS builder of CamVid in the layout that SegNet published: 480x360 frames, 11 classes, 11 = void."""
from __future__ import annotations

from pathlib import Path

import tensorflow_datasets as tfds

from rt_seg_training.datasets.label_files import packaged_labels
from rt_seg_training.datasets.pairing import Pair, pair_by_name
from rt_seg_training.datasets.source import Source, open_root
from rt_seg_training.datasets.tfds_builder import SourceBuilder

VALIDATION_DRIVE = "0016E5"


def read_camvid(path: str | Path) -> Source:
    """The source in `path`, a folder or zip file with train, trainannot, val, valannot and, if there, test, testannot.

    Raises DatasetError.
    """
    root = open_root(path, ("train", "trainannot", "val", "valannot"))
    train = pair_by_name(root / "train", root / "trainannot")
    splits: dict[str, tuple[Pair, ...]] = {
        "train_other_drives": tuple(pair for pair in train if not pair.name.startswith(VALIDATION_DRIVE)),
        "train_val_drive": tuple(pair for pair in train if pair.name.startswith(VALIDATION_DRIVE)),
        "validation": tuple(pair_by_name(root / "val", root / "valannot")),
    }
    if (root / "test").is_dir():
        splits["test"] = tuple(pair_by_name(root / "test", root / "testannot"))
    splits = {split: pairs for split, pairs in splits.items() if pairs}
    return Source(Path(path).expanduser().resolve(), packaged_labels("camvid"), splits)


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

    def read_source(self, path: Path) -> Source:
        """See read_camvid."""
        return read_camvid(path)
