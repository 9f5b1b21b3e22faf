#!/usr/bin/env python3
"""Runs the live node on a simulated camera for minutes: does it hold its rate, its latency and its memory?

Camera, node and subscriber are separate processes under a separate roscore, on this machine only. The camera sends one
simulated scene, colour and aligned depth; mask, overlay and points have a subscriber.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "benchmarks")]

from isolated_graph import IsolatedGraph, processor_seconds, resident_megabytes  # noqa: E402
from mask_watch import IMAGES, MaskWatch, percentiles, wait_for_masks  # noqa: E402

EXAMPLE = """example:
  source .workspace/devel/setup.bash
  benchmarks/soak.py --minutes 10 --rate 30

Each row is one interval: masks per second, the share of the images with a mask, the age of the masks at the
subscriber (from the image's stamp), resident memory of the node and its share of one core. Memory growth is
measured from the first interval, at whose end everything is loaded, to the last."""

TOPICS = ("mask", "overlay", "points")


def watch_node(options: argparse.Namespace, node: subprocess.Popen) -> int:
    """Print a row for each interval and the verdict; returns the exit code."""
    import rospy

    rospy.init_node("soak", disable_signals=True)
    watch = MaskWatch(TOPICS)
    try:
        wait_for_masks([watch], [node])
    except RuntimeError as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    time.sleep(2.0)
    watch.take()
    print(f"{'minute':>6} {'masks/s':>8} {'of images':>10} {'overlays/s':>10} {'clouds/s':>9} "
          f"{'age p50':>9} {'p95':>8} {'p99':>8} {'memory':>8} {'core':>6}")  # fmt: skip
    memory, all_ages, rates = [], [], []
    began = last = time.monotonic()
    pid = node.pid
    used = processor_seconds(pid)
    while last - began < options.minutes * 60.0 - 0.5:
        time.sleep(min(options.interval, began + options.minutes * 60.0 - last))
        now = time.monotonic()
        (ages, counts), elapsed, last = watch.take(), now - last, now
        cpu, used = (processor_seconds(pid) - used) / elapsed, processor_seconds(pid)
        memory.append(resident_megabytes(pid))
        all_ages += ages
        rates.append(counts["mask"] / elapsed)
        p50, p95, p99 = percentiles(ages)
        print(f"{(now - began) / 60:6.1f} {rates[-1]:8.1f} {counts['mask'] / max(counts[IMAGES], 1):10.1%} "
              f"{counts['overlay'] / elapsed:10.1f} {counts['points'] / elapsed:9.1f} {p50:6.0f} ms {p95:5.0f} ms "
              f"{p99:5.0f} ms {memory[-1]:5.0f} MB {cpu:6.0%}", flush=True)  # fmt: skip
    watch.close()
    growth = memory[-1] / memory[0] - 1.0
    p50, p95 = percentiles(all_ages, (50, 95))
    print(f"\n{len(all_ages)} masks, {len(all_ages) / (last - began):.1f} per second at {options.rate:g} Hz; "
          f"slowest interval {min(rates):.1f}; age p50 {p50:.0f} ms, p95 {p95:.0f} ms; "
          f"memory {memory[0]:.0f} -> {memory[-1]:.0f} MB ({growth:+.1%})")  # fmt: skip
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Start everything, watch, end everything; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path, nargs="?", default=ROOT / "models" / "tabletop", help="model bundle")
    parser.add_argument("--minutes", type=float, default=10.0, help="duration (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=30.0, help="images per second (default: %(default)s)")
    parser.add_argument("--interval", type=float, default=60.0, help="seconds per row (default: %(default)s)")
    options = parser.parse_args(arguments)
    with IsolatedGraph() as graph:
        node = graph.start_node(options.bundle, "_cloud_stride:=2")
        graph.start_camera(options.rate)
        code = watch_node(options, node)
        if code:
            sys.stderr.write(graph.output())
        return code


if __name__ == "__main__":
    sys.exit(main())
