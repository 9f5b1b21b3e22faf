"""Which image file each frame of a file of labels means, and under which name it goes into the data set."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from rt_seg.labelled_folder import DEPTH, GROUND_TRUTH, IMAGE_SUFFIXES
from rt_seg_training.label_exchange.annotations import Annotated, ExchangeError
from rt_seg_training.label_exchange.remarks import Remarks

SPLITS = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
MAX_BYTES = 200
"""Of a file's name without its suffix; file systems take 255 with it and with what a copy in the making is called."""
MASK_FOLDERS = {"SegmentationClass", "SegmentationObject", "masks_machine", "masks_human", "masks_instances"}
"""Hold images of labels, which have the names of those that they label."""


def split_of(folder: str) -> str | None:
    """The split that a folder of this name holds, as train, valid and test of Roboflow; None for another name."""
    return SPLITS.get(folder.lower())


def parts_of(name: str) -> tuple[str, ...]:
    """Folders and file name of a path of any system: `C:\\data\\a.png`, `./x/a.png`, `../a.png`."""
    parts = name.replace("\\", "/").split("/")
    return tuple(part for part in parts if part not in ("", ".", "..") and not re.fullmatch("[A-Za-z]:", part))


def files_below(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files of a folder and those in it with one of the suffixes, in order of name; hidden ones are left out."""
    found = []
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        if file.suffix.lower() in suffixes and file.is_file() and not any(part.startswith(".") for part in parts):
            if "__MACOSX" not in parts:
                found.append(file)
    return found


class Images:
    """The image files of a folder and of all folders in it, found by the names that labels give them."""

    def __init__(self, folder: Path, output: Path | None = None) -> None:
        """`output` holds copies and masks of earlier imports, and is left out. Raises ExchangeError."""
        if not folder.is_dir():
            raise ExchangeError(f"{folder}: no such folder of images")
        self.folder = folder
        self._by_name: dict[str, list[Path]] = {}
        self._by_stem: dict[str, list[Path]] = {}
        for file in files_below(folder, IMAGE_SUFFIXES):
            if not MASK_FOLDERS.intersection(file.relative_to(folder).parts[:-1]) and not _is_of(output, folder, file):
                self._by_name.setdefault(_composed(file.name), []).append(file)
                self._by_stem.setdefault(_composed(file.stem), []).append(file)
        every = (file for files in self._by_name.values() for file in files)
        self._in_order = sorted(every, key=lambda file: _natural(file.relative_to(folder)))

    def not_among(self, labelled: Iterable[Path]) -> list[Path]:
        """The images that are none of the `labelled` ones."""
        known = set(labelled)
        return [file for file in self._in_order if file not in known]

    def of(self, frame: Annotated, remarks: Remarks) -> Path:
        """The image of a frame: that of its name, in the most alike folders. Raises ExchangeError for none or several.

        Where no image has the name, one with its stem will do.
        """
        for name in (frame.file_name, *frame.other_names):
            parts = parts_of(name)
            if parts and (found := (self._by_stem if frame.any_suffix else self._by_name).get(_composed(parts[-1]))):
                return self._nearest(found, parts, frame, remarks)
        for name in () if frame.any_suffix else (frame.file_name, *frame.other_names):
            parts = parts_of(name)
            if parts and (found := self._by_stem.get(_composed(PurePosixPath(parts[-1]).stem))):
                image = self._nearest(found, parts, frame, remarks)
                remarks.add("images have a different suffix than in their labels", f"{frame.file_name} is {image.name}")
                return image
        if frame.position is not None and frame.position[1] == len(self._in_order):
            image = self._in_order[frame.position[0]]
            place = f"{frame.file_name} is {image.name}"
            remarks.add("frames are numbered: images are matched in order", place)
            return image
        place = frame.place or "the labels"
        raise ExchangeError(f"{place}: {frame.file_name} is labelled, but is not in {self.folder}")

    def _nearest(self, found: list[Path], parts: tuple[str, ...], frame: Annotated, remarks: Remarks) -> Path:
        wanted = parts[:-1]
        folders = {file: file.relative_to(self.folder).parts[:-1] for file in found}
        exact = [file for file in found if folders[file] == wanted]
        if len(exact) == 1:
            return exact[0]
        alike = {file: _common_tail(folders[file], wanted) for file in found}
        best = [file for file in exact or found if alike[file] == max(alike.values())]
        if len(best) > 1:
            shown = ", ".join(str(file.relative_to(self.folder)) for file in best[:4])
            raise ExchangeError(
                f"{frame.place or 'the labels'}: {frame.file_name} may be any of {shown} in {self.folder}; keep one"
            )
        if wanted and folders[best[0]] and not alike[best[0]]:
            place = f"{frame.file_name} is {best[0].relative_to(self.folder)}"
            remarks.add("images are in different folders than in their labels", place)
        return best[0]


def _composed(name: str) -> str:
    """A name with accents as one character each: macOS writes them as two."""
    return unicodedata.normalize("NFC", name)


def _is_of(output: Path | None, folder: Path, file: Path) -> bool:
    """Whether a file of the folder of images is a mask or a copy in the data set that is written."""
    if output is None:
        return False
    output, folder, file = output.resolve(), folder.resolve(), file.resolve()
    if output == folder:
        return file.parent.name in (GROUND_TRUTH, DEPTH) and file.parent.parent == output
    return folder in output.parents and output in file.parents


def _natural(path: Path) -> list[tuple[int, str]]:
    """What sorts 9.png before 10.png."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.as_posix())]


def _common_tail(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    pairs = zip(reversed(first), reversed(second))
    return next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second)))


def names_in_set(files: list[Path], folder: Path) -> list[str]:
    """A name of its own for each image file: its stem, or its folders and suffix too where others have that stem.

    Raises ExchangeError where that is not enough.
    """
    names = [file.stem for file in files]
    for name_of in (
        lambda file: "_".join((*file.relative_to(folder).parts[:-1], file.stem)),
        lambda file: "_".join((*file.relative_to(folder).parts[:-1], file.stem, file.suffix[1:])),
    ):
        counts = Counter(names)
        names = [name if counts[name] == 1 else name_of(file) for name, file in zip(names, files)]
    counts = Counter(names)
    double = next((number for number, name in enumerate(names) if counts[name] > 1), None)
    if double is not None:
        raise ExchangeError(f"{files[double]}: another image would have the name {names[double]!r} too; rename one")
    for file, name in zip(files, names):
        if len(name.encode("utf-8", "surrogateescape")) > MAX_BYTES:
            raise ExchangeError(f"{file}: its name in the data set would have more than {MAX_BYTES} bytes; shorten it")
    return names
