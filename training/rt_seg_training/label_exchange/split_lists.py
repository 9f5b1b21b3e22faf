"""Splits that label files name: folders and lists of images in data.yaml, lists of names in ImageSets/."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from rt_seg.labelled_folder import IMAGE_SUFFIXES
from rt_seg_training.label_exchange.file_values import read_text
from rt_seg_training.label_exchange.image_names import parts_of, split_of
from rt_seg_training.label_exchange.remarks import Remarks


@dataclass
class SplitLists:
    """`folders`: parts of a folder → its split; `names`: parts of an image without suffix → its split.

    None for a folder or name of several splits.
    """

    folders: dict[tuple[str, ...], str | None] = field(default_factory=dict)
    names: dict[tuple[str, ...], str | None] = field(default_factory=dict)

    def add_folder(self, folder: str, split: str) -> None:
        """Note that the images below a folder, with or without folders above it, belong to a split."""
        parts = parts_of(folder)
        self.folders[parts] = split if self.folders.get(parts, split) == split else None

    def add_list(self, file: Path, split: str) -> None:
        """Note the images of a text file, a name per line. Raises ExchangeError."""
        for line in read_text(file).splitlines():
            if line.strip():
                parts = _without_suffix(line.strip())
                self.names[parts] = split if self.names.get(parts, split) == split else None

    def split_of(self, name: str) -> str | None:
        """The split of an image of this name with folders; None where no list has it, or several have."""
        parts = _without_suffix(name)
        ends = (parts[place:] for place in range(len(parts)))
        listed = next((self.names[end] for end in ends if end in self.names), None)
        if listed is not None:
            return listed
        whole = [(*parts[:place],) for place in range(len(parts) - 1, 0, -1)]
        found = {
            split
            for folder, split in self.folders.items()
            if folder and any(inner[-len(folder) :] == folder for inner in whole)
        }
        return found.pop() if len(found) == 1 else None


def _without_suffix(name: str) -> tuple[str, ...]:
    *folders, last = parts_of(name) or ("",)
    path = PurePosixPath(last)
    # Names of images, with and without suffix: img.001 has none.
    return (*folders, path.stem if path.suffix.lower() in IMAGE_SUFFIXES else last)


def lists_of_data_yaml(data: dict[str, Any], file: Path, remarks: Remarks) -> SplitLists:
    """The splits that data.yaml of YOLO names: a folder, a text file of images, or a list of these for each.

    A text file that is not there is counted. Raises ExchangeError for a text file that cannot be read.
    """
    found = SplitLists()
    for key, value in data.items():
        split = split_of(key) if isinstance(key, str) else None
        for entry in value if isinstance(value, list) else [value]:
            if split is None or not isinstance(entry, str):
                continue
            if entry.lower().endswith(".txt"):
                listed = file.parent.joinpath(*parts_of(entry))
                if listed.is_file():
                    found.add_list(listed, split)
                else:
                    remarks.add(f"lists of images that {file.name} names are missing", f"{split}: {listed}")
            else:
                found.add_folder(entry, split)
    return found


def lists_of_image_sets(folder: Path) -> SplitLists:
    """The splits of VOC: train.txt, val.txt and test.txt in `folder`. Raises ExchangeError."""
    found = SplitLists()
    for file in sorted(folder.glob("*.txt")):
        split = split_of(file.stem)
        if split is not None:
            found.add_list(file, split)
    return found
