"""The import_labels and export_labels tools: between custom data sets and the files of labelling programs."""
from __future__ import annotations

import argparse
import importlib
import io
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rt_seg_training.label_exchange.annotations import Annotated

FORMATS = {
    "labelme": "a folder of labelme's JSON files",
    "coco": "a COCO file of run lengths or polygons, read either way and written as run lengths",
    "coco-polygons": "the same, written as polygons",
    "cvat": "the XML file of CVAT for images",
    "voc": "colour masks with labelmap.txt (CVAT: Segmentation mask)",
}


def _module(name: str):
    return importlib.import_module(f"rt_seg_training.label_exchange.{name.partition('-')[0]}")


def _read(form: str, path: Path) -> list[Annotated]:
    """The frames of a file or folder, or of a zip file of either. Raises ExchangeError."""
    from rt_seg_training.label_exchange.annotations import ExchangeError

    if path.suffix.lower() != ".zip":
        return _module(form).read(path)
    with tempfile.TemporaryDirectory(prefix="rt_seg_") as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
            return _module(form).read(Path(folder))
        except (zipfile.BadZipFile, OSError, RuntimeError) as error:  # RuntimeError: it wants a password
            raise ExchangeError(f"{path}: cannot be read as a zip file ({error})") from error
        except ExchangeError as error:
            raise ExchangeError(str(error).replace(folder, str(path))) from error


def _write_zip(path: Path, folder: Path) -> None:
    """Write the files of a folder as a zip file, whole or not at all. Raises OSError."""
    from rt_seg.atomic_file import write_atomically

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    write_atomically(path, buffer.getvalue())


def import_labels(form: str, path: Path, images: Path, output: Path, labels_file: Path | None = None) -> int:
    """Make the custom data set `output` of the labels in `path` and their pictures in the folder `images`.

    Classes are those of `labels_file`, else of labels.yaml in `output`, else background and the names found. Pictures
    are found by stem. Returns the number of frames. Raises ExchangeError, DatasetError, LabelError, OSError.
    """
    from rt_seg.atomic_file import write_atomically
    from rt_seg.labels import load_labels
    from rt_seg_training.datasets.images import IMAGE_SUFFIXES, read_image
    from rt_seg_training.datasets.labelled_frame import encode, write_labels
    from rt_seg_training.label_exchange.annotations import ExchangeError, labels_of, names_of, paint

    if not path.exists():
        raise ExchangeError(f"{path}: no such file or folder")
    frames = _read(form, path)
    if not frames:
        raise ExchangeError(f"{path}: names no pictures")
    if not images.is_dir():
        raise ExchangeError(f"{images}: no such folder of pictures")
    if labels_file is None and (output / "labels.yaml").is_file():
        labels_file = output / "labels.yaml"
    labels = load_labels(labels_file) if labels_file else labels_of(names_of(frames))
    pictures = {file.stem: file for file in sorted(images.iterdir()) if file.suffix.lower() in IMAGE_SUFFIXES}
    for frame in frames:
        picture = pictures.get(Path(frame.file_name).stem)
        if picture is None:
            raise ExchangeError(f"{path}: labels {frame.file_name}, which is not in {images}")
        size = read_image(picture).shape[:2]
        if size != (frame.height, frame.width):
            raise ExchangeError(
                f"{picture}: is {size[1]}x{size[0]}, but was labelled at {frame.width}x{frame.height} (width x height)"
            )
        write_atomically(output / "gt" / f"{picture.stem}.png", encode(".png", paint(frame, labels)))
        if images.resolve() != (output / "rgb").resolve():
            write_atomically(output / "rgb" / picture.name, picture.read_bytes())
    write_labels(output, labels)
    return len(frames)


def export_labels(form: str, source_path: Path, output: Path) -> int:
    """Write the labels of a custom data set to `output`, a folder or a zip file; the number of frames.

    Raises as import_labels.
    """
    from rt_seg_training.datasets.custom.custom_source import read_custom
    from rt_seg_training.datasets.source import read_pair

    source = read_custom(source_path)
    frames = []
    for pair in (pair for members in source.splits.values() for pair in members):
        frames.append((pair.image.name, read_pair(pair, source)[1]))
    frames.sort(key=lambda frame: frame[0])
    options = {"polygons": True} if form == "coco-polygons" else {}
    if output.suffix.lower() != ".zip":
        _module(form).write(output, frames, source.labels, **options)
        return len(frames)
    with tempfile.TemporaryDirectory(prefix="rt_seg_") as folder:
        _module(form).write(Path(folder), frames, source.labels, **options)
        _write_zip(output, Path(folder))
    return len(frames)


def _parser(prog: str, description: str, epilog: str) -> argparse.ArgumentParser:
    forms = "; ".join(f"{name}: {meaning}" for name, meaning in FORMATS.items())
    parser = argparse.ArgumentParser(prog=prog, description=f"{description} Formats are {forms}.", epilog=epilog)
    parser.add_argument("format", choices=FORMATS)
    return parser


def main_import(arguments: list[str] | None = None) -> int:
    """Command line of import_labels; returns the exit status."""
    parser = _parser(
        "import_labels",
        "Make a data set (rgb/, gt/, labels.yaml) of the labels of another program.",
        "example: rosrun rt_seg import_labels labelme labels --images photos --output my_images",
    )
    parser.add_argument("path", type=Path, metavar="PATH", help="the labels: file, folder, or zip file of them")
    parser.add_argument("--images", required=True, type=Path, metavar="DIR", help="folder of the pictures")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder of the data set")
    parser.add_argument("--labels", type=Path, metavar="YAML", help="classes (default: background and those found)")
    options = parser.parse_args(arguments)
    try:
        count = import_labels(options.format, options.path, options.images, options.output, options.labels)
    except (ValueError, OSError) as error:  # ExchangeError, DatasetError and LabelError are ValueErrors
        print(f"import_labels: {error}", file=sys.stderr)
        return 2
    print(f"{options.output}: {count} frames")
    return 0


def main_export(arguments: list[str] | None = None) -> int:
    """Command line of export_labels; returns the exit status."""
    parser = _parser(
        "export_labels",
        "Write the labels of a data set (rgb/, gt/, labels.yaml) for another program.",
        "example: rosrun rt_seg export_labels voc my_images --output for_cvat.zip",
    )
    parser.add_argument("source", type=Path, metavar="PATH", help="folder or zip file of the data set")
    parser.add_argument("--output", required=True, type=Path, metavar="PATH", help="folder, or zip file, to write")
    options = parser.parse_args(arguments)
    try:
        count = export_labels(options.format, options.source, options.output)
    except (ValueError, OSError) as error:  # ExchangeError, DatasetError and LabelError are ValueErrors
        print(f"export_labels: {error}", file=sys.stderr)
        return 2
    print(f"{options.output}: {count} frames")
    return 0
