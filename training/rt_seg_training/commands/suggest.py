"""The command `suggest`: which frames of a recording to label next, with the model's masks to begin with."""
from __future__ import annotations

import argparse
import csv
import io
import subprocess
import sys
import tempfile
from pathlib import Path

from rt_seg.command_line import BAD_INPUT, DONE, FOUND, INTERRUPTED, command_parser
from rt_seg.labelled_folder import LabelledFolder

EXAMPLE = """
  rosrun rt_seg suggest cup recordings/kitchen.bag --count 20 --output next --labelled my_images
  rosrun rt_seg suggest cup ~/rt_seg_frames --output next      # frames that the node saved, being unsure
  rosrun rt_seg label_binary next                              # correct the masks; then add the frames to your set"""

TABLE = "suggestions.csv"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status: 0; 1 when images could not be read; 2 for bad input; 130."""
    parser = command_parser(
        "suggest",
        description="Rank the frames of a recording by how unsure the model is of them and how much they differ from "
        "each other and from what is labelled; write the first ones to a folder, with the model's masks, ready for "
        "label_binary and label_semantic.",
        example=EXAMPLE,
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the model bundle: a folder or a name")
    parser.add_argument(
        "recording", type=Path, metavar="RECORDING",
        help="a bag, a video, a folder of images, or one with rgb/ or color/ and depth/, as capture and the node write",
    )  # fmt: skip
    parser.add_argument("--count", type=int, default=20, help="frames to suggest (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=Path("suggested"), metavar="DIR", help="new folder (default: %(default)s)"
    )
    parser.add_argument(
        "--labelled", type=Path, action="append", default=[], metavar="DIR",
        help="a labelled folder: no frame like those there is suggested; several times for several",
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
        print("suggest: stopped; nothing is complete, begin again", file=sys.stderr)
        return INTERRUPTED


def _suggest(options: argparse.Namespace) -> int:
    import numpy as np

    from rt_seg.bundle import load_bundle
    from rt_seg.progress import progress
    from rt_seg_training.datasets.errors import DatasetError
    from rt_seg_training.datasets.images import read_depth, read_image
    from rt_seg_training.datasets.labelled_frame import encode, write_labels
    from rt_seg_training.labelling.captures import copy_into_set, find_captures, mask_file
    from rt_seg_training.learning.frame_choice import choose_frames
    from rt_seg_training.learning.frame_features import FrameJudge

    bundle = load_bundle(options.bundle)
    judge = FrameJudge(bundle)

    def judged(capture):
        color = read_image(capture.color)
        takes_depth = bundle.input.with_depth and capture.depth is not None
        return judge.judge(color, read_depth(capture.depth, color.shape) if takes_depth else None)

    with tempfile.TemporaryDirectory(prefix="rt_seg_suggest_") as temporary:
        captures = find_captures(_images(options.recording.expanduser(), Path(temporary)))
        names = {capture.name for folder in options.labelled for capture in find_captures(folder)}
        fresh = [capture for capture in captures if capture.name not in names]
        failures, good, doubts, features, masks = [], [], [], [], []
        for capture in progress(fresh, unit="frame", leave=False):
            try:
                mask, doubt, feature = judged(capture)
            except DatasetError as error:
                failures.append(str(error))
                continue
            good.append(capture)
            doubts.append(doubt)
            features.append(feature)
            masks.append(encode(".png", mask))
        known = []
        for folder in options.labelled:
            for capture in find_captures(folder):
                try:
                    known.append(judged(capture)[2])
                except DatasetError as error:
                    failures.append(str(error))
        chosen = []
        if good:
            seen = np.array(known) if known else None
            chosen = choose_frames(np.array(doubts), np.array(features), options.count, seen)
        table = io.StringIO()
        writer = csv.writer(table)
        writer.writerow(["rank", "name", "doubt"])
        write_labels(options.output, bundle.labels)
        from rt_seg.atomic_file import write_atomically

        for rank, number in enumerate(chosen, 1):
            write_atomically(mask_file(options.output, good[number]), masks[number])
            copy_into_set(good[number], options.output)
            writer.writerow([rank, good[number].name, f"{doubts[number]:.4f}"])
        write_atomically(options.output / TABLE, table.getvalue().encode())
    for failure in failures:
        print(f"suggest: {failure}", file=sys.stderr)
    left_out = len(captures) - len(fresh)
    print(
        f"{options.output}: {len(chosen)} of {len(good)} frames, with the masks of {bundle.name}"
        + (f"; {left_out} are labelled already" if left_out else "")
        + f"; ranks in {options.output / TABLE}"
    )
    tool = "label_binary" if len(bundle.labels) == 2 else "label_semantic"
    print(f"next:  rosrun rt_seg {tool} {options.output}")
    return FOUND if failures else DONE


def _images(recording: Path, temporary: Path) -> Path:
    """A folder with rgb/ or color/ of what is in the recording: itself, or what capture takes out of it.

    Raises LabellingError with what capture said.
    """
    from rt_seg_training.labelling.captures import LabellingError
    from rt_seg_training.learning.stages import environment_of_tools, tool

    if recording.is_dir() and LabelledFolder(recording).recorded_color is not None:
        return recording
    print("taking the frames that differ out of the recording ...", flush=True)
    command = tool("rt_seg.ros.recording.capture", str(recording.resolve()), "--output", str(temporary))
    done = subprocess.run(
        [sys.executable, *command],
        env=environment_of_tools(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode == INTERRUPTED:
        raise KeyboardInterrupt
    if done.returncode != 0:
        said = done.stdout.strip().splitlines()
        raise LabellingError(said[-1] if said else f"{recording}: capture ended with {done.returncode}")
    return temporary
