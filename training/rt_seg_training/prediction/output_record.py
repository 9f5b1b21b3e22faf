"""What made the results in an output folder: the model, the options, and the source of each."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rt_seg.atomic_file import write_atomically
from rt_seg.bundle import Bundle

NAME = "predictions.jsonl"
"""In the output folder. Its first line says what made the results; then comes a line for each."""


class OutputRecordError(ValueError):
    """Results of another model, of other options or of another source are in the way."""


def description(bundle: Bundle, options: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the results beside their source: the bundle, the fingerprint of its labels and of its network
    files, and the options."""
    files = json.dumps([[engine.runtime, dict(engine.sha256)] for engine in bundle.engines], sort_keys=True)
    return {
        "bundle": bundle.name,
        "version": bundle.version,
        "labels": bundle.labels.fingerprint,
        "network": hashlib.sha256(files.encode("utf-8")).hexdigest(),
        **options,
    }


def _signature(source: Path) -> dict[str, Any]:
    status = source.stat()
    return {"size": status.st_size, "modified_ns": status.st_mtime_ns}


class OutputRecord:
    """The record of an output folder; results that it does not know are not taken for this model's."""

    def __init__(self, folder: Path, made_by: Mapping[str, Any], overwrite: bool) -> None:
        """Read or begin the record. With `overwrite` what another model made is no longer known afterwards.

        Raises OutputRecordError when another model, or this one with other options, made what is there.
        """
        self._path = folder / NAME
        self._folder = folder
        self._known: dict[str, dict[str, Any]] = {}
        self._overwrite = overwrite
        head, lines = self._read()
        if head is not None and head != dict(made_by):
            if not overwrite:
                raise OutputRecordError(self._difference(head, made_by))
            head, lines = None, []
        self._head = dict(made_by)
        self._known = {line["result"]: line for line in lines}
        # A run that was killed while it wrote leaves half a line: the record is then begun again with what it knows.
        self._is_begun = head is not None and self._path.read_bytes().endswith(b"\n")

    def _read(self) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return None, []
        except UnicodeDecodeError as error:
            raise OutputRecordError(f"{self._path}: is not a record of predict ({error}); delete it") from error
        found = []
        for number, line in enumerate(lines):
            try:
                entry = json.loads(line)
            except ValueError as error:
                if number == len(lines) - 1 and number:
                    break  # a run was killed while it wrote
                raise OutputRecordError(f"{self._path}: line {number + 1} is not a record; delete the file") from error
            if not isinstance(entry, dict) or (number and not {"result", "size", "modified_ns"} <= set(entry)):
                raise OutputRecordError(f"{self._path}: line {number + 1} is not a record; delete the file")
            found.append(entry)
        return (found[0], found[1:]) if found else (None, [])

    def _difference(self, head: Mapping[str, Any], made_by: Mapping[str, Any]) -> str:
        names = [name for name in (*made_by, *head) if head.get(name) != made_by.get(name)]
        ours, theirs = ", ".join(_words(made_by, names)), ", ".join(_words(head, names))
        return (
            f"{self._folder}: holds results of {head.get('bundle')} {head.get('version')} ({theirs}), but this is "
            f"{made_by['bundle']} {made_by['version']} ({ours}). Choose another --output; --overwrite replaces them"
        )

    def holds(self, result: Path, source: Path) -> bool:
        """Whether `result` is there and was made of `source` as it is now, so that it need not be made again.

        Raises OutputRecordError when it is there, and of another source or of unknown origin.
        """
        if self._overwrite or not result.exists():
            return False
        entry = self._known.get(self._key(result))
        if entry is None:
            raise OutputRecordError(
                f"{result}: exists, but {NAME} does not record its model. --overwrite replaces it, another "
                "--output keeps it"
            )
        if {name: entry[name] for name in ("size", "modified_ns")} != _signature(source):
            raise OutputRecordError(
                f"{result}: was made from {entry.get('source')}, which has changed or is not {source}. --overwrite "
                "replaces it, another --output keeps it"
            )
        return True

    def begin(self, result: Path, source: Path) -> None:
        """Note a result that is about to be made, and remove what is in its place. Raises OSError.

        A source that is no file, a camera, is not noted: its results have names of their own.
        """
        if not source.is_file():
            return
        if result.is_dir():
            shutil.rmtree(result)  # a bag of ROS 2
        result.unlink(missing_ok=True)
        if not self._is_begun:
            lines = [self._head, *self._known.values()]
            write_atomically(self._path, "".join(json.dumps(line) + "\n" for line in lines).encode("utf-8"))
            self._is_begun = True
        entry = {"result": self._key(result), "source": str(source), **_signature(source)}
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")

    def _key(self, result: Path) -> str:
        return result.relative_to(self._folder).as_posix()


def _words(described: Mapping[str, Any], names: list[str]) -> list[str]:
    shown = dict.fromkeys(name for name in names if name not in ("bundle", "version"))
    return [f"{name} {str(described.get(name))[:12]}" for name in shown]
