"""Zip files of labels: unpacked temporarily, without macOS Finder files and top-level folders."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from rt_seg.atomic_file import write_atomically
from rt_seg_training.datasets.source_files import DAMAGED
from rt_seg_training.label_exchange.annotations import ExchangeError

MAX_BYTES = 200 << 30
MAX_RATIO = 1000
"""Unpacked to packed; deflate reaches 1032, on nothing but equal bytes."""
SMALL = 100 << 20
"""Bytes that are unpacked whatever their ratio."""


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A folder or file as it is, or the folder of what a zip file holds. Raises ExchangeError, naming the zip file."""
    if path.suffix.lower() != ".zip" or path.is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="rt_seg_") as folder:
        _extract(path, Path(folder))
        try:
            yield _without_folders_on_top(Path(folder))
        except ExchangeError as error:
            raise ExchangeError(str(error).replace(str(_without_folders_on_top(Path(folder))), str(path))) from error


def _extract(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not _is_of_finder(member.filename)]
            size = sum(member.file_size for member in members)
            packed = sum(member.compress_size for member in members)
            if size > SMALL and (size > MAX_BYTES or size > MAX_RATIO * max(1, packed)):
                raise ExchangeError(f"{path}: unpacks to {size >> 20} MB from {packed >> 10} kB, an implausible ratio")
            if size > shutil.disk_usage(folder).free:
                raise ExchangeError(f"{path}: unpacks to {size >> 20} MB, more than the free space in {folder.parent}")
            seen: set[str] = set()
            for member in members:
                member.filename = member.filename.replace("\\", "/")
                if member.filename in seen and not member.is_dir():
                    raise ExchangeError(f"{path}: holds {member.filename} twice; remove one of them")
                seen.add(member.filename)
                archive.extract(member, folder)
    except DAMAGED as error:
        if isinstance(error, ExchangeError):
            raise
        reason = str(error)[:200]
        raise ExchangeError(f"{path}: cannot be read as a zip file ({reason}); pack or download it again") from error


def _is_of_finder(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return "__MACOSX" in parts or parts[-1].startswith("._") or parts[-1] in (".DS_Store", "Thumbs.db")


def _without_folders_on_top(folder: Path) -> Path:
    """The folder itself or, while it holds one folder and nothing else, that one: zipping a folder puts it on top."""
    while True:
        entries = list(folder.iterdir())
        if len(entries) != 1 or not entries[0].is_dir():
            return folder
        # These names mean something by themselves.
        if entries[0].name in ("labels", "annotations", "ann", "train", "valid", "test"):
            return folder
        folder = entries[0]


def write_zip(path: Path, folder: Path) -> None:
    """Write the files of a folder as a zip file, whole or not at all. Raises OSError."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    write_atomically(path, buffer.getvalue())
