"""The memory allocator of a training: tcmalloc, where it is installed."""

from __future__ import annotations

import ctypes.util
import os
import sys
from collections.abc import Mapping

LIBRARY = "tcmalloc_minimal"
"""Of Debian's and Ubuntu's package libtcmalloc-minimal4 (libtcmalloc-minimal4t64 from Ubuntu 24.04 on)."""
SWITCH = "RT_SEG_TCMALLOC"
"""Environment variable; 0 leaves the allocator of the system in place."""


def environment_with_tcmalloc(environment: Mapping[str, str]) -> dict[str, str] | None:
    """The environment in which the program has to be started anew for tcmalloc to serve it.

    None where that changes nothing: something is preloaded already, it was switched off, or tcmalloc is not installed.
    """
    if environment.get("LD_PRELOAD") or environment.get(SWITCH) == "0":
        return None
    library = ctypes.util.find_library(LIBRARY)
    # The switch keeps a loader that does not preload from being started for ever.
    return None if library is None else {**environment, "LD_PRELOAD": library, SWITCH: "0"}


def restart_with_tcmalloc() -> None:
    """Start this program anew with tcmalloc, in the same process, unless that changes nothing; call it first of all.

    A preloaded library is read when a program starts, and at no later time.
    """
    environment = environment_with_tcmalloc(os.environ)
    if environment is not None:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
