"""The commands `import_labels` and `export_labels`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rt_seg.command_line import command_parser
from rt_seg_training.label_exchange.exchange import FORMATS, READ_ONLY, export_labels, import_labels


def _parser(name: str, description: str, forms: dict[str, str], example: str) -> argparse.ArgumentParser:
    listed = "; ".join(f"{form}: {meaning}" for form, meaning in forms.items())
    parser = command_parser(name, f"{description} Formats are {listed}.", example)
    parser.add_argument("format", choices=forms)
    return parser


def main_import(arguments: list[str] | None = None) -> int:
    """Command line of import_labels; returns the exit status."""
    parser = _parser(
        "import_labels",
        "Make a data set (rgb/, gt/, labels.yaml) from the labels of another program. What is clipped, guessed "
        "or left out is counted and printed; invalid labels are refused, and nothing is written.",
        FORMATS | READ_ONLY,
        "rosrun rt_seg import_labels coco train.json valid.json --images photos --output my_images",
    )
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH",
        help="the labels: files, folders, or zip files of them; several share one list of classes",
    )  # fmt: skip
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help="folder or zip file of the images (default: that of the labels)"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder of the data set")
    parser.add_argument("--labels", type=Path, metavar="YAML", help="classes (default: background and those found)")
    parser.add_argument("--boxes", action="store_true", help="paint the box of a region that has no outline")
    parser.add_argument("--skip", action="store_true", help="skip regions without an area: lines, points, …")
    options = parser.parse_args(arguments)
    try:
        found = import_labels(
            options.format, options.paths, options.images, options.output, options.labels, options.boxes, options.skip
        )
    except (ValueError, OSError) as error:  # ExchangeError, DatasetError and LabelError are ValueErrors
        print(f"import_labels: {error}", file=sys.stderr)
        return 2
    print(f"{options.output}: {found.frames} frames, {found.regions} regions, classes {', '.join(found.classes)}")
    for line in found.remarks:
        # Names of files are bytes, which need not be a text.
        print(f"  {line.encode('utf-8', 'backslashreplace').decode('utf-8')}")
    return 0


def main_export(arguments: list[str] | None = None) -> int:
    """Command line of export_labels; returns the exit status."""
    parser = _parser(
        "export_labels",
        "Write the labels of a data set (rgb/, gt/, labels.yaml) for another program.",
        FORMATS,
        "rosrun rt_seg export_labels voc my_images --output for_cvat.zip",
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
