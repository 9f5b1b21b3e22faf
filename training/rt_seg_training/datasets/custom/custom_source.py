"""Read a custom data set as it lies on disk; what needs its images but not TFDS starts from here."""

from __future__ import annotations

from pathlib import Path

from rt_seg.labelled_folder import (
    COLOR,
    DEPTH,
    DEPTH_SUFFIXES,
    GROUND_TRUTH,
    IMAGE_SUFFIXES,
    MASK_SUFFIXES,
    LabelledFolder,
)  # fmt: skip
from rt_seg.labels import LabelError, labels_from_dict
from rt_seg.settings import parse_yaml
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.pairing import pair_by_name, unread_files, with_depth
from rt_seg_training.datasets.source import Source
from rt_seg_training.datasets.source_files import open_root, read_text
from rt_seg_training.datasets.splitting import read_splits, split_a_fifth


def read_custom(path: str | Path, foreground: int | None = None) -> Source:
    """The source in `path`, a folder or zip file of this layout::

        rgb/           images
        gt/            label images with the images' names (`12.png` or `12_mask.png` for `12.jpg`)
        depth/         optional: 16-bit PNG, millimetres, aligned to colour, 0 = no reading (`12_depth.png`, too);
                       images may lack it
        labels.yaml    the classes, in the form of rt_seg.labels
        splits.yaml    optional: {train: [names], validation: [names], …}

    Without splits.yaml, a fifth of the blocks of consecutive numbers is held out. `foreground`: value of the label
    images that means class 1, such as 255 of masks of 0 and 255. Raises DatasetError.
    """
    root = open_root(path, (COLOR, GROUND_TRUTH))
    folder = LabelledFolder(root)
    labels_file = folder.labels
    if not labels_file.is_file():
        raise DatasetError(
            f"{labels_file}: not found. Write the classes there: ignore_id: 255, classes: "
            "[{id: 0, name: background, color: [0, 0, 0]}, …]"
        )
    try:
        labels = labels_from_dict(parse_yaml(read_text(labels_file), str(labels_file), LabelError), str(labels_file))
    except LabelError as error:
        raise DatasetError(str(error)) from error
    if foreground is not None and (len(labels) != 2 or not 1 < foreground <= 255):
        raise DatasetError(
            f"{labels_file}: --foreground {foreground}: accepted are values 2..255 for a set of two classes; it has "
            f"{len(labels)} ({', '.join(labels.names)})"
        )
    paired = pair_by_name(folder.color, folder.ground_truth)
    if folder.depths.is_dir():
        paired = with_depth(paired, folder.depths)
    notes = []
    for name, accepted in ((COLOR, IMAGE_SUFFIXES), (GROUND_TRUTH, MASK_SUFFIXES), (DEPTH, DEPTH_SUFFIXES)):
        unread = unread_files(root / name, accepted) if (root / name).is_dir() else []
        if unread:
            notes.append(
                f"{len(unread)} files in {name}/ are not read (such as {unread[0]}): accepted are {', '.join(accepted)}"
            )
    pairs = {pair.name: pair for pair in paired}
    splits_file = folder.splits
    names, more = (read_splits(splits_file, pairs), []) if splits_file.is_file() else split_a_fifth(pairs)
    splits = {split: tuple(pairs[name] for name in members) for split, members in names.items()}
    return Source(Path(path).expanduser().resolve(), labels, splits, foreground=foreground, notes=(*notes, *more))
