"""The synthesize tool: a custom data set (rgb/, gt/, depth/) of simulated scenes, as a folder or as a zip file.

Frame i is the scene of seed + i and of nothing else, so a data set can be made in any number of runs and processes.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import zipfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rt_seg.atomic_file import atomic_file, write_atomically
from rt_seg.labelled_folder import COLOR, DEPTH, GROUND_TRUTH, LabelledFolder
from rt_seg.labels import LabelSet
from rt_seg.settings import dump_yaml, parse_yaml, read_yaml
from rt_seg.simulation import SCENE_VERSION
from rt_seg.simulation.classes import tabletop_labels, things_labels
from rt_seg.simulation.scene_recipe import SceneRecipe
from rt_seg_training.parallel_work import run_all

RECIPE = "recipe.yaml"
JPEG_QUALITY = 95
IMAGE_FORMATS = ("jpg", "png")


class SynthesisError(ValueError):
    """The data set cannot be made as asked."""


@dataclass(frozen=True)
class Recipe:
    """What decides the bytes of a frame; without a scene, it is of a kind."""

    seed: int
    image_format: str
    scene: SceneRecipe | None = None
    kind: str = "tabletop"

    @property
    def record(self) -> dict[str, Any]:
        """What is kept beside the frames, so that a resumed run cannot mix two recipes."""
        record: dict[str, Any] = {
            "seed": self.seed, "image_format": self.image_format, "scene_version": SCENE_VERSION
        }  # fmt: skip
        if self.scene is not None:
            record["scene"] = self.scene.digest
        elif self.kind != "tabletop":
            record["kind"] = self.kind
        return record

    @property
    def labels(self) -> LabelSet:
        """The classes of the scenes."""
        if self.scene is not None:
            return self.scene.labels
        return things_labels() if self.kind == "things" else tabletop_labels()


def stem(number: int) -> str:
    """Name, without its ending, of the files of frame `number`."""
    return f"{number:06d}"


def frame_files(folder: Path, number: int, image_format: str, with_depth: bool) -> dict[str, Path]:
    """The files of one frame by kind: rgb, gt, and depth when wanted."""
    of_set, name = LabelledFolder(folder), stem(number)
    files = {COLOR: of_set.image(name, f".{image_format}"), GROUND_TRUTH: of_set.mask(name)}
    if with_depth:
        files[DEPTH] = of_set.depth(name)
    return files


def make_frame(folder: Path, number: int, recipe: Recipe, with_depth: bool) -> None:
    """Simulate frame `number` and write its files: rgb, gt (uint8 class ids) and, if wanted, depth (uint16 mm)."""
    import cv2

    from rt_seg.simulation import simulate_scene

    frame = simulate_scene(recipe.seed + number, recipe=recipe.scene, kind=recipe.kind)
    images = {COLOR: frame.color[..., ::-1], GROUND_TRUTH: frame.ground_truth, DEPTH: frame.depth}
    for kind, path in frame_files(folder, number, recipe.image_format, with_depth).items():
        options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if path.suffix == ".jpg" else []
        written, encoded = cv2.imencode(path.suffix, images[kind], options)
        if not written:
            raise SynthesisError(f"{path}: OpenCV could not encode the image")
        write_atomically(path, encoded.tobytes())


def _start_worker() -> None:
    # Ctrl-C reaches the whole process group; the parent alone answers it, and ends the pool.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # One process per core already: more threads in the software renderer and in OpenCV would only compete.
    os.environ["LP_NUM_THREADS"] = "1"
    import cv2

    cv2.setNumThreads(1)


def _check_recipe(folder: Path, recipe: Recipe) -> None:
    path = folder / RECIPE
    if not path.exists():
        if any((folder / kind).is_dir() and any((folder / kind).iterdir()) for kind in (COLOR, GROUND_TRUTH)):
            raise SynthesisError(
                f"{folder}: holds images but no {RECIPE}, so it was not made by synthesize. Choose another --output."
            )
        return
    _check_record(read_yaml(path, SynthesisError), folder, recipe)


def _check_record(found: Any, output: Path, recipe: Recipe) -> None:
    if found != recipe.record:
        raise SynthesisError(
            f"{output}: was started with {found}, but this run has {recipe.record}. "
            "Use the same settings to resume it, or another --output."
        )


def synthesize(
    folder: Path,
    count: int,
    seed: int = 0,
    jobs: int = 1,
    with_depth: bool = False,
    image_format: str = "jpg",
    validation_share: float = 0.0,
    scene: SceneRecipe | None = None,
    kind: str = "tabletop",
) -> int:
    """Make the frames 0..count-1 in `folder`, but for those that are complete there; frame i has the seed seed + i.

    `scene` is the recipe of the scenes; without one they are of a `kind`: tabletop or things.

    Also writes labels.yaml and, for a validation_share above 0, splits.yaml: {train: [stems], validation: [stems]},
    where the last frames validate. Returns the number of frames made in this run. Raises SynthesisError when the
    folder was begun with other settings or an argument is out of range, SimulationError when rendering is not possible,
    OSError when the folder cannot be written.
    """
    from rt_seg.progress import progress_bar

    if count < 1:
        raise SynthesisError(f"count {count}: accepted are integers from 1")
    if seed < 0:
        raise SynthesisError(f"seed {seed}: accepted are integers from 0")
    if jobs < 1:
        raise SynthesisError(f"jobs {jobs}: accepted are integers from 1")
    if image_format not in IMAGE_FORMATS:
        raise SynthesisError(f"image format {image_format!r}: accepted are {', '.join(IMAGE_FORMATS)}")
    validation_count = round(count * validation_share)
    if not 0 <= validation_share < 1 or validation_count >= count:
        raise SynthesisError(
            f"validation share {validation_share}: accepted are 0 to below 1, leaving at least one of {count} to train"
        )

    recipe = Recipe(seed, image_format, scene, kind)
    if folder.exists() and not folder.is_dir():
        raise SynthesisError(f"{folder}: is a file; --output must name a folder")
    _check_recipe(folder, recipe)
    for kind in (COLOR, GROUND_TRUTH, DEPTH) if with_depth else (COLOR, GROUND_TRUTH):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    write_atomically(folder / RECIPE, dump_yaml(recipe.record))
    write_atomically(LabelledFolder(folder).labels, dump_yaml(recipe.labels.to_dict()))

    todo = [
        (folder, number, recipe, with_depth)
        for number in range(count)
        if not all(path.is_file() for path in frame_files(folder, number, image_format, with_depth).values())
    ]
    with progress_bar(total=count, initial=count - len(todo), unit="frame") as progress:
        if jobs == 1 or len(todo) < 2:
            for task in todo:
                make_frame(*task)
                progress.update()
        elif todo:
            # A forked OpenGL context is unusable, so workers start afresh.
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(min(jobs, len(todo)), context, _start_worker) as pool:
                run_all(pool, make_frame, todo, progress)

    LabelledFolder(folder).splits.unlink(missing_ok=True)  # it may be of a smaller set
    if validation_count:
        stems = [stem(number) for number in range(count)]
        train_count = count - validation_count
        splits = {"train": stems[:train_count], "validation": stems[train_count:]}
        write_atomically(LabelledFolder(folder).splits, dump_yaml(splits))
    return len(todo)


def synthesize_archive(archive: Path, count: int, seed: int = 0, image_format: str = "jpg", **settings: Any) -> int:
    """Make a data set as `synthesize` does, and put it into the zip file `archive`, which appears whole or not at all.

    Until then its frames are in a folder beside it, from which a broken run continues; a set that is there grows to
    `count` frames. Errors are those of `synthesize`.
    """
    folder = archive.with_name(f"{archive.name}.frames")
    recipe = Recipe(seed, image_format, settings.get("scene"), settings.get("kind", "tabletop"))
    if archive.exists() and not folder.exists():
        _unpack(archive, folder, recipe)
    made = synthesize(folder, count, seed, image_format=image_format, **settings)
    # Stored: the images are compressed already.
    with atomic_file(archive) as unfinished, zipfile.ZipFile(unfinished, "w") as content:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                content.write(path, path.relative_to(folder))
    shutil.rmtree(folder)
    return made


def _unpack(archive: Path, folder: Path, recipe: Recipe) -> None:
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(archive) as content:
            if RECIPE not in content.namelist():
                raise SynthesisError(f"{archive}: was not made by synthesize. Choose another --output.")
            _check_record(parse_yaml(content.read(RECIPE), f"{archive}, {RECIPE}", SynthesisError), archive, recipe)
            content.extractall(temporary)
        os.replace(temporary, folder)
    except (zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise SynthesisError(f"{archive}: cannot be read as a zip file ({error}). Choose another --output.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
