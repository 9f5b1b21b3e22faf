"""Read CamVid in the layout that SegNet published."""
from __future__ import annotations

from pathlib import Path

from rt_seg_training.datasets.packaged_labels import packaged_labels
from rt_seg_training.datasets.pairing import Pair, pair_by_name
from rt_seg_training.datasets.source import Source, open_root

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
