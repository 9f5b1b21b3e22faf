#!/usr/bin/env python3
"""Two cameras: one process for both against one node each, in one run; then overload, and a camera that dies.

Cameras, nodes and subscriber are separate processes under a separate roscore, on this machine only. A camera sends a
simulated scene of 640×480, colour and aligned depth. Mask and overlay of both have a subscriber.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "benchmarks")]

from inference import cpu  # noqa: E402
from isolated_graph import IsolatedGraph, processor_seconds, resident_megabytes  # noqa: E402
from mask_watch import MaskWatch, percentiles, wait_for_masks  # noqa: E402
from node_latency import FLOOD  # noqa: E402

EXAMPLE = """example:
  source .workspace/devel/setup.bash
  benchmarks/several_cameras.py models/tabletop --seconds 20

Each row: masks per second and their age at the subscriber, for each camera; then all nodes together."""
NAMES = ("left", "right")
PATIENCE = 120.0
"""Seconds until the first masks, on a machine that does other things, too."""


def measure(title: str, nodes: list, seconds: float, names: tuple[str, ...] = NAMES) -> None:
    """Print what comes of the cameras."""
    watches = {name: MaskWatch(("overlay",), f"/{name}", name) for name in names}
    wait_for_masks(list(watches.values()), nodes, PATIENCE)
    time.sleep(1.0)
    for watch in watches.values():
        watch.take()
    began, used = time.monotonic(), sum(processor_seconds(node.pid) for node in nodes)
    time.sleep(seconds)
    elapsed = time.monotonic() - began
    used = sum(processor_seconds(node.pid) for node in nodes) - used
    cells = []
    for name, watch in watches.items():
        ages = watch.take()[0]
        p50, p95 = percentiles(ages, (50, 95))
        cells.append(f"{name} {len(ages) / elapsed:5.1f} Hz {p50:6.1f} / {p95:6.1f} ms")
        watch.close()
    memory = sum(resident_megabytes(node.pid) for node in nodes)
    print(f"{title:36} {'   '.join(cells):62} {used / elapsed:6.0%} {memory:6.0f} MB", flush=True)


def one_process(graph: IsolatedGraph, bundle: Path, threads: int) -> list:
    """The node of both cameras."""
    cameras = "{" + ", ".join(f"{name}: {bundle.resolve()}" for name in NAMES) + "}"
    script = ROOT / "scripts" / "segment_cameras"
    return [graph.start(sys.executable, script, f"_cameras:={cameras}", f"_threads:={threads}")]


def a_node_each(graph: IsolatedGraph, bundle: Path, threads: int) -> list:
    """A node for each camera."""
    return [graph.start_node(bundle, f"_threads:={threads}", namespace=f"/{name}", camera="") for name in NAMES]


def main(arguments: list[str] | None = None) -> int:
    """Start everything, print the table, end everything; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path, nargs="?", default=ROOT / "models" / "tabletop", help="model bundle")
    parser.add_argument("--seconds", type=float, default=20.0, help="seconds per row (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=30.0, help="images per second (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=0, help="threads of the engine (default: as in the node)")
    options = parser.parse_args(arguments)
    with IsolatedGraph() as graph:
        try:
            import rospy

            rospy.init_node("several_cameras", disable_signals=True)
            cameras = {name: graph.start_camera(options.rate, name=name) for name in NAMES}
            print(f"{cpu()}\n{options.bundle.name}, two cameras of 640x480 at {options.rate:g} Hz\n")
            print(f"{'':36} {'masks per second, age p50 / p95 of each camera':62} {'core':>6} {'memory':>9}")
            for title, start in (("a node for each", a_node_each), ("one process", one_process)):
                nodes = start(graph, options.bundle, options.threads)
                measure(title, nodes, options.seconds)
                if start is a_node_each:
                    for node in nodes:
                        graph.end(node)
            graph.end(cameras.pop("left"))
            measure("one process, left camera stopped", nodes, options.seconds, ("right",))
            graph.end(cameras.pop("right"))
            for name in NAMES:
                graph.start_camera(FLOOD, name=name)
            measure(f"one process, {FLOOD:.0f} Hz each", nodes, options.seconds)
            return 0
        except RuntimeError as error:
            print(f"several_cameras: {error}", file=sys.stderr)
            sys.stderr.write(graph.output())
            return 1


if __name__ == "__main__":
    sys.exit(main())
