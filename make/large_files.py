"""Refuses files of more than 500 kB, except the weights of the shipped models, which are named.

    python3 make/large_files.py [FILE...]        without files: all that git tracks; exit code 1 when one is too large

Git keeps every version of a file forever. A data set, a recording or a trained run belongs beside the repository.
"""

import fnmatch
import subprocess
import sys
from pathlib import Path

LIMIT = 500_000
"""Bytes."""
WEIGHTS = ("models/*/model.bin", "models/*/model*.xml", "models/*/weights.safetensors")


def main() -> int:
    """Print the files that are too large; returns the exit code."""
    files = sys.argv[1:] or subprocess.check_output(["git", "ls-files", "-z"]).decode().rstrip("\0").split("\0")
    sizes = {name: Path(name).stat().st_size for name in files if Path(name).is_file()}
    large = [name for name, size in sizes.items()
             if size > LIMIT and not any(fnmatch.fnmatch(name, pattern) for pattern in WEIGHTS)]  # fmt: skip
    for name in large:
        print(f"{name}: {sizes[name] / 1000:.0f} kB, the limit is {LIMIT / 1000:.0f} kB; keep it out of git, or "
              f"make it smaller. Only weights of a final model may be larger: {', '.join(WEIGHTS)}")  # fmt: skip
    return 1 if large else 0


if __name__ == "__main__":
    sys.exit(main())
