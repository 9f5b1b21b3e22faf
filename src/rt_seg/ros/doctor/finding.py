"""One result of a check of the doctor."""

from __future__ import annotations

from typing import NamedTuple

OK, NOTE, BAD = "ok", "note", "BAD"


class Finding(NamedTuple):
    """One check: `OK`, `NOTE` or `BAD`, what was found, and what to do ("" where nothing is to be done)."""

    level: str
    subject: str
    found: str
    advice: str = ""


def describe(finding: Finding) -> str:
    """The finding as lines for a terminal."""
    line = f"{finding.level:>4}  {finding.subject}: {finding.found}"
    return line + (f"\n      -> {finding.advice}" if finding.advice else "")
