#!/usr/bin/env python3
"""Segments bags with one process and with several, each with a single-threaded network: images per second, and
whether the bytes are equal.

The first bag of each process is not counted: it includes process start and loading of the network.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "training"), str(ROOT / "benchmarks")]

EXAMPLE = """example:
  rosrun rt_seg make_recording simulated --seed 3 --count 120 /tmp/drive.bag
  benchmarks/bags.py models/tabletop /tmp/drive.bag --copies 8 --turns 3

Run it on an otherwise idle machine: two workers need two free cores."""


def main(arguments: list[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path, help="model bundle")
    parser.add_argument("bag", type=Path, help="recording")
    parser.add_argument("--copies", type=int, default=8, help="bags per turn (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=3, help="turns per number of workers, alternating (default: 3)")
    parser.add_argument("--workers", type=int, default=2, help="workers to compare with one (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="folder for the copies and results (default: a temporary one)")
    options = parser.parse_args(arguments)
    if options.copies < 2 * options.workers:
        parser.error(f"--copies: needs {2 * options.workers} or more for {options.workers} workers")
    if not options.bag.is_file():
        parser.error(f"{options.bag}: no such recording")

    from inference import cpu

    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        bags = []
        for number in range(options.copies):
            bags.append(Path(folder) / "bags" / f"drive_{number:02d}{options.bag.suffix}")
            bags[-1].parent.mkdir(exist_ok=True)
            shutil.copy(options.bag, bags[-1])
        rates: dict[int, list[float]] = {1: [], options.workers: []}
        results: dict[int, list[bytes]] = {}
        for turn in range(options.turns):
            for workers in rates:
                output = Path(folder) / f"of_{workers}"
                shutil.rmtree(output, ignore_errors=True)
                rates[workers].append(bags_per_second(options.bundle, bags, output, workers))
                results[workers] = [path.read_bytes() for path in sorted(output.glob("*_segmented*"))]
                print(f"round {turn + 1}, workers {workers}: {rates[workers][-1]:.3f} bags/s", flush=True)
    one, several = (sorted(found)[len(found) // 2] for found in rates.values())
    same = results[1] == results[options.workers] and len(results[1]) == options.copies
    print(f"{cpu()}\nmedians: 1 worker {one:.3f} bags/s, {options.workers} workers {several:.3f}: "
          f"speed-up {several / one:.2f}; results: {'the same bytes' if same else 'DIFFERENT'}")  # fmt: skip
    return 0 if same else 1


def bags_per_second(bundle: Path, bags: list[Path], output: Path, workers: int) -> float:
    """From the end of the first `workers` bags to that of the last."""
    from rt_seg_training.prediction.bag_workers import Work, predict_bags
    from rt_seg_training.prediction.prediction import find_tasks

    ends = []
    for task, _, failure, _ in predict_bags(find_tasks(bags, output), Work(bundle, 0.5, None, None, False), workers):
        if failure:
            raise SystemExit(f"bags: {task.source}: {failure}")
        ends.append(time.monotonic())
    return (len(ends) - workers) / (ends[-1] - ends[workers - 1])


if __name__ == "__main__":
    sys.exit(main())
