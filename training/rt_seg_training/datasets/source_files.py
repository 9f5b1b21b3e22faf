"""The files of a source, in a folder or a zip file: opened, listed and read, or refused with the file's name."""

from __future__ import annotations

import codecs
import lzma
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

from rt_seg_training.datasets.errors import DatasetError

LARGEST_TEXT = 2**24
"""Bytes of a labels.yaml or splits.yaml; what is larger is none."""
DEEPEST = 6
"""Folders that may lie around the data in a zip file."""

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""In this order: that of UTF-32 begins with that of UTF-16."""

DAMAGED = (
    OSError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, RuntimeError,
    ValueError, OverflowError, IndexError,
)  # fmt: skip
"""What reading from a damaged, encrypted or exotic zip file raises: RuntimeError for a password and for a packing that
Python has not, the last three (UnicodeDecodeError among them) for headers of nonsense."""


def read_bytes(path: Any) -> bytes:
    """The content of a pathlib.Path, a zipfile.Path or another thing with `read_bytes`. Raises DatasetError."""
    try:
        return path.read_bytes()
    except DAMAGED as error:
        reason = str(error)[:200]  # some hold the bytes of the file
        raise DatasetError(f"{path}: cannot be read ({reason}). Copy the file, or make the zip file, again.") from error


def read_text(path: Any) -> str:
    """The text of a small file, in UTF-8 or what its byte order mark says. Raises DatasetError."""
    member = path.root.getinfo(path.at) if isinstance(path, zipfile.Path) else None
    size = path.stat().st_size if member is None else member.file_size
    if size > LARGEST_TEXT:
        raise DatasetError(f"{path}: has {size} bytes; expected are a few thousand")
    try:
        return decoded(read_bytes(path))
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from error


def decoded(data: bytes) -> str:
    """The text of a file in UTF-8, or in what its byte order mark says. Raises UnicodeDecodeError."""
    return data.decode(next((name for mark, name in BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8"))


def open_zip(path: Path) -> zipfile.Path:
    """The root of a zip file. Raises DatasetError for one that is damaged."""
    try:
        archive = zipfile.ZipFile(path)
    except DAMAGED as error:
        reason = str(error)[:200]
        raise DatasetError(f"{path}: is not a complete zip file ({reason}). Copy or make it again.") from error
    # Some programs write the separators of Windows, or absolute names.
    for member in archive.filelist:
        parts = [part for part in member.filename.replace("\\", "/").split("/") if part not in ("", ".")]
        member.filename = "/".join(parts) + ("/" if member.filename.endswith(("/", "\\")) else "")
    archive.NameToInfo = {member.filename: member for member in archive.filelist}
    names = [member.filename for member in archive.filelist if not member.filename.endswith("/")]
    if len(set(names)) < len(names):
        double = next(name for name, count in Counter(names).items() if count > 1)
        raise DatasetError(f"{path}: holds {double} twice; remove one of them")
    return zipfile.Path(archive)


def _entries(folder: Any) -> list[Any]:
    """What a folder holds beside the litter of operating systems."""
    return [entry for entry in folder.iterdir() if not entry.name.startswith((".", "__MACOSX"))]


def open_root(path: str | Path, required: tuple[str, ...], any_of: tuple[str, ...] = ()) -> Any:
    """The folder (pathlib.Path or zipfile.Path) that holds the folders `required`: `path`, or one around which there
    are only folders with nothing else in them.

    With `any_of` one of these folders must be there, too. Raises DatasetError if `path` is missing, empty, not a folder
    or zip file, or lacks a required folder.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        root: Any = path
        entries = _entries(path)
        if len(entries) == 1 and entries[0].suffix == ".zip":
            return open_root(entries[0], required, any_of)
    elif path.is_file():
        root = open_zip(path)
    else:
        raise DatasetError(f"{path}: no such folder or zip file")
    choice = [" or ".join(f"{name}/" for name in any_of)] if any_of else []
    wanted = " and ".join([*(f"{name}/" for name in required), *choice])
    known = {*required, *any_of}
    entries = _entries(root)
    if not entries:
        raise DatasetError(f"{path}: is empty; expected {wanted} in it")
    # Zipping a folder puts its name on top, and unpacking a zip file again.
    for _ in range(DEEPEST):
        if len(entries) != 1 or not entries[0].is_dir() or entries[0].name in known:
            break
        root, entries = entries[0], _entries(entries[0])
    missing = [name for name in required if not (root / name).is_dir()]
    if not missing and any_of and not any((root / name).is_dir() for name in any_of):
        missing = [any_of[0]]
    if missing:
        found = ", ".join(sorted(entry.name for entry in entries)[:8]) or "nothing"
        raise DatasetError(f"{path}: has no folder {missing[0]}/; expected {wanted}, found {found}")
    return root
