"""Between custom data sets and the files of labelling programs, whatever their format."""

from __future__ import annotations

import dataclasses
import importlib
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rt_seg_training.datasets.custom.custom_source import read_custom
from rt_seg_training.datasets.source import read_pair
from rt_seg_training.label_exchange.annotations import ExchangeError, Reading
from rt_seg_training.label_exchange.archives import unpacked, write_zip
from rt_seg_training.label_exchange.importing import Imported, write_set
from rt_seg_training.label_exchange.recognition import recognized

FORMATS = {
    "labelme": "a folder of labelme's JSON files",
    "coco": "a COCO file of run lengths or polygons, read either way and written as run lengths",
    "coco-polygons": "the same, written as polygons",
    "cvat": "the XML file of CVAT for images or, read only, for video",
    "voc": "colour masks with labelmap.txt (CVAT: Segmentation mask)",
    "yolo": "YOLO's text files of polygons with data.yaml, as Ultralytics or Roboflow lay them out",
}
"""Read and written."""
READ_ONLY = {
    "labelstudio": "Label Studio's JSON export",
    "supervisely": "the folder of a Supervisely project, or its ann/",
    "masks": "masks of class ids: Ultralytics' semantic masks, Roboflow's with _classes.csv",
    "auto": "any of these, recognised",
}
MODULES = {"labelstudio": "label_studio", "masks": "index_masks"}


def _module(name: str):
    name = name.partition("-")[0]
    return importlib.import_module(f"rt_seg_training.label_exchange.{MODULES.get(name, name)}")


def import_labels(
    form: str,
    paths: list[Path],
    images: Path | None,
    output: Path,
    labels_file: Path | None = None,
    boxes: bool = False,
    skip: bool = False,
) -> Imported:
    """Make the custom data set `output` of the labels in `paths` and their images in the folder `images`.

    All paths share one list of classes: that of `labels_file`, else of labels.yaml in `output`, else background and
    what the files list. `images` is by default the folder of the first path. `boxes` paints the boxes of regions
    without an outline, `skip` leaves regions without an area out. Nothing is written unless all of it can be.
    Raises ExchangeError, DatasetError, LabelError, OSError.
    """
    reading = Reading(boxes, skip)
    with ExitStack() as stack:
        files = []
        places = []
        for path in paths:
            if not path.exists():
                raise ExchangeError(f"{path}: no such file or folder")
            places.append(stack.enter_context(unpacked(path)))
            kind = recognized(places[-1]) if form == "auto" else None
            if form == "auto" and (kind is None or kind.format is None):
                found = f"looks like {kind.name}, which is not read; {kind.advice}. " if kind else "is not recognised. "
                raise ExchangeError(f"{path}: {found}Formats are {', '.join([*FORMATS, *READ_ONLY])}")
            try:
                files.append(_module(kind.format if kind and kind.format else form).read(places[-1], reading))
            except ExchangeError as error:
                kind = kind or recognized(places[-1])
                if kind is None or kind.format == form.partition("-")[0]:
                    raise
                reads = f"import_labels {kind.format} reads it" if kind.format else ""
                advice = "; ".join(part for part in (reads, kind.advice) if part)
                raise ExchangeError(f"{error}. It looks like {kind.name}: {advice}") from error
        if images is None:
            images = places[0] if places[0].is_dir() else places[0].parent
        images_there = stack.enter_context(unpacked(images))
        imported = write_set(files, paths, images_there, output, labels_file, reading)
        lines = imported.remarks
        # Zip files are unpacked in folders that are gone when somebody reads this.
        for place, path in [*zip(places, paths), (images_there, images)]:
            lines = [line.replace(str(place), str(path)) for line in lines]
        return dataclasses.replace(imported, remarks=lines)


def export_labels(form: str, source_path: Path, output: Path) -> int:
    """Write the labels of a custom data set to `output`, a folder or a zip file; the number of frames.

    Raises as import_labels.
    """
    source = read_custom(source_path)
    frames = []
    for pair in (pair for members in source.splits.values() for pair in members):
        frames.append((pair.image.name, read_pair(pair, source)[1]))
    frames.sort(key=lambda frame: frame[0])
    stems: dict[str, str] = {}
    for name, _ in frames:
        if stems.setdefault(Path(name).stem, name) != name:
            raise ExchangeError(f"{source_path}: {stems[Path(name).stem]} and {name} differ only in suffix")
    options = {"polygons": True} if form == "coco-polygons" else {}
    if output.suffix.lower() != ".zip":
        _module(form).write(output, frames, source.labels, **options)
        return len(frames)
    with tempfile.TemporaryDirectory(prefix="rt_seg_") as folder:
        _module(form).write(Path(folder), frames, source.labels, **options)
        write_zip(output, Path(folder))
    return len(frames)
