"""Paths as the caller of roslaunch means them: from the folder in which the command was given.

roslaunch starts its nodes in ROS_HOME (~/.ros), so a node's own working folder is no help. The shell's PWD
comes through.
"""

from __future__ import annotations

import os
from pathlib import Path

from rt_seg.model_home import MANIFEST, find_bundle


def caller_folder() -> Path:
    """The folder in which roslaunch or rosrun was called."""
    return Path(os.environ.get("PWD") or os.getcwd())


def caller_path(text: str) -> Path:
    """The path that a launch argument names: absolute, of the home folder (~), or relative to the caller's folder."""
    return caller_folder() / Path(text).expanduser()


def caller_bundle(text: str) -> Path:
    """The model bundle that a launch argument means: a folder as above, or a name (`find_bundle`)."""
    here = caller_path(text)
    if (here / MANIFEST).is_file():
        return here
    found = find_bundle(text)
    return here if "/" in text and not found.is_absolute() else found
