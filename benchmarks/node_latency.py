#!/usr/bin/env python3
"""Age of the node's masks at a subscriber in another process, at a camera's rate, and the node's CPU and memory.

Camera, node and subscriber are separate processes under a separate roscore, on this machine only. The camera sends one
simulated scene, colour and aligned depth. One node serves the sets of subscribed topics one after the other; in the
last row the camera's rate is higher than any node can hold. With several sizes, cameras of these alternate with one
node, and the ratio of their ages is printed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "benchmarks")]

from inference import cpu  # noqa: E402
from isolated_graph import PATIENCE, IsolatedGraph, processor_seconds, resident_megabytes  # noqa: E402
from mask_watch import IMAGES, MaskWatch, percentiles, wait_for_masks  # noqa: E402

EXAMPLE = """example:
  source .workspace/devel/setup.bash
  benchmarks/node_latency.py --seconds 60
  benchmarks/node_latency.py --sizes 640x480 1280x720

Each row: masks per second; the age of the masks at the subscriber, from the image's stamp; the images sent without a
mask; the node's share of one core and its resident memory."""

SETS = (("mask",), ("mask", "overlay"), ("mask", "overlay", "points"), ("mask", "overlay", "points", "objects"))
FLOOD = 150.0
"""Images a second, more than the node can hold."""
SIZE_TURNS = 2


def print_row(name: str, rate: float, topics: tuple[str, ...], node: subprocess.Popen, seconds: float) -> list[float]:
    """Measure one set of topics and print what came; returns the ages of the masks in seconds."""
    watch = MaskWatch(topics)
    wait_for_masks([watch], [node])
    time.sleep(1.0)
    watch.take()
    began, used = time.monotonic(), processor_seconds(node.pid)
    time.sleep(seconds)
    elapsed, used = time.monotonic() - began, processor_seconds(node.pid) - used
    ages, counts = watch.take()
    watch.close()
    images = counts[IMAGES]
    p50, p95, p99 = percentiles(ages)
    # An image that is being worked on at either end is no loss.
    dropped = max(images - len(ages) - 1, 0)
    print(
        f"{name:34} {rate:4.0f} Hz {len(ages) / elapsed:8.1f} {p50:7.1f} ms {p95:7.1f} ms {p99:7.1f} ms "
        f"{dropped:5} of {images:<6} {used / elapsed:6.0%} {resident_megabytes(node.pid):6.0f} MB",
        flush=True,
    )
    return ages


def compare_sizes(graph: IsolatedGraph, sizes: list[str], node: subprocess.Popen, rate: float, seconds: float) -> None:
    """Cameras of these sizes in turns; prints a row for each and how the ages compare with those of the first size."""
    import numpy as np

    ages: dict[str, list[float]] = {size: [] for size in sizes}
    for _ in range(SIZE_TURNS):
        for size in sizes:
            source = graph.start_camera(rate, size)
            ages[size] += print_row(f"{', '.join(SETS[1])} {size}", rate, SETS[1], node, seconds)
            graph.end(source)
    first = np.median(ages[sizes[0]])
    for size in sizes[1:]:
        print(f"age p50 at {size}: {np.median(ages[size]) / first:.2f} times that at {sizes[0]}")


def main(arguments: list[str] | None = None) -> int:
    """Start everything, print the table, end everything; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path, nargs="?", default=ROOT / "models" / "tabletop", help="model bundle")
    parser.add_argument("--seconds", type=float, default=20.0, help="seconds per row (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=30.0, help="images per second (default: %(default)s)")
    parser.add_argument("--sizes", nargs="+", metavar="WIDTHxHEIGHT", help="compare cameras of these sizes")
    parser.add_argument("--threads", type=int, default=0, help="threads of the engine (default: as in the node)")
    options = parser.parse_args(arguments)
    with IsolatedGraph() as graph:
        try:
            import rospy

            rospy.init_node("node_latency", disable_signals=True)
            source = graph.start_camera(options.rate)
            watch = MaskWatch()
            deadline = time.monotonic() + PATIENCE
            while not watch.counts[IMAGES] and source.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            began = time.monotonic()
            node = graph.start_node(options.bundle, f"_threads:={options.threads}")
            wait_for_masks([watch], [node])
            print(f"{cpu()}\n{options.bundle.name}; start of the node to its first mask: "
                  f"{time.monotonic() - began:.2f} s\n")  # fmt: skip
            watch.close()
            if options.sizes:
                graph.end(source)
            print(f"{'topics':34} {'camera':>7} {'masks/s':>8} {'age p50':>10} {'p95':>10} {'p99':>10} "
                  f"{'dropped':>15} {'core':>6} {'memory':>9}")  # fmt: skip
            if options.sizes:
                compare_sizes(graph, options.sizes, node, options.rate, options.seconds)
                return 0
            for topics in SETS:
                print_row(", ".join(topics), options.rate, topics, node, options.seconds)
            graph.end(source)
            graph.start_camera(FLOOD)
            print_row(", ".join(SETS[1]), FLOOD, SETS[1], node, options.seconds)
            return 0
        except RuntimeError as error:
            print(f"node_latency: {error}", file=sys.stderr)
            sys.stderr.write(graph.output())
            return 1


if __name__ == "__main__":
    sys.exit(main())
