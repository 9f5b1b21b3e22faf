"""Read NYU-Depth-V2 with depth, from the official HDF5 file or from a prepared folder of images."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.packaged_labels import packaged_labels
from rt_seg_training.datasets.pairing import Pair, pair_by_name, with_depth
from rt_seg_training.datasets.source import Source
from rt_seg_training.datasets.source_files import open_root
from rt_seg_training.datasets.splitting import group_of, split_by_group

FILE = "nyu_depth_v2_labeled.mat"
SPLITS_FILE = "splits.mat"
CLASSES_FILE = "classMapping40.mat"
ORIGINS = {
    FILE: "horatio.cs.nyu.edu/mit/silberman/nyu_depth_v2/nyu_depth_v2_labeled.mat (2.8 GB)",
    SPLITS_FILE: "horatio.cs.nyu.edu/mit/silberman/indoor_seg_sup/splits.mat",
    CLASSES_FILE: "github.com/ankurhanda/nyuv2-meta-data",
}

RAW_CLASSES = 894
TRAINING_FRAMES = 795
"""Of the official training half; the test half has 654."""

CLASS_13_OF_40 = (
    11, 4, 5, 0, 3, 8, 9, 11, 12, 5, 7, 5, 12, 9, 5, 12, 5, 6, 6, 4,
    6, 2, 1, 5, 10, 6, 6, 6, 6, 6, 6, 5, 6, 6, 6, 6, 6, 6, 5, 6,
)  # fmt: skip
"""Which of the 13 classes each of the 40 belongs to, both counted from 0, as class13Mapping.mat has it from 1."""

PREPARED_UNIT = 1000 / 25.5
"""Millimetres of one step of the 8-bit depth images of a prepared folder."""


@dataclass(frozen=True)
class MatImage:
    """One frame of an array of the official file, as a file would be: it is read, as PNG, when it is asked for.

    `kind`: images, depths or labels; `index` counts from 0; `table`: class ids of the raw labels 0..894, as bytes.
    """

    file: Path
    modified_ns: int
    kind: str
    index: int
    table: bytes = b""

    def __str__(self) -> str:
        return f"{self.file}, {self.kind} {self.index + 1}"

    @property
    def name(self) -> str:
        """The official number, with a suffix as for a file."""
        return f"{self.index + 1:04d}.png"

    @property
    def signature(self) -> tuple[str, int, int]:
        """Name, size and date of the file, for the digest of the source."""
        return (f"{self.kind}/{self.name}", self.file.stat().st_size, self.modified_ns)

    def read_bytes(self) -> bytes:
        """The frame as PNG: RGB; depth of 16 bits in millimetres, 0 = no reading; class ids. Raises DatasetError."""
        from rt_seg_training.datasets.labelled_frame import encode

        try:
            frame = _open(self.file, self.modified_ns)[self.kind][self.index]
        except (OSError, KeyError, ValueError) as error:
            raise DatasetError(f"{self}: cannot be read ({error}). Download the file again.") from error
        pixels = np.ascontiguousarray(frame.T)  # MATLAB counts columns first
        if self.kind == "depths":
            pixels = np.nan_to_num(1000.0 * pixels, nan=0.0, posinf=0.0, neginf=0.0)
            pixels = np.rint(np.clip(pixels, 0, 65535)).astype(np.uint16)
        if self.kind == "labels":
            if pixels.max() > RAW_CLASSES:
                raise DatasetError(f"{self}: holds the label {pixels.max()}; the file has {RAW_CLASSES} classes")
            pixels = np.frombuffer(self.table, np.uint8)[pixels]
        return encode(".png", pixels)


@functools.lru_cache(maxsize=2)
def _open(file: Path, modified_ns: int) -> Any:
    """The HDF5 file, kept open in each process: opening it for each frame costs more than reading."""
    import h5py

    try:
        return h5py.File(file, "r")
    except OSError as error:
        raise DatasetError(f"{file}: is not a complete HDF5 file ({error}). Download it again.") from error


def _load_mat(path: Path, keys: tuple[str, ...]) -> list[np.ndarray]:
    """Arrays of whole numbers, flat, of a small MATLAB file."""
    import scipy.io

    if not path.is_file():
        raise DatasetError(f"{path}: not found. Get it from {ORIGINS[path.name]} and put it there.")
    try:
        content = scipy.io.loadmat(path)
        return [np.asarray(content[key]).astype(np.int64).ravel() for key in keys]
    except Exception as error:  # scipy raises many kinds, by what is broken
        raise DatasetError(f"{path}: cannot be read ({error}); expected {' and '.join(keys)} in it") from error


def _class_table(path: Path, classes: int) -> bytes:
    """(895,) uint8 class id of each raw label: 255 for 0, which is unlabelled."""
    (of_raw,) = _load_mat(path, ("mapClass",))
    if len(of_raw) != RAW_CLASSES or of_raw.min() < 0 or of_raw.max() > 40:
        raise DatasetError(f"{path}: mapClass must have {RAW_CLASSES} values 0..40, got {len(of_raw)}")
    of_40 = np.array([255, *(range(40) if classes == 40 else CLASS_13_OF_40)], np.uint8)
    return of_40[np.array([0, *of_raw])].tobytes()


def _halves(path: Path, count: int) -> tuple[list[int], list[int]]:
    """Indices, from 0, of the official training and test half of `count` frames."""
    train, test = _load_mat(path, ("trainNdxs", "testNdxs"))
    together = np.sort(np.concatenate([train, test]))
    if not np.array_equal(together, np.arange(1, count + 1)):
        raise DatasetError(f"{path}: trainNdxs and testNdxs must be the numbers 1..{count}, each once")
    return (np.sort(train) - 1).tolist(), (np.sort(test) - 1).tolist()


def _scenes(content: Any) -> list[str] | None:
    """The name of the scene of each frame, without the letter that parts the recordings of one place."""
    if "scenes" not in content:
        return None
    names = ["".join(map(chr, np.asarray(content[entry]).ravel())) for entry in np.asarray(content["scenes"]).ravel()]
    return [re.sub(r"(?<=\d)[a-z]$", "", name) for name in names]


def _read_file(path: Path, classes: int) -> Source:
    folder, modified_ns = path.parent, path.stat().st_mtime_ns
    content = _open(path, modified_ns)
    missing = [kind for kind in ("images", "depths", "labels") if kind not in content]
    if missing:
        raise DatasetError(f"{path}: has no array {missing[0]!r}; it is not the file of {ORIGINS[FILE]}")
    shapes = [content[kind].shape for kind in ("images", "depths", "labels")]
    count, width, height = shapes[1] if len(shapes[1]) == 3 else (0, 0, 0)
    if shapes != [(count, 3, width, height), (count, width, height), (count, width, height)]:
        raise DatasetError(f"{path}: images, depths and labels have the shapes {shapes}, which do not match")
    table = _class_table(folder / CLASSES_FILE, classes)
    train, test = _halves(folder / SPLITS_FILE, count)
    scenes = _scenes(content)

    def pair(index: int) -> Pair:
        parts = [MatImage(path, modified_ns, kind, index) for kind in ("images", "depths")]
        label = MatImage(path, modified_ns, "labels", index, table)
        return Pair(f"{index + 1:04d}", parts[0], label, parts[1])

    group = group_of if scenes is None else lambda name: scenes[int(name) - 1]
    splits = _splits([pair(index) for index in train], [pair(index) for index in test], group)
    return Source(path.resolve(), _labels(classes), splits)


def _read_folder(path: Path, classes: int) -> Source:
    root = open_root(path, ("rgb", "depth", "label40"))
    pairs = with_depth(pair_by_name(root / "rgb", root / "label40"), root / "depth")
    splits_file = path / SPLITS_FILE
    train, test = pairs, []
    if splits_file.is_file():
        numbers = set(_load_mat(splits_file, ("trainNdxs",))[0].tolist())
        for pair in pairs:
            if not pair.name.isdigit():
                raise DatasetError(f"{pair.image}: must be named by its official number, because {SPLITS_FILE} exists")
        train = [pair for pair in pairs if int(pair.name) in numbers]
        test = [pair for pair in pairs if int(pair.name) not in numbers]
    elif len(pairs) > TRAINING_FRAMES:
        raise DatasetError(
            f"{path}: has {len(pairs)} frames, the official training half {TRAINING_FRAMES}. Put {SPLITS_FILE} of "
            f"{ORIGINS[SPLITS_FILE]} there, which says which frames are for testing."
        )
    table = None
    if classes == 13:
        table = np.arange(256, dtype=np.uint8)  # what is no class of the 40 is none of the 13
        table[:40] = CLASS_13_OF_40
    return Source(path.resolve(), _labels(classes), _splits(train, test, group_of), table, PREPARED_UNIT)


def _labels(classes: int) -> Any:
    return packaged_labels(f"nyu_depth_v2_{classes}")


def _splits(train: Iterable[Pair], test: Iterable[Pair], group: Callable[[str], str]) -> dict[str, tuple[Pair, ...]]:
    pairs = {pair.name: pair for pair in train}
    splits = {split: tuple(pairs[name] for name in names) for split, names in split_by_group(pairs, group).items()}
    splits["test"] = tuple(test)
    return {split: members for split, members in splits.items() if members}


def read_nyu_depth_v2(path: str | Path, classes: int = 40) -> Source:
    """The source in `path` with 40 or 13 classes; depth in millimetres, 255 = unlabelled.

    `path` is nyu_depth_v2_labeled.mat or its folder, with splits.mat and classMapping40.mat beside it; or a prepared
    folder: rgb/, label40/ (0..39 and 255) and depth/ (8 bits, 25.5 steps per metre), named by official number. That
    one is the training half, unless it has a splits.mat.

    The official training half is train+validation: about a fifth of its scenes, or of its blocks of numbers where the
    scenes are not known, is held out. The official test half is `test`. Raises DatasetError.
    """
    if classes not in (40, 13):
        raise DatasetError(f"classes {classes}: accepted are 40 and 13")
    path = Path(path).expanduser()
    if path.is_file() and path.suffix == ".mat":
        return _read_file(path, classes)
    if (path / FILE).is_file():
        return _read_file(path / FILE, classes)
    if path.is_dir() and not (path / "rgb").is_dir() and (path / SPLITS_FILE).is_file():
        raise DatasetError(f"{path / FILE}: not found. Get it from {ORIGINS[FILE]} and put it there.")
    return _read_folder(path, classes)
