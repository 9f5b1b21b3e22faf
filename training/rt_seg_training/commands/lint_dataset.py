"""The lint_dataset tool: shows what corrupts a labelled data set, as a table and as a page with images."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rt_seg.command_line import BAD_INPUT, DONE, FOUND, INTERRUPTED, command_parser
from rt_seg_training.commands.tensorflow_log import quiet_tensorflow
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.layouts import LAYOUTS, read_layout
from rt_seg_training.datasets.lint_report import describe, describe_doubts, page
from rt_seg_training.datasets.linting import lint
from rt_seg_training.datasets.source import Source
from rt_seg_training.learning.label_judges import (
    OUT_OF_FOLD,
    Folds,
    find_doubts,
    find_doubts_out_of_fold,
    model_judge,
)

if TYPE_CHECKING:
    from rt_seg_training.datasets.label_errors import Doubt

DOUBTS = 30
"""Frames whose labels a model doubts most, listed by default."""


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "lint_dataset",
        description="Find problems in a labelled data set: unreadable files, images without masks, label values "
        "outside the class list, empty masks, absent and rare classes, depth that is not in millimetres, validation "
        "images that training has seen, and labels that a model contradicts. Exit code 0: it can be built "
        "(check the warnings), 1: it cannot, 2: it cannot be read.",
        example="rosrun rt_seg lint_dataset custom my_images --html lint.html",
    )
    parser.add_argument("layout", choices=LAYOUTS, help="as for build_dataset")
    parser.add_argument("source", metavar="PATH", type=Path, help="folder or file of the data set")
    parser.add_argument("--classes", type=int, choices=(40, 13), default=40, help="of nyu_depth_v2 (default: 40)")
    parser.add_argument("--foreground", type=int, metavar="VALUE", help="custom, two classes: mask value of class 1")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a page with images")
    parser.add_argument(
        "--judge", metavar="MODEL", default="auto", help="what finds likely label errors: a model bundle; auto, a "
        f"known one with the classes of the set; {OUT_OF_FOLD}, networks trained now, each on frames that it "
        f"does not check, which takes minutes; none (default: %(default)s)"
    )  # fmt: skip
    parser.add_argument(
        "--doubts", type=int, default=DOUBTS, help="likely label errors to show, the worst first (default: %(default)s)"
    )
    group = parser.add_argument_group(f"--judge {OUT_OF_FOLD}")
    group.add_argument(
        "--folds", type=int, default=Folds.count, help="parts of the set; each is checked by a network trained "
        "on the others (default: %(default)s)"
    )  # fmt: skip
    group.add_argument("--steps", type=int, default=Folds.steps, help="steps of each training (default: %(default)s)")
    group.add_argument(
        "--initial-weights", metavar="PATH", default=Folds.initial_weights, help="start of each training, a "
        "bundle or run folder not trained on this set (default: %(default)s)"
    )  # fmt: skip
    return parser


def _doubts(options: argparse.Namespace, source: Source) -> tuple[str, list[Doubt]] | None:
    """Who judged, and the likely label errors; None where nobody can judge. Raises as what it calls."""
    if options.judge == OUT_OF_FOLD:
        quiet_tensorflow()
        folds = Folds(options.folds, options.steps, options.initial_weights)
        return find_doubts_out_of_fold(source, folds, options.doubts, lambda text: print(text, flush=True))
    found = model_judge(options.judge, source)
    return None if found is None else (found[0], find_doubts(source, found[1], options.doubts))


def main(arguments: list[str] | None = None) -> int:
    """Command line of lint_dataset; returns the exit code: 0, 1 when the set cannot be built as it is, 2 when it is
    no data set, or bad input, 130 after Ctrl-C."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.folds < 2 or options.steps < 1:
        parser.error(f"--folds {options.folds}, --steps {options.steps}: accepted are 2 and more, 1 and more")
    from rt_seg.atomic_file import write_atomically
    from rt_seg.bundle import BundleError
    from rt_seg_training.configuration import ConfigurationError

    try:
        source = read_layout(options.layout, options.source, options.classes, options.foreground)
        report = lint(source)
        print(describe(report), flush=True)
        wanted = options.judge != "none" and options.doubts > 0 and not report.errors
        judged = _doubts(options, source) if wanted else None
        name, doubts = judged or ("", [])
        if judged is not None:
            print(describe_doubts(doubts, source, name))
        elif wanted:
            print(
                "no known model has these classes: to find likely label errors, use --judge MODEL, trained on "
                f"this set, or --judge {OUT_OF_FOLD}"
            )
        if options.html:
            write_atomically(options.html, page(report, source, doubts, name).encode("utf-8"))
            print(options.html)
    except (BundleError, ConfigurationError, DatasetError, OSError) as error:
        print(f"lint_dataset: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("lint_dataset: interrupted", file=sys.stderr)
        return INTERRUPTED
    return FOUND if report.errors else DONE
