#!/usr/bin/env python3
"""Writes what is made of the settings' dataclasses: config/segmentation.yaml and docs/settings.md (`make settings`)."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any, Dict, List

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "training")]

from rt_seg.ros.node.adjustable_settings import AdjustableSettings  # noqa: E402
from rt_seg.ros.node.segmentation_settings import GIVEN_BY_LAUNCH, SegmentationSettings  # noqa: E402
from rt_seg_training.configuration import TrainingConfiguration  # noqa: E402

PARAMETERS, TABLES = REPOSITORY / "config" / "segmentation.yaml", REPOSITORY / "docs" / "settings.md"


def _accepted(entry: dataclasses.Field) -> str:
    limits = entry.metadata
    if limits["accepted"]:
        return ", ".join(map(str, limits["accepted"]))
    low, high = limits["minimum"], limits["maximum"]
    if low is None and high is None:
        return ""
    low_text, high_text = (str(limit) if isinstance(limit, int) else f"{limit:g}" for limit in (low, high or 0))
    return f"at least {low_text}" if high is None else f"{low_text} to {high_text}"


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return '""' if value == "" else str(value)


def _lines(kind: type) -> List[str]:
    lines = []
    for entry in dataclasses.fields(kind):
        if entry.name in GIVEN_BY_LAUNCH:
            continue
        accepted = _accepted(entry)
        limits = f" ({accepted})" if accepted and accepted not in entry.metadata["help"] else ""
        lines.append(f"{f'{entry.name}: {_yaml(entry.default)}':<26} # {entry.metadata['help']}{limits}")
    return lines


def parameters() -> str:
    """config/segmentation.yaml."""
    return "\n".join(
        [
            "# Parameters of the node `segmentation`; launch/segmentation.launch adds bundle and mode.",
            "# Written by `make settings` from src/rt_seg/ros/node/*_settings.py: copy this file to change a value.",
            *_lines(SegmentationSettings),
            "",
            "# From here on: what `rosrun rqt_reconfigure rqt_reconfigure` and `rosrun dynamic_reconfigure dynparam`",
            "# change while the node runs.",
            *_lines(AdjustableSettings),
            "",
        ]
    )


def _table(kind: type) -> List[str]:
    rows = ["| setting | default | accepted | meaning |", "|---|---|---|---|"]
    for entry in dataclasses.fields(kind):
        default = "" if entry.default is dataclasses.MISSING else f"`{_yaml(entry.default)}`"
        meaning = entry.metadata["help"].replace("|", "\\|")
        rows.append(f"| `{entry.name}` | {default} | {_accepted(entry)} | {meaning} |")
    return rows


def tables() -> str:
    """docs/settings.md."""
    sections: Dict[str, List[str]] = {
        "The segmentation node": [
            "Private parameters of the node `segmentation`. `config:=FILE` of the launch files names a copy of",
            "`config/segmentation.yaml`; an unknown name or a value out of range stops the node with an error message.",
            "",
            *_table(SegmentationSettings),
        ],
        "What changes while the node runs": [
            "In the same file, or with `rosrun rqt_reconfigure rqt_reconfigure` or `rosrun dynamic_reconfigure",
            "dynparam`.",
            "",
            *_table(AdjustableSettings),
        ],
        "Training": [
            "Keys of a configuration of `train`, in `config/training/`; each is also an option, like `--batch-size 4`.",
            "Settings without a default are required.",
            "",
            *_table(TrainingConfiguration),
        ],
    }
    text = "# Settings\n\nWritten by `make settings` from the dataclasses that read them.\n"
    for title, lines in sections.items():
        text += f"\n## {title}\n\n" + "\n".join(lines) + "\n"
    return text


def main() -> int:
    """Write both files."""
    PARAMETERS.write_text(parameters(), encoding="utf-8")
    TABLES.write_text(tables(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
