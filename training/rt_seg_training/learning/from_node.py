"""Learning from what a running node saved: its frames, its model, and the new model that it gets."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from rt_seg.bundle import Bundle
from rt_seg_training.learning.stages import StageError, environment_of_tools


def ask_node(*arguments: str) -> subprocess.CompletedProcess:
    """Run `rt_seg.ros.running_node`, which speaks ROS, in a process of its own: this half never imports ROS."""
    command = [sys.executable, "-m", "rt_seg.ros.running_node", *arguments]
    return subprocess.run(command, env=environment_of_tools(), capture_output=True, text=True)


def kept_frames(folder: Path, work: Path) -> Path:
    """A copy of the saved frames as they are now: the node may go on saving, and a run resumes on the same frames."""
    copy = work / "images"
    if not copy.exists():
        partial = work / ".images"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(folder, partial)
        partial.rename(copy)
    return copy


def offer_model(node: str, old: Bundle, old_score: float, new: Path, new_score: float, split: str) -> None:
    """Give the node the new model, unless its mean IoU is lower on held-out frames, and say which it now runs.

    `new`: folder of its bundle. Raises StageError when the node does not take it.
    """
    both = f"{old.name} {old_score:.3f}, {new.name} {new_score:.3f}"
    print(f"mean IoU on the same frames of {split}: {both}")
    if not new_score >= old_score:
        print(f"{node} keeps {old.name}: the new model is worse. To load it anyway:")
        print(f"  rosservice call {node}/load_model {shlex.quote(str(new))}")
        return
    asked = ask_node("load", node, str(new))
    if asked.returncode != 0:
        raise StageError(f"the new model is in {new}, but {asked.stderr.strip()}")
    print(f"{node} now runs {asked.stdout.strip().splitlines()[-1]}; previous model: {old.folder}")
