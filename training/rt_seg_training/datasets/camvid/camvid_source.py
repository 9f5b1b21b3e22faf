"""Read CamVid in the layout that SegNet published."""

from __future__ import annotations

from pathlib import Path

from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.packaged_labels import packaged_labels
from rt_seg_training.datasets.pairing import Pair, pair_by_name
from rt_seg_training.datasets.source import Source
from rt_seg_training.datasets.source_files import open_root

VALIDATION_DRIVE = "0016E5"


def read_camvid(path: str | Path) -> Source:
    """The source in `path`, a folder or zip file with train and trainannot, val and valannot, test and testannot.

    What of them is not there is left out.
    Raises DatasetError.
    """
    root = open_root(path, (), ("train", "val", "test"))

    def pairs_of(name: str) -> list[Pair]:
        if not (root / name).is_dir():
            return []
        if not (root / f"{name}annot").is_dir():
            raise DatasetError(f"{path}: has no folder {name}annot/, the labels of {name}/")
        return pair_by_name(root / name, root / f"{name}annot")

    train = pairs_of("train")
    splits: dict[str, tuple[Pair, ...]] = {
        "train_other_drives": tuple(pair for pair in train if not pair.name.startswith(VALIDATION_DRIVE)),
        "train_val_drive": tuple(pair for pair in train if pair.name.startswith(VALIDATION_DRIVE)),
        "validation": tuple(pairs_of("val")),
        "test": tuple(pairs_of("test")),
    }
    splits = {split: pairs for split, pairs in splits.items() if pairs}
    return Source(Path(path).expanduser().resolve(), packaged_labels("camvid"), splits)
