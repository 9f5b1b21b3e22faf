"""Stages of a long job, each a program of its own: run in order, told in one line each, resumed where they stopped."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rt_seg.atomic_file import write_atomically
from rt_seg.command_line import INTERRUPTED

RECORD = "stages.json"
LOGS = "logs"
PIPED_EVERY = 10.0
"""Seconds between two lines about a stage where the output is no terminal."""
SHOWN_COLUMNS = 100
NOISE = re.compile(rb"WARNING: All log messages before absl|[IWEF]\d{4} \d\d|\d{4}-\d\d-\d\d .*: [IWE] ")
"""Lines that TensorFlow writes of itself: they are in the log, and tell nobody how far a stage is."""


class StageError(RuntimeError):
    """A stage failed; the text ends with its last lines."""


@dataclass(frozen=True)
class Stage:
    """One program: `arguments` of this Python; `tolerated` exit codes besides 0 (a lint that found something is 1).

    `interactive` programs own the terminal. `expected`: seconds that it will take, 0 if unknown. `state`: what the
    program reads, such as a digest of its files; the stage runs again when that changes, and so do all after it.
    """

    name: str
    arguments: tuple[str, ...]
    tolerated: tuple[int, ...] = ()
    interactive: bool = False
    expected: float = 0.0
    state: str = ""


def tool(module: str, *arguments: str, function: str = "main") -> tuple[str, ...]:
    """Arguments that run a tool of the package by its module, as its executable does."""
    program = f"import sys; from {module} import {function}; sys.exit({function}())"
    return ("-c", program, *arguments)


def environment_of_tools() -> dict[str, str]:
    """Variables with which another Python finds the modules that this one does.

    What PYTHONPATH has comes first: a catkin workspace puts the package's sources, which lack the generated messages,
    before the folder that has both as soon as the package is imported.
    """
    before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(filter(None, [*before, *sys.path])))}


class Stages:
    """Runs stages in `folder`, which remembers those that are done and of which commands and inputs."""

    def __init__(self, folder: Path, tell: Callable[[str], None] = print) -> None:
        self.folder, self._tell = folder, tell
        self._done: dict[str, str] = {}
        record = folder / RECORD
        if record.is_file():
            try:
                self._done = dict(json.loads(record.read_text(encoding="utf-8")))
            except (ValueError, TypeError) as error:
                self._tell(f"{record}: cannot be read ({error}), so every stage runs again")
        self._key = ""

    def run(self, stage: Stage, number: int, count: int) -> bool:
        """Run a stage unless it is done and all before it were, too; returns whether it ran.

        Raises StageError when it fails, KeyboardInterrupt when it was interrupted; then the next call resumes it.
        """
        # Without a state the key is that of older records: a recording is not captured again after an update.
        state = [{"state": stage.state}] if stage.state else []
        self._key = hashlib.sha256(json.dumps([self._key, *state, *stage.arguments]).encode()).hexdigest()
        head = f"[{number}/{count}] {stage.name}"
        if self._done.get(stage.name) == self._key:
            self._tell(f"{head}: already done")
            return False
        started = time.monotonic()
        code, tail = self._execute(stage, head, started)
        if code in (INTERRUPTED, -signal.SIGINT):
            raise KeyboardInterrupt
        if code != 0 and code not in stage.tolerated:
            raise StageError(f"{stage.name} failed (exit code {code}; {self._log(stage)})\n{tail}".rstrip())
        self._tell(f"{head}: done in {clock(time.monotonic() - started)}")
        self._done[stage.name] = self._key
        write_atomically(self.folder / RECORD, json.dumps(self._done, indent=1).encode())
        return True

    def _log(self, stage: Stage) -> Path:
        return self.folder / LOGS / f"{stage.name}.log"

    def _execute(self, stage: Stage, head: str, started: float) -> tuple[int, str]:
        environment = {**environment_of_tools(), "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, *stage.arguments]
        if stage.interactive:
            self._tell(f"{head}: opens a window; press q when all images are labelled")
            return _wait(subprocess.Popen(command, env=environment)), ""
        log = self._log(stage)
        log.parent.mkdir(parents=True, exist_ok=True)
        line, recent, told = b"", [], 0.0
        pipe, merged = subprocess.PIPE, subprocess.STDOUT
        with log.open("wb") as file, subprocess.Popen(command, env=environment, stdout=pipe, stderr=merged) as process:
            assert process.stdout is not None
            try:
                while chunk := os.read(process.stdout.fileno(), 65536):
                    file.write(chunk)
                    file.flush()
                    *ended, line = (line + chunk).replace(b"\r", b"\n").split(b"\n")
                    recent = [*recent, *(text for text in ended if text.strip() and not NOISE.match(text))][-8:]
                    unfinished = line.strip() and not NOISE.match(line)
                    told = self._show(stage, head, started, line if unfinished else (recent or [b""])[-1], told)
            except KeyboardInterrupt:
                # The program got the signal, too, and saves what it has. Its exit code says nothing: one that was still
                # starting ends with 1, which of a lint would count as done.
                _wait(process)
                return INTERRUPTED, ""
            code = _wait(process)
        self._clear()
        return code, b"\n".join([*recent, line]).decode(errors="replace")

    def _show(self, stage: Stage, head: str, started: float, line: bytes, told: float) -> float:
        now = time.monotonic()
        if now - told < (0.2 if sys.stderr.isatty() else PIPED_EVERY):
            return told
        left = stage.expected - (now - started)
        remaining = f", about {clock(left)} left" if stage.expected and left > 0 else ""
        text = line.decode(errors="replace").strip()
        text = f"{head}: {clock(now - started)}{remaining} | {text}"[:SHOWN_COLUMNS]
        end = "" if sys.stderr.isatty() else "\n"
        print(f"\r\x1b[K{text}" if sys.stderr.isatty() else text, end=end, file=sys.stderr, flush=True)
        return now

    @staticmethod
    def _clear() -> None:
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _wait(process: subprocess.Popen) -> int:
    """The exit code; after Ctrl-C, which the program got, too, INTERRUPTED unless it ended well."""
    interrupted = False
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            interrupted = True
        else:
            return INTERRUPTED if interrupted and code else code


def clock(seconds: float) -> str:
    """Minutes and seconds, as in 2:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def total(stages: Sequence[Stage]) -> float:
    """Expected seconds of all stages."""
    return sum(stage.expected for stage in stages)
