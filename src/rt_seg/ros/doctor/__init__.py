"""Checks an installation and a running graph, and says what is wrong and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional

from rt_seg.command_line import command_parser
from rt_seg.ros.doctor.finding import BAD, NOTE, Finding, describe
from rt_seg.ros.doctor.installation import check_bundles, check_machine, check_modules, installed_bundles


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the checks, print the findings, and return 1 when something is BAD."""
    parser = command_parser(
        "doctor",
        description=__doc__,
        example="rosrun rt_seg doctor --camera camera --seconds 10",
    )
    parser.add_argument("--camera", default="camera", help="namespace of the camera's topics (default: camera)")
    parser.add_argument("--node", default="segmentation", help="name of the node (default: segmentation)")
    parser.add_argument(
        "--bundle", type=Path, action="append", help="model bundle to check (default: the shipped ones)"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to watch the topics (default: 5)")
    options = parser.parse_args(arguments)
    findings: List[Finding] = []

    def report(batch: List[Finding]) -> None:
        findings.extend(batch)
        for finding in batch:
            print(describe(finding), flush=True)

    report(check_modules())
    report(check_machine())
    if not any(finding.level == BAD for finding in findings):
        # Not before: what these need may be what is missing.
        from rt_seg.ros.doctor.cameras import check_cameras
        from rt_seg.ros.doctor.graph import watch

        report(check_cameras())
        report(check_bundles(options.bundle or installed_bundles()))
        report(watch(options.camera.strip("/"), options.node.strip("/"), options.seconds))
    bad, notes = (sum(finding.level == level for finding in findings) for level in (BAD, NOTE))
    print(f"{len(findings)} findings: {bad} bad, {notes} notes")
    return 1 if bad else 0
