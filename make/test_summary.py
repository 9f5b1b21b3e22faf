"""Add up JUnit result files: names the tests that failed, and ends with one line of totals as pytest's own.

python3 make/test_summary.py FILE_OR_FOLDER...            exit code 1 when a test failed, or none ran
python3 make/test_summary.py --counts FILE_OR_FOLDER...   the totals alone, in brackets; nothing without results
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Dict, Iterator, List, Tuple
from xml.etree import ElementTree

OUTCOMES = {"failure": "failed", "error": "failed", "skipped": "skipped"}


def result_files(places: List[str]) -> Iterator[Path]:
    """The XML files among and below `places`; places that do not exist hold none."""
    for place in map(Path, places):
        if place.is_dir():
            yield from sorted(place.rglob("*.xml"))
        elif place.is_file():
            yield place


def read_results(places: List[str]) -> Tuple[Dict[str, int], List[str], float]:
    """Counts by outcome, names of the failed tests, and seconds in all. A file that is no XML counts as a failure."""
    counts = {"failed": 0, "passed": 0, "skipped": 0}
    failures, seconds = [], 0.0
    for path in result_files(places):
        try:
            suite = ElementTree.parse(str(path)).getroot()
        except ElementTree.ParseError as error:
            counts["failed"] += 1
            failures.append(f"{path}: not readable ({error})")
            continue
        for case in suite.iter("testcase"):
            result = next((child for child in case if child.tag in OUTCOMES), None)
            outcome = "passed" if result is None else OUTCOMES[result.tag]
            counts[outcome] += 1
            seconds += float(case.get("time") or 0)
            if result is not None and outcome == "failed":
                # rostest leaves its reason at the end of the text, roslaunch's check in the output of the suite.
                reason, text = (result.get("message") or "").strip(), (result.text or "").strip()
                reason = reason if text else f"{reason} {suite.findtext('system-out') or ''}"
                reason = reason or text[-300:]
                name = f"{case.get('classname') or path.stem}: {case.get('name')}"
                failures.append(f"{name}: {' '.join(reason.split())[:300]}")
    return counts, failures, seconds


def main() -> int:
    """Print the summary; the exit code says whether all passed."""
    arguments = sys.argv[1:]
    only_counts = arguments[:1] == ["--counts"]
    counts, failures, seconds = read_results(arguments[only_counts:])
    totals = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    if only_counts:
        if totals:
            print(f" ({totals})", end="")
        return 0
    for failure in failures:
        print(f"FAILED {failure}")
    print(f" {totals or 'no tests ran'} in {seconds:.1f}s ".center(100, "="))
    return 0 if totals and not failures else 1


if __name__ == "__main__":
    sys.exit(main())
