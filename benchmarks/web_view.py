#!/usr/bin/env python3
"""CPU cost of the live view in the browser: its own process, and the node, as shares of one core.

Camera, node, live view and viewers are separate processes under a separate roscore. The camera sends one simulated
scene, and the mask has a subscriber throughout. A viewer here receives the images like a page, but shows none: the cost
of a browser is not in the table.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "benchmarks")]

from inference import cpu  # noqa: E402
from isolated_graph import IsolatedGraph, free_port, processor_seconds  # noqa: E402
from mask_watch import MaskWatch, wait_for_masks  # noqa: E402

EXAMPLE = """example:
  source .workspace/devel/setup.bash
  benchmarks/web_view.py --seconds 20

Each row: images per second received by a viewer, of its slowest stream and in total; the live view's share of one core,
and the node's; the masks per second. CPU time is used, so other load changes little except the rate."""

STREAMS = ("overlay", "camera", "mask", "confidence", "depth")
ROWS = ((0, ()), (1, STREAMS[:1]), (1, STREAMS[:2]), (1, STREAMS), (4, STREAMS[:2]))
"""Viewers, and what they look at."""
PATIENCE = 60.0


async def look(url: str, streams: list[str], pictures: Counter) -> None:
    """Take pictures as a page does, and count them, until cancelled."""
    import aiohttp

    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/live", max_msg_size=2**24) as socket:
        await socket.send_str(json.dumps(streams))
        async for message in socket:
            if message.type == aiohttp.WSMsgType.BINARY:
                pictures[STREAMS[message.data[0]]] += 1
                await socket.send_str("shown")
    raise RuntimeError("the live view closed the connection")


async def look_together(viewers: int, url: str, streams: list[str]) -> None:
    """Answer each line of the input with the pictures so far, as JSON; end with it."""
    pictures: Counter = Counter()
    looking = [asyncio.create_task(look(url, streams, pictures)) for _ in range(viewers)]
    while await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        for task in looking:
            if task.done():
                task.result()
        print(json.dumps(pictures), flush=True)
    for task in looking:
        task.cancel()


class Viewers:
    """A process that looks at the page's streams."""

    def __init__(self, viewers: int, url: str, streams: tuple[str, ...]) -> None:
        command = [sys.executable, __file__, "--look", json.dumps([viewers, url, streams])]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._streams = streams

    def pictures(self) -> tuple[int, int]:
        """How many all of them got so far: of the slowest stream, and in all. Raises RuntimeError where they ended."""
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
            counts = json.loads(self._process.stdout.readline())
        except (OSError, ValueError):
            raise RuntimeError("the live view refused the viewers") from None
        return min(counts.get(name, 0) for name in self._streams), sum(counts.values())

    def end(self) -> None:
        """Stop looking."""
        self._process.stdin.close()
        self._process.wait(timeout=PATIENCE)
        self._process.stdout.close()


def print_row(viewers: int, streams: tuple[str, ...], url: str, view: subprocess.Popen | None, node: subprocess.Popen,
              watch: MaskWatch, seconds: float) -> None:  # fmt: skip
    """Measure for so many seconds, and print what came."""
    looking = Viewers(viewers, url, streams) if viewers else None
    deadline = time.monotonic() + PATIENCE
    while looking is not None and looking.pictures()[0] < 2 * viewers:
        if time.monotonic() > deadline:
            raise RuntimeError(f"no images of {', '.join(streams)} within {PATIENCE:.0f} s")
        time.sleep(0.2)
    time.sleep(1.0)
    processes = [process for process in (view, node) if process is not None]
    seen = looking.pictures() if looking else (0, 0)
    masks, began = len(watch.ages), time.monotonic()
    before = [processor_seconds(process.pid) for process in processes]
    time.sleep(seconds)
    elapsed = time.monotonic() - began
    shares = [(processor_seconds(process.pid) - at) / elapsed for process, at in zip(processes, before)]
    rate = (len(watch.ages) - masks) / elapsed
    slowest = every = "-"
    if looking:
        slowest, every = (f"{(now - at) / (viewers * elapsed):.1f}" for now, at in zip(looking.pictures(), seen))
        looking.end()
    what = "no live view" if view is None else f"{viewers} of {', '.join(streams)}" if viewers else "no viewer"
    own = "-" if view is None else f"{shares[0]:.1%}"
    print(f"{what:52} {slowest:>10} {every:>7} {own:>9} {shares[-1]:>6.0%} {rate:8.1f}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Start everything, print the table, end everything; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path, nargs="?", default=ROOT / "models" / "tabletop", help="model bundle")
    parser.add_argument("--seconds", type=float, default=15.0, help="seconds per row (default: %(default)s)")
    parser.add_argument(
        "--rate", type=float, default=10.0, help="rate of camera and streams, images per second (default: %(default)s)"
    )
    parser.add_argument("--look", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.look:
        asyncio.run(look_together(*options.look))
        return 0
    with IsolatedGraph() as graph:
        try:
            import rospy

            rospy.init_node("web_view_benchmark", disable_signals=True)
            graph.start_camera(options.rate)
            node = graph.start_node(options.bundle)
            watch = MaskWatch()
            wait_for_masks([watch], [node])
            print(f"{cpu()}\n{options.bundle.name}, {options.rate:g} images per second\n")
            print(f"{'viewers and streams':52} {'images/s':>10} {'in all':>7} {'live view':>9} {'node':>6} "
                  f"{'masks/s':>8}")  # fmt: skip
            print_row(0, (), "", None, node, watch, options.seconds)
            port = free_port()
            view = graph.start(
                sys.executable, ROOT / "scripts" / "web_view", f"_port:={port}", f"_rate:={options.rate}"
            )
            wait_for_page(port, view)
            for viewers, streams in ROWS:
                print_row(viewers, streams, f"http://127.0.0.1:{port}", view, node, watch, options.seconds)
            return 0
        except RuntimeError as error:
            print(f"web_view: {error}", file=sys.stderr)
            sys.stderr.write(graph.output())
            return 1


def wait_for_page(port: int, view: subprocess.Popen) -> None:
    """Return when the page answers. Raises RuntimeError where it does not."""
    import urllib.request

    deadline = time.monotonic() + PATIENCE
    while view.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the live view does not answer")


if __name__ == "__main__":
    sys.exit(main())
