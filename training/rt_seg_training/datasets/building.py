"""Build a data set from its source: check, write with TFDS, and put it in place in one step."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from rt_seg_training.datasets.beam_runner import BeamRunnerError, find_runner
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
            builder.download_and_prepare(download_config=tfds.download.DownloadConfig(**beam), file_format="tfrecord")
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
