"""Command line: make a rosbag under the RealSense topic contract from a simulated scene or from image folders."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Iterable, List, Optional, Tuple

from rt_seg.command_line import BAD_INPUT, command_parser, old_spelling
from rt_seg.labels import LabelSet

_EPILOG = """
  rosrun rt_seg make_recording simulated --seed 7 --count 240 recordings/demo.bag
  rosrun rt_seg make_recording simulated --recipe bracket recordings/bracket.bag
  rosrun rt_seg make_recording folder --color rgb --depth depth --intrinsics camera.json recordings/desk.bag
"""


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is too small; accepted are whole numbers from 1")
    return value


def _rate(text: str) -> float:
    value = float(text)
    if not 0.1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{value} is not a rate; accepted are 0.1 to 1000 frames per second")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "make_recording",
        description="Make a rosbag with the topics of realsense2_camera: colour, aligned depth, their camera infos, "
        "and ground truth if available.",
        example=_EPILOG,
    )
    sources = parser.add_subparsers(dest="source", metavar="SOURCE", required=True)

    simulated = sources.add_parser("simulated", help="render a simulated tabletop scene")
    simulated.add_argument("--recipe", type=Path, metavar="FILE.yaml", help="scene recipe, as for synthesize")
    simulated.add_argument("--seed", type=int, default=1, help="scene and camera path (default: %(default)s)")
    simulated.add_argument("--count", type=_count, default=240, help="number of frames (default: %(default)s)")
    old_spelling(simulated, "--frames", "--count")

    folder = sources.add_parser("folder", help="read folders of images, paired by file name")
    folder.add_argument("--color", type=Path, required=True, metavar="DIR", help="colour images, PNG or JPEG")
    folder.add_argument("--depth", type=Path, metavar="DIR", help="aligned depth, 16-bit PNG in millimetres")
    folder.add_argument("--ground-truth", type=Path, metavar="DIR", help="class ids, single-channel 8-bit PNG")
    folder.add_argument(
        "--intrinsics",
        type=Path,
        metavar="FILE.json",
        help="pinhole camera in Open3D's JSON format; default: a nominal D435",
    )

    for source in (simulated, folder):
        source.add_argument("--rate", type=_rate, default=30.0, help="frames per second (default: %(default)s)")
        source.add_argument("output", type=Path, metavar="OUTPUT.bag", help="bag to write, or OUTPUT.mcap")
    return parser


def _open_source(arguments: argparse.Namespace) -> Tuple[Iterable, int, Optional[LabelSet]]:
    """Frames, how many, and the classes of their ground truth."""
    if arguments.source == "simulated":
        from rt_seg.simulation import simulate_recording
        from rt_seg.simulation.classes import tabletop_labels

        recipe = None
        if arguments.recipe is not None:
            from rt_seg.simulation.recipe_file import load_recipe

            recipe = load_recipe(arguments.recipe)
        labels = tabletop_labels() if recipe is None else recipe.labels
        frames = simulate_recording(arguments.seed, arguments.count, arguments.rate, recipe=recipe)
        return frames, arguments.count, labels
    from rt_seg.cameras.image_folder import ImageFolder

    images = ImageFolder(arguments.color, arguments.depth, arguments.ground_truth, arguments.intrinsics, arguments.rate)
    return images, len(images), images.labels


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    if arguments.output.suffix not in (".bag", ".mcap"):
        print(f"make_recording: {arguments.output}: the output must end in .bag or .mcap", file=sys.stderr)
        return 2

    from rt_seg.cameras.image_folder import FolderError
    from rt_seg.progress import progress
    from rt_seg.ros.recording.bag_writer import write_recording
    from rt_seg.simulation import SimulationError

    try:
        frames, count, labels = _open_source(arguments)
        shown = progress(frames, total=count, unit="frame", desc=arguments.output.name)
        write_recording(shown, arguments.output, labels)
    except (FolderError, SimulationError) as error:
        print(f"make_recording: {error}", file=sys.stderr)
        return BAD_INPUT
    except OSError as error:
        print(f"make_recording: cannot write {arguments.output}: {error.strerror or error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("make_recording: interrupted; nothing was written", file=sys.stderr)
        return 130
    print(f"{arguments.output}: {count} frames, {count / arguments.rate:.1f} s")
    return 0
