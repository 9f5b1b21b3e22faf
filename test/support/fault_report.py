"""The table of the faults that the node has gone through: printed, and kept beside the results of the rostests."""

import sys
from pathlib import Path

HEAD = f"{'fault':64} {'images':>6} {'masks':>6} {'pairs':>11}  {'worst':>8}  note"
_OUTPUT_FLAG = "--gtest_output=xml:"


def report_path():
    """Where the table of this run is kept; None when no test runner says where its results go."""
    for argument in sys.argv:
        if argument.startswith(_OUTPUT_FLAG):
            return Path(argument[len(_OUTPUT_FLAG) :]).parent / "faults.txt"
    return None


def report(fault, images=None, masks=None, pairs=None, worst=None, note=""):
    """Add a row; a row of the same fault, of an earlier run, is replaced.

    Args:
        fault: what was done to the node.
        images: colour images sent; `masks`: how many of them got their mask.
        pairs: (found, sent) pairs of colour and depth.
        worst: seconds from sending an image to receiving its mask, the most of all.
    """
    row = (
        f"{fault:64} {'' if images is None else images:>6} {'' if masks is None else masks:>6} "
        f"{'' if pairs is None else f'{pairs[0]} of {pairs[1]}':>11}  "
        f"{'' if worst is None else f'{worst * 1e3:.0f} ms':>8}  {note}"
    ).rstrip()
    print(row, flush=True)
    path = report_path()
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = path.read_text(encoding="utf-8").splitlines()[1:] if path.exists() else []
        kept = [other for other in rows if other[:64].rstrip() != fault]
        path.write_text("\n".join([HEAD, *kept, row]) + "\n", encoding="utf-8")
