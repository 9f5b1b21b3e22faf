"""Write the classes of a model bundle in the format of another package."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Dict, List, Optional

from rt_seg.atomic_file import write_atomically
from rt_seg.bundle import BundleError, load_bundle
from rt_seg.class_tables import (
    CONSUMERS,
    ELEVATION_MAPPING,
    HYDRA,
    KIMERA,
    KIMERA_CLASSES,
    ClassTableError,
    elevation_mapping_settings,
    hydra_tables,
    kimera_table,
)
from rt_seg.command_line import command_parser
from rt_seg.labels import LabelSet
from rt_seg.products.class_filter import split_names

EXAMPLE = """
  rosrun rt_seg export_class_table tabletop --for kimera
  rosrun rt_seg export_class_table camvid --for hydra --dynamic pedestrian --output maps/

It writes NAME_kimera.csv; NAME_label_space.yaml and NAME_colors.csv; or NAME_elevation_mapping.yaml."""


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("export_class_table", description=__doc__, example=EXAMPLE)
    parser.add_argument("bundle", metavar="BUNDLE", help="the model bundle: a folder or a name")
    parser.add_argument("--for", dest="consumer", required=True, choices=CONSUMERS, help="format of this consumer")
    parser.add_argument("--output", type=Path, default=Path(), help="folder (default: the current one)")
    parser.add_argument("--node", default="/segmentation", help="elevation_mapping: the node (default: %(default)s)")
    parser.add_argument("--objects", default="", help="hydra: classes that become objects, comma-separated; "
                        "the others become places (default: all but background)")  # fmt: skip
    parser.add_argument("--dynamic", default="", help="hydra: classes that move, comma-separated (default: none)")
    return parser


def _files(options: argparse.Namespace, labels: LabelSet) -> Dict[str, str]:
    """Text by the end of the file's name."""
    if options.consumer == KIMERA:
        return {"kimera.csv": kimera_table(labels)}
    if options.consumer == HYDRA:
        return hydra_tables(labels, split_names(options.objects), split_names(options.dynamic))
    return {f"{ELEVATION_MAPPING}.yaml": elevation_mapping_settings(labels, options.node.rstrip("/"))}


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command; returns the exit code: 0, 1 when a file cannot be written, 2 for classes that cannot be."""
    options = _parser().parse_args(argv)
    try:
        bundle = load_bundle(options.bundle)
        files = _files(options, bundle.labels)
    except (BundleError, ClassTableError) as error:
        print(f"export_class_table: {error}", file=sys.stderr)
        return 2
    for ending, text in files.items():
        path = options.output / f"{bundle.name}_{ending}"
        try:
            write_atomically(path, text.encode("utf-8"))
        except OSError as error:
            print(f"export_class_table: cannot write {path}: {error.strerror or error}", file=sys.stderr)
            return 1
        print(path)
    if options.consumer == KIMERA and len(bundle.labels) > KIMERA_CLASSES:
        print(f"{len(bundle.labels)} classes: Kimera-Semantics supports {KIMERA_CLASSES}; raise its "
              "kTotalNumberOfLabels and rebuild it")  # fmt: skip
    return 0
