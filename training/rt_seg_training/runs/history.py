"""The log of a run as a table: one row per score on the validation split."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from rt_seg.atomic_file import write_atomically
from rt_seg_training.configuration import TrainingConfiguration
from rt_seg_training.runs.checkpoint import Progress


def write_history(path: Path, rows: list[dict[str, float]]) -> None:
    """Write the rows, which have the same keys, as CSV with a head line; atomic. Raises OSError."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode("utf-8"))


def best(history: list[dict[str, float]], column: str, sign: int) -> int:
    """Index of the first row with the largest `sign` times the column."""
    return max(range(len(history)), key=lambda row: (sign * history[row][column], -row))


def stale(history: list[dict[str, float]]) -> int:
    """How many validations there were since the best."""
    return len(history) - 1 - best(history, "validation_mean_iou", 1) if history else 0


def is_stale(configuration: TrainingConfiguration, progress: Progress) -> bool:
    """Whether the score has not risen for as long as the setting patience allows."""
    return 0 < configuration.patience <= stale(progress.history)
