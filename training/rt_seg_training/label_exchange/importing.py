"""The labels of other programs and their images become a custom data set: all is checked before anything is written."""

from __future__ import annotations

import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from rt_seg.atomic_file import write_atomically
from rt_seg.labelled_folder import COLOR, GROUND_TRUTH, IMAGE_SUFFIXES, LabelledFolder
from rt_seg.labels import LabelSet, load_labels
from rt_seg.progress import progress
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.images import is_plain_rgb, read_image
from rt_seg_training.datasets.labelled_frame import encode, write_labels, write_yaml
from rt_seg_training.datasets.pairing import pair_by_name
from rt_seg_training.label_exchange.annotations import (
    Annotated,
    ExchangeError,
    LabelFile,
    Reading,
    check_names,
    is_background,
    labels_of,
    names_of,
    paint,
)
from rt_seg_training.label_exchange.image_names import Images, names_in_set
from rt_seg_training.label_exchange.remarks import Remarks


@dataclass(frozen=True)
class Imported:
    """What was written: frames, regions in them, names of the classes; and what is worth saying, a line each."""

    frames: int
    regions: int
    classes: list[str]
    remarks: list[str]


def _labels(files: list[LabelFile], output: Path, labels_file: Path | None) -> LabelSet:
    """The classes of a data set: those that it has, else those of a file, else those found. Raises ExchangeError."""
    there = LabelledFolder(output).labels
    if there.is_file():
        labels = load_labels(there)
        given = load_labels(labels_file) if labels_file is not None else labels
        if (given.names, given.ignore_id) != (labels.names, labels.ignore_id):
            raise ExchangeError(
                f"{labels_file}: has the classes {', '.join(given.names)}, but the masks that are in {output} mean "
                f"{', '.join(labels.names)} ({there}); take another --output"
            )
        return labels
    if any(LabelledFolder(output).ground_truth.glob("*")):
        raise ExchangeError(f"{output}: has masks in gt/, but no labels.yaml that says what they mean")
    if labels_file is not None:
        return load_labels(labels_file)
    every = [name for file in files for name in file.names]
    every += [region.name for file in files for frame in file.frames for region in frame.regions]
    background = not all(file.every_pixel for file in files) or any(map(is_background, every))
    return labels_of(names_of(files), background)


def _compare_names(names: list[str], remarks: Remarks) -> None:
    """Count class names that look alike: mostly typos."""
    alike: dict[str, str] = {}
    for name in names:
        composed = unicodedata.normalize("NFC", name)
        other = alike.setdefault("".join(composed.split()).casefold(), name)
        if other != name:
            same = composed == unicodedata.normalize("NFC", other)
            kind = "look the same (Unicode NFC and NFD)" if same else "differ only in spaces or capitals"
            remarks.add(f"class names {kind}", f"{name!r} and {other!r}")


def _check_image(image: Path, frame: Annotated) -> tuple[int, int]:
    """(height, width) of an image that is whole and of the size at which it was labelled. Raises ExchangeError."""
    try:
        pixels = read_image(image)
        size = (pixels.shape[0], pixels.shape[1])
    except DatasetError as error:
        raise ExchangeError(str(error)) from error
    if frame.size is not None and size != frame.size:
        height, width = frame.size
        turned = ". Its EXIF tag rotates it: label the rotated image" if size == (width, height) else ""
        raise ExchangeError(
            f"{image}: is {size[1]}x{size[0]}, but was labelled at {width}x{height} (width x height)"
            + (turned if turned and not is_plain_rgb(image) else "")
        )
    return size


def _check_names(names: list[str], images: list[Path], output: Path, remarks: Remarks) -> None:
    """Raise ExchangeError where a name would belong to two images in the data set, old ones included."""
    colors = LabelledFolder(output).color.glob("*")
    there = {file.stem: file for file in colors if file.suffix.lower() in IMAGE_SUFFIXES}
    for name, image in zip(names, images):
        old = there.get(name)
        if old is not None and old.resolve() != image.resolve():
            if old.suffix != image.suffix or old.read_bytes() != image.read_bytes():
                raise ExchangeError(
                    f"{image}: {old} is a different image of the same name; rename one, or take another --output"
                )
        mask = LabelledFolder(output).mask(name)
        if mask.is_file():
            remarks.add("existing masks are replaced", str(mask))
    # Endings such as _mask and _rgb mean something there, so that names may collide that differ.
    with tempfile.TemporaryDirectory(prefix="rt_seg_") as folder:
        planned = Path(folder)
        for part in (COLOR, GROUND_TRUTH):
            (planned / part).mkdir()
            files = [file.name for file in (output / part).glob("*") if file.suffix.lower() in IMAGE_SUFFIXES]
            suffixes = [image.suffix for image in images] if part == COLOR else [".png"] * len(images)
            for file in [*files, *(name + suffix for name, suffix in zip(names, suffixes))]:
                (planned / part / file).touch()
        try:
            pair_by_name(planned / COLOR, planned / GROUND_TRUTH)
        except DatasetError as error:
            raise ExchangeError(
                f"{str(error).replace(folder, str(output))} (as they would be written: rename one of the images)"
            ) from error


def write_set(
    files: list[LabelFile], paths: list[Path], images: Path, output: Path, labels_file: Path | None, reading: Reading
) -> Imported:
    """Write gt/, rgb/, labels.yaml and, where the files tell them, splits.yaml of a data set.

    Raises ExchangeError, DatasetError, LabelError, OSError; nothing is written then, unless the disk fails.
    """
    remarks = reading.remarks
    frames = [frame for file in files for frame in file.frames]
    if not frames:
        why = f" ({'; '.join(remarks.lines())})" if remarks.counts else ""
        raise ExchangeError(f"{', '.join(map(str, paths))}: refers to no images{why}")
    labels = _labels(files, output, labels_file)
    _compare_names(labels.names, remarks)
    found = Images(images, output)
    of_image: dict[Path, Annotated] = {}
    sizes = []
    for frame in progress(frames, desc="checking", unit="image", leave=False):
        check_names(frame, labels)
        image = found.of(frame, remarks)
        other = of_image.setdefault(image, frame)
        if other is not frame:
            raise ExchangeError(f"{image}: is labelled twice, as {other.file_name} ({other.place}) and as "
                                f"{frame.file_name} ({frame.place}); keep one")  # fmt: skip
        sizes.append(_check_image(image, frame))
    masks = {frame.place for frame in frames}  # of formats of images, beside which they may lie
    others = [file for file in found.not_among(of_image) if str(file) not in masks]
    if others:
        remarks.add("images without labels are skipped", str(others[0]), len(others))
    names = names_in_set(list(of_image), images)
    _check_names(names, list(of_image), output, remarks)

    folder = LabelledFolder(output)
    began_empty = not folder.color.is_dir() or images.resolve() == folder.color.resolve()
    if not folder.labels.is_file():
        write_labels(output, labels)
    planned = list(zip(names, of_image.items(), sizes))
    for name, (image, frame), size in progress(planned, desc="writing", unit="image", leave=False):
        write_atomically(folder.mask(name), encode(".png", paint(frame, labels, size, remarks)))
        copy = folder.image(name, image.suffix)
        if copy.resolve() != image.resolve():
            write_atomically(copy, image.read_bytes())
    _write_splits(output, names, frames, began_empty, remarks)
    return Imported(len(frames), sum(len(frame.regions) for frame in frames), labels.names, remarks.lines())


def _write_splits(output: Path, names: list[str], frames: list[Annotated], began_empty: bool, remarks: Remarks) -> None:
    """Write splits.yaml where every frame's file tells its split."""
    splits: dict[str, list[str]] = {}
    for name, frame in zip(names, frames):
        if frame.split is not None:
            splits.setdefault(frame.split, []).append(name)
    if not splits:
        return
    if len(splits) == 1:
        remarks.add(f"all frames are of the split {next(iter(splits))}: splits.yaml is not written", str(output))
        return
    if "train" not in splits or sum(map(len, splits.values())) < len(frames) or not began_empty:
        remarks.add("the files give splits, but not for all frames: splits.yaml is not written", str(output))
        return
    write_yaml(LabelledFolder(output).splits, {split: sorted(members) for split, members in sorted(splits.items())})
