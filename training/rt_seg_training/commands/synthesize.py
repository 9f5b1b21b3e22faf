"""The command `synthesize`."""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from rt_seg.command_line import BAD_INPUT, FOUND, command_parser, old_spelling
from rt_seg.labels import LabelError
from rt_seg.simulation import SimulationError
from rt_seg.simulation.recipe_file import load_recipe
from rt_seg.simulation.recording import KINDS
from rt_seg_training.synthesis.synthesis import IMAGE_FORMATS, SynthesisError, synthesize, synthesize_archive


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "synthesize",
        description="Make a data set of simulated scenes: rgb/, gt/ (class ids), labels.yaml, splits.yaml. A "
        "recipe adds your own parts. An interrupted run resumes where it stopped.",
        example="  rosrun rt_seg synthesize --count 1500 --seed 0 --output data/tabletop --with-depth\n"
        "  rosrun rt_seg synthesize --scene things --count 3000 --with-depth --output data/things\n"
        "  rosrun rt_seg synthesize --recipe bracket --count 600 --output bracket.zip",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--scene", choices=KINDS, default="tabletop", help="tabletop: plates, pegs and blocks; things: objects "
        "of any shape on tables, floors and shelves (default: %(default)s)"
    )  # fmt: skip
    what.add_argument(
        "--recipe", type=Path, metavar="YAML", help="objects (STL, OBJ, shapes) and how they are rendered; "
        "a file, or the name of a shipped one (bracket, part_alone); see config/scenes/bracket.yaml"
    )  # fmt: skip
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--output", required=True, type=Path, metavar="PATH", help="folder of the data set, or X.zip")
    parser.add_argument("--count", type=int, default=1500, help="number of frames (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="frame i shows scene SEED + i (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=cores, help="processes (default: one per core, %(default)s)")
    parser.add_argument(
        "--with-depth", action="store_true", help="also write depth/ (16-bit PNG, millimetres, 0 = unknown)"
    )
    parser.add_argument(
        "--image-format",
        choices=IMAGE_FORMATS,
        default="jpg",
        help="format of the colour images (default: %(default)s)",
    )
    parser.add_argument(
        "--validation-share",
        type=float,
        default=0.1,
        metavar="SHARE",
        help="share of the frames, the last ones, for validation in splits.yaml; 0 writes no splits.yaml "
        "(default: %(default)s)",
    )
    old_spelling(parser, "--depth", "--with-depth")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line of synthesize; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        scene = None
        if options.recipe is not None:
            scene = load_recipe(options.recipe)
        make = synthesize_archive if options.output.suffix == ".zip" else synthesize
        made = make(
            options.output,
            options.count,
            options.seed,
            jobs=options.jobs,
            with_depth=options.with_depth,
            image_format=options.image_format,
            validation_share=options.validation_share,
            scene=scene,
            kind=options.scene,
        )
    except (SynthesisError, SimulationError, LabelError, OSError) as error:
        print(f"synthesize: {error}", file=sys.stderr)
        return BAD_INPUT
    except BrokenProcessPool:
        print(
            "synthesize: a worker process died (out of memory?); run the same command again to resume, "
            "perhaps with fewer --jobs",
            file=sys.stderr,
        )
        return FOUND
    except KeyboardInterrupt:
        print("synthesize: stopped; run the same command again to resume", file=sys.stderr)
        return 130
    print(f"{options.output}: {options.count} frames ({made} made now, {options.count - made} already there)")
    return 0
