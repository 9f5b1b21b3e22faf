"""The log of a run as a table: one row per score on the validation split."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from rt_seg.atomic_file import write_atomically


def write_history(path: Path, rows: list[dict[str, float]]) -> None:
    """Write the rows, which have the same keys, as CSV with a head line; atomic. Raises OSError."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode("utf-8"))
