"""Files that appear whole or not at all, also when the power fails or the disk is full."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator


@contextmanager
def atomic_file(path: Path, ending: str = "") -> Iterator[Path]:
    """A hidden file beside `path`, to be written in the block; then it takes the place of `path`.

    It is brought to the disk before, and its folder is made where needed. When the block raises, `path` stays as it
    was, and no part of the new file is left. Until then its name ends in .part, so that no reader takes it for a
    finished one, or in `ending`, for writers that know the format by it. Raises OSError.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_file(Path(folder, "mask.png")) as unfinished:
        ...         _ = unfinished.write_bytes(b"all of it")
        ...     [file.name for file in Path(folder).iterdir()]
        ['mask.png']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part{ending}")
    try:
        yield unfinished
        with unfinished.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(str(unfinished), str(path))
    finally:
        if unfinished.exists():
            unfinished.unlink()


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file as `atomic_file` does. Raises OSError."""
    with atomic_file(path) as unfinished:
        unfinished.write_bytes(data)
