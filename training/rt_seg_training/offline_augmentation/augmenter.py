"""A larger custom data set from one that is there.

Only frames of the train split are changed and multiplied, and objects are cut from them alone: a validation frame,
or a piece of one, in training would make its score a lie. A new frame depends on the seed, the name of its frame and
its number, so a run that was interrupted continues with the same command.
"""

from __future__ import annotations

import dataclasses
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.labelled_folder import COLOR, DEPTH, GROUND_TRUTH, IMAGE_SUFFIXES, LabelledFolder
from rt_seg.products.overlay import Palette
from rt_seg.progress import progress_bar
from rt_seg.settings import read_yaml
from rt_seg_training.datasets.contact_sheet import contact_sheet, evenly_spaced
from rt_seg_training.datasets.custom.custom_source import read_custom
from rt_seg_training.datasets.images import read_depth, read_image, read_mask
from rt_seg_training.datasets.labelled_frame import LabelledFrame, encode, write_frame, write_labels, write_yaml
from rt_seg_training.datasets.source import read_pair
from rt_seg_training.offline_augmentation.recipe import Recipe
from rt_seg_training.parallel_work import run_all

RECIPE = "recipe.yaml"
SHEET = "contact_sheet.png"
SHEET_FRAMES = 48


class AugmentationError(ValueError):
    """The larger set cannot be made as asked."""


def _background_files(folder: str) -> list[Path]:
    files = sorted(
        path for path in Path(folder).rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file() and path.parent.name not in (DEPTH, GROUND_TRUTH)
    )  # fmt: skip
    if not files:
        raise AugmentationError(f"{folder}: holds no images to put behind the objects; correct 'backgrounds'")
    return files


def _read_background(path: Path):
    color = read_image(path)
    depth_file = LabelledFolder(path.parent.parent).depth(path.stem)
    depth = read_depth(depth_file, color.shape) if path.parent.name == COLOR and depth_file.is_file() else None
    return LabelledFrame(color, np.zeros(color.shape[:2], np.uint8), depth)


def new_name(name: str, copy: int) -> str:
    """Name of new frame number `copy` made of the frame `name`."""
    return f"{name}_new{copy:03d}"


class Augmenter:
    """Makes new frames of a source's train split by a recipe; the same ones whatever the order of the calls."""

    def __init__(self, source, recipe: Recipe) -> None:
        """`source`: of read_custom. Raises AugmentationError when the backgrounds are missing."""
        self._source = source
        self._recipe = recipe
        self._train = source.splits["train"]
        self._backgrounds = _background_files(recipe.backgrounds) if recipe.background_share else []

    def frame(self, pair, copy: int):
        """New frame number `copy` of a pair, a LabelledFrame. Raises DatasetError for a file that cannot be used."""
        from rt_seg_training.datasets.labelled_frame import read_frame
        from rt_seg_training.offline_augmentation.composition import paste_object, replace_background
        from rt_seg_training.offline_augmentation.transforms import move, recolor

        recipe, ignore_id = self._recipe, self._source.labels.ignore_id
        random = np.random.default_rng([recipe.seed, zlib.crc32(pair.name.encode("utf-8")), copy])
        frame = read_frame(self._source, pair)
        if random.random() < recipe.background_share:
            chosen = self._backgrounds[random.integers(len(self._backgrounds))]
            frame = replace_background(frame, _read_background(chosen), random)
        if random.random() < recipe.paste_share:
            for _ in range(int(random.integers(1, recipe.paste_count + 1))):
                donor = read_frame(self._source, self._train[random.integers(len(self._train))])
                frame = paste_object(frame, donor, recipe, random, ignore_id)
        return recolor(move(frame, recipe, random, ignore_id), recipe, random, ignore_id)


def _begin(folder: Path, record: dict) -> None:
    path = folder / RECIPE
    if path.exists():
        found = read_yaml(path, AugmentationError)
        if found != record:
            raise AugmentationError(
                f"{folder}: was started with a different recipe or source (see {RECIPE} there). "
                "Use the same ones to resume it, or another --output."
            )
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AugmentationError(f"{folder}: exists and was not made by augment. Choose another --output.")
    else:
        write_yaml(path, record)


def _copy_originals(source, folder: Path) -> None:
    """Colour files byte by byte; masks as plain grey PNG; depth where it is."""
    for pair in (pair for members in source.splits.values() for pair in members):
        files = LabelledFolder(folder)
        target = files.image(pair.name, Path(pair.image.name).suffix)
        if target.exists():
            continue
        mask = read_pair(pair, source)[1]
        if pair.depth is not None:
            write_atomically(files.depth(pair.name, Path(pair.depth.name).suffix), pair.depth.read_bytes())
        write_atomically(files.mask(pair.name), encode(".png", mask))
        write_atomically(target, pair.image.read_bytes())


def augment(
    source_path: str | Path, output: Path, recipe: Recipe, jobs: int = 1, foreground: int | None = None
) -> tuple[int, int]:
    """Write the set `source_path` and `recipe.copies` new frames of each of its train frames to the folder `output`.

    Also writes labels.yaml, splits.yaml, recipe.yaml and contact_sheet.png. `jobs` is the number of threads,
    `foreground` as for read_custom. Returns how many new frames were made now and how many there are. Raises
    DatasetError for a source that cannot be used, AugmentationError for an output begun otherwise or a number out of
    range, OSError when it cannot be written.
    """
    if jobs < 1:
        raise AugmentationError(f"jobs {jobs}: accepted are integers from 1")
    source = read_custom(source_path, foreground)
    if "train" not in source.splits:
        raise AugmentationError(f"{source_path}: has no split named train (splits.yaml), and only it is augmented")
    augmenter = Augmenter(source, recipe)
    tasks = [(pair, copy) for pair in source.splits["train"] for copy in range(recipe.copies)]
    names = [new_name(pair.name, copy) for pair, copy in tasks]
    splits = {split: [pair.name for pair in members] for split, members in source.splits.items()}
    clash = sorted({name for members in splits.values() for name in members} & set(names))
    if clash:
        raise AugmentationError(f"{source_path}: {clash[0]} is the name of a new frame; augment the original set")
    splits["train"] = splits["train"] + names
    _begin(output, {"source_digest": source.digest, "recipe": dataclasses.asdict(recipe)})
    write_labels(output, source.labels)
    files = LabelledFolder(output)
    write_yaml(files.splits, splits)
    _copy_originals(source, output)

    def make(pair, copy: int) -> None:
        write_frame(output, new_name(pair.name, copy), augmenter.frame(pair, copy))

    todo = [task for task, name in zip(tasks, names) if not files.image(name, ".jpg").exists()]
    with progress_bar(total=len(tasks), initial=len(tasks) - len(todo), unit="frame") as progress:
        with ThreadPoolExecutor(jobs) as pool:  # OpenCV and NumPy let go of the interpreter where the work is
            run_all(pool, make, todo, progress)

    palette = Palette(source.labels)
    shown = [names[number] for number in evenly_spaced(len(names), SHEET_FRAMES)]
    overlays = (
        (name, palette.blend(read_image(files.image(name, ".jpg")), read_mask(files.mask(name)), 0.4)) for name in shown
    )
    write_atomically(output / SHEET, encode(".png", contact_sheet(overlays)))
    return len(todo), len(tasks)
