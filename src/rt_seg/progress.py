"""Progress of a long run: a bar in a terminal; a line every few seconds where the output goes to a file or a pipe."""

from __future__ import annotations

import sys
from typing import Any, Dict, Iterable, Iterator, Optional, Sized, TypeVar

from tqdm import tqdm

PERIOD = 5.0
"""Seconds between two lines."""

Item = TypeVar("Item")


class _Lines:
    """A stream that passes on whole lines: without the carriage returns and empty lines of a bar that is redrawn."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if text.strip():
            self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()


class ProgressLines(tqdm):
    """A bar whose states are lines of their own: one every PERIOD seconds and, unless `leave` is False, a last one."""

    def __init__(self, *arguments: Any, unit: str = "step", **settings: Any) -> None:
        description = (settings.get("desc") or "").rstrip(": ")
        counted = "{n_fmt} of {total_fmt}" if settings.get("total") else "{n_fmt}"
        left = ", {remaining} left" if settings.get("total") else ""
        self._unit = unit
        settings.update(
            unit=f" {unit}s", file=_Lines(settings.get("file") or sys.stderr), mininterval=PERIOD, miniters=1,
            leave=settings.get("leave", True), desc=f"{description}: " if description else "",
            bar_format="{desc}" + counted + "{unit}, {speed}" + left + "{postfix}",
        )  # fmt: skip
        super().__init__(*arguments, **settings)

    @property
    def format_dict(self) -> Dict[str, Any]:
        """The state, with `speed`: tqdm knows one form of the unit, and slow things are told by the single one."""
        state: Dict[str, Any] = super().format_dict
        rate = state["rate"]
        if rate is None and state["elapsed"]:
            rate = (state["n"] - state["initial"]) / state["elapsed"]
        if not rate:
            speed = f"? {self._unit}s/s"
        else:
            speed = f"{rate:.2f} {self._unit}s/s" if rate >= 1.0 else f"{1.0 / rate:.1f} s/{self._unit}"
        return {**state, "speed": speed}

    def display(self, msg: Optional[str] = None, pos: Optional[int] = None) -> None:
        """Write the state as one line; the first one, when nothing is done yet, is left out."""
        if self.n > self.initial:
            self.fp.write(f"{self if msg is None else msg}\n")
            self.fp.flush()


def progress_bar(**settings: Any) -> Any:
    """A tqdm bar for stderr, as a bar or as lines; `settings` are tqdm's own: total, unit, desc, initial, leave."""
    settings = {name: value for name, value in settings.items() if name != "disable" or value is not None}
    return (tqdm if sys.stderr.isatty() else ProgressLines)(**settings)


def progress(items: Iterable[Item], **settings: Any) -> Iterator[Item]:
    """The items, with their progress on stderr. `settings` are those of progress_bar."""
    if isinstance(items, Sized):
        settings.setdefault("total", len(items))
    with progress_bar(**settings) as bar:
        for item in items:
            yield item
            bar.update()
