"""The executables of the package, and how they answer --help. As a program it prints the table:

python3 test/support/executables.py
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import List, NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Answer(NamedTuple):
    """What a call of an executable gave. `seconds`: processor time, which other programs do not lengthen."""

    code: int
    output: str
    errors: str
    seconds: float


def executables() -> List[Path]:
    """All that `rosrun rt_seg` starts."""
    return sorted(path for folder in ("scripts", "training") for path in (ROOT / folder).iterdir()
                  if path.is_file() and os.access(str(path), os.X_OK))  # fmt: skip


def call(path: Path, *arguments: str) -> Answer:
    """Run an executable with this Python, as in a terminal of 100 columns."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, str(path), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={**os.environ, "COLUMNS": "100"}, timeout=60)  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode(), seconds)


if __name__ == "__main__":
    print(f"{'tool':<20}{'--help, CPU s':>14}{'exit':>6}{'nonsense: exit':>16}")
    for executable in executables():
        shown, refused = call(executable, "--help"), call(executable, "--no-such-option")
        print(f"{executable.name:<20}{shown.seconds:>14.2f}{shown.code:>6}{refused.code:>16}", flush=True)
