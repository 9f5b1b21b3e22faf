"""A recording of any kind as a folder of images."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from rt_seg.command_line import INTERRUPTED
from rt_seg.labelled_folder import LabelledFolder
from rt_seg_training.labelling.captures import LabellingError
from rt_seg_training.learning.stages import environment_of_tools, tool


def recorded_images(recording: Path, temporary: Path) -> Path:
    """A folder with rgb/ or color/ of what is in the recording: itself, or `temporary` with what capture takes out.

    Raises LabellingError with what capture said, KeyboardInterrupt when it was interrupted.
    """
    if recording.is_dir() and LabelledFolder(recording).recorded_color is not None:
        return recording
    print("extracting distinct frames from the recording ...", flush=True)
    command = tool("rt_seg.ros.recording.capture", str(recording.resolve()), "--output", str(temporary))
    done = subprocess.run(
        [sys.executable, *command],
        env=environment_of_tools(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode == INTERRUPTED:
        raise KeyboardInterrupt
    if done.returncode != 0:
        # The reason, and after it what became of the frames before: progress is in the same output.
        lines = done.stdout.strip().splitlines()
        said = [line for line in lines if line.startswith("capture: ")] or lines[-1:]
        raise LabellingError("\n".join(said) or f"{recording}: capture failed (exit code {done.returncode})")
    return temporary
