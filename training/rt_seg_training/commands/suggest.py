"""The command `suggest`: which frames of a recording to label next, with the model's masks to begin with."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from rt_seg.command_line import BAD_INPUT, DONE, FOUND, INTERRUPTED, command_parser

EXAMPLE = """
  rosrun rt_seg suggest cup recordings/kitchen.bag --count 20 --output next --labelled my_images
  rosrun rt_seg suggest cup ~/rt_seg_frames --output next      # uncertain frames that the node saved
  rosrun rt_seg label_binary next                              # correct the masks; then add the frames to your set"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status: 0; 1 when images could not be read; 2 for bad input; 130."""
    parser = command_parser(
        "suggest",
        description="Rank the frames of a recording by the model's uncertainty and by how much they differ from "
        "each other and from the labelled frames; write the first ones to a folder, with the model's masks, ready for "
        "label_binary and label_semantic.",
        example=EXAMPLE,
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the model bundle: a folder or a name")
    parser.add_argument(
        "recording", type=Path, metavar="RECORDING",
        help="a bag, a video, a folder of images, or one with rgb/ or color/ and depth/, as written by capture "
        "and the node",
    )  # fmt: skip
    parser.add_argument("--count", type=int, default=20, help="frames to suggest (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=Path("suggested"), metavar="DIR", help="new folder (default: %(default)s)"
    )
    parser.add_argument(
        "--labelled", type=Path, action="append", default=[], metavar="DIR",
        help="a labelled folder: frames similar to those in it are not suggested; can be repeated",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    from rt_seg.bundle import BundleError
    from rt_seg_training.labelling.captures import LabellingError

    try:
        if options.count < 1:
            raise LabellingError(f"--count {options.count}: accepted is 1 or more")
        if not options.recording.expanduser().exists():
            raise LabellingError(f"{options.recording}: no such file or folder")
        if options.output.exists() and any(options.output.iterdir()):
            raise LabellingError(f"{options.output}: is not empty; name a new folder with --output")
        return _suggest(options)
    except (BundleError, LabellingError, OSError) as error:
        print(f"suggest: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("suggest: stopped; the output is incomplete, run it again", file=sys.stderr)
        return INTERRUPTED


def _suggest(options: argparse.Namespace) -> int:
    from rt_seg.bundle import load_bundle
    from rt_seg_training.learning.frame_features import FrameJudge
    from rt_seg_training.learning.recorded_images import recorded_images
    from rt_seg_training.learning.suggestions import TABLE, suggest_frames

    bundle = load_bundle(options.bundle)
    judge = FrameJudge(bundle)
    with tempfile.TemporaryDirectory(prefix="rt_seg_suggest_") as temporary:
        images = recorded_images(options.recording.expanduser(), Path(temporary))
        found = suggest_frames(judge, images, options.output, options.count, options.labelled)
    for failure in found.failures:
        print(f"suggest: {failure}", file=sys.stderr)
    print(
        f"{options.output}: {found.written} of {found.readable} frames, with the masks of {bundle.name}"
        + (f"; {found.labelled} are already labelled" if found.labelled else "")
        + f"; ranks in {options.output / TABLE}"
    )
    tool = "label_binary" if len(bundle.labels) == 2 else "label_semantic"
    print(f"next:  rosrun rt_seg {tool} {options.output}")
    return FOUND if found.failures else DONE
