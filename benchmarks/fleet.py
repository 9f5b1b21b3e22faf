#!/usr/bin/env python3
"""Robots that send their images to one inference server on this machine: latency of their masks, fairness, and faults.

The server is MLServer with the runtime of this package, in a separate process. Each robot is a thread that sends images
at its rate, and drops those that arrive while one is in flight. A further robot has a local engine as a fallback, while
the server is killed, and stopped. Needs requirements-remote.txt here, and requirements-server.txt in
the environment of `mlserver` (--mlserver, $RT_SEG_MLSERVER, or the PATH).
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks"), str(ROOT / "test" / "support")]

from inference import cpu  # noqa: E402
from isolated_graph import processor_seconds, resident_megabytes  # noqa: E402

EXAMPLE = """example:
  benchmarks/fleet.py models/tabletop --robots 8 --rate 10 --seconds 20 --mlserver server/bin/mlserver

Each row: images that the robot sent, those answered within the deadline, and the time from an image to its mask."""


class Robot:
    """Images at a rate through a segmenter, in a thread of its own."""

    def __init__(self, segmenter, image, rate: float, seconds: float) -> None:
        self.times: list[float] = []
        self.taken = self.failed = 0
        self._segmenter, self._image, self._period, self._seconds = segmenter, image, 1.0 / rate, seconds
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        from rt_seg.engines.remote import RemoteError

        began = time.monotonic()
        number = 0
        while time.monotonic() - began < self._seconds:
            # The image of this moment; those that came while the last was under way are left out.
            now = int((time.monotonic() - began) / self._period)
            number = max(now, number + 1)
            time.sleep(max(began + number * self._period - time.monotonic(), 0.0))
            self.taken += 1
            started = time.monotonic()
            try:
                self._segmenter.segment(self._image)
            except RemoteError:
                self.failed += 1
            else:
                self.times.append(time.monotonic() - started)
        self.images = int(self._seconds / self._period)


def compare_loads(
    bundle, server, image, counts: list[int], rate: float, seconds: float, encoding: str, deadline: float
) -> None:
    """A row for each number of robots, and the robots of the largest one by one."""
    import numpy as np

    from rt_seg.engines.remote import RemoteEngine
    from rt_seg.segmenter import Segmenter

    print(f"\n{'robots':>7} {'images':>7} {'masks/s':>8} {'p50':>9} {'p95':>9} {'failed':>7} {'fairness':>9} "
          f"{'server core':>12} {'memory':>8}")  # fmt: skip
    for count in counts:
        engines = [RemoteEngine(bundle, server.address, encoding, deadline) for _ in range(count)]
        for engine in engines:
            engine.connect()
        used = processor_seconds(server.process.pid)
        robots = [Robot(Segmenter(bundle.input, engine), image, rate, seconds) for engine in engines]
        for robot in robots:
            robot.thread.join()
        used = processor_seconds(server.process.pid) - used
        times = np.concatenate([robot.times for robot in robots])
        answered = [len(robot.times) for robot in robots]
        p50, p95 = np.percentile(times if len(times) else [np.nan], (50, 95)) * 1e3
        print(f"{count:>7} {sum(robot.images for robot in robots):>7} {len(times) / seconds:>8.1f} {p50:>6.1f} ms "
              f"{p95:>6.1f} ms {sum(robot.failed for robot in robots):>7} {min(answered) / max(*answered, 1):>9.2f} "
              f"{used / seconds:>12.0%} {resident_megabytes(server.process.pid):>5.0f} MB", flush=True)  # fmt: skip
        for engine in engines:
            engine.close()
    for number, robot in enumerate(robots):
        p50, p95 = np.percentile(robot.times or [np.nan], (50, 95)) * 1e3
        print(f"  robot {number}: {robot.images} images, {len(robot.times)} masks, p50 {p50:.1f}, p95 {p95:.1f} ms")
    print("fairness: masks of the slowest robot relative to the fastest")


def show_faults(bundle, server, image) -> None:
    """What a robot with a local engine sees of a server that is killed, and of one that is stopped."""
    from rt_seg.engines import create_engine
    from rt_seg.engines.fallback import FallbackEngine
    from rt_seg.engines.remote import RAW, RemoteEngine
    from rt_seg.segmenter import Segmenter

    print(f"\n{'fault':>8} {'first local mask after':>24} {'longest image':>15} {'back after':>12} {'images lost':>12}")
    for fault in ("killed", "stopped"):
        engine = FallbackEngine(
            RemoteEngine(bundle, server.address, RAW, 0.5), create_engine(bundle, threads=1), lambda text: None
        )
        _wait(lambda engine=engine: not engine.warning)
        robot = Robot(Segmenter(bundle.input, engine), image, 10.0, 12.0)
        time.sleep(3.0)
        local, moment, place = engine.local_images, time.monotonic(), len(robot.times)
        if fault == "killed":
            server.end()
        else:
            server.send(signal.SIGSTOP)
        _wait(lambda engine=engine, local=local: engine.local_images > local)
        fell_back = time.monotonic() - moment
        time.sleep(2.0)
        longest = max(robot.times[place:])
        if fault == "killed":
            server.start()
        else:
            server.send(signal.SIGCONT)
        moment = time.monotonic()
        _wait(lambda engine=engine: not engine.warning)
        print(f"{fault:>8} {fell_back:>22.2f} s {longest:>13.2f} s {time.monotonic() - moment:>10.2f} s "
              f"{robot.failed:>12}", flush=True)  # fmt: skip
        robot.thread.join()
        engine.close()


def _wait(condition, patience: float = 60.0) -> None:
    deadline = time.monotonic() + patience
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path, nargs="?", default=ROOT / "models" / "tabletop", help="model bundle")
    parser.add_argument("--robots", type=int, nargs="+", default=[1, 4, 8], help="numbers of robots (default: 1 4 8)")
    parser.add_argument("--rate", type=float, default=10.0, help="images per second per robot (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=15.0, help="seconds per row (default: %(default)s)")
    parser.add_argument("--encoding", choices=("raw", "jpeg"), default="raw", help="(default: %(default)s)")
    parser.add_argument("--deadline", type=float, default=1.0, help="seconds for an answer (default: %(default)s)")
    parser.add_argument("--mlserver", help="the program")
    parser.add_argument("--no-faults", action="store_true", help="skip the second table")
    options = parser.parse_args(arguments)
    if options.mlserver:
        os.environ["RT_SEG_MLSERVER"] = options.mlserver
    from inference_server import InferenceServer, why_not

    if why_not():
        print(f"fleet: {why_not()}", file=sys.stderr)
        return 2
    from rt_seg.bundle import load_bundle
    from rt_seg.simulation import simulate_scene

    bundle = load_bundle(options.bundle)
    import cv2

    image = cv2.resize(simulate_scene(3).color, (bundle.input.width, bundle.input.height))
    print(f"{cpu()}\n{bundle.name}, {bundle.input.width}x{bundle.input.height}, {options.encoding} images at "
          f"{options.rate:g} Hz")  # fmt: skip
    with InferenceServer(bundle, threads=0) as server:
        compare_loads(bundle, server, image, options.robots, options.rate, options.seconds,
                      options.encoding, options.deadline)  # fmt: skip
        if not options.no_faults:
            show_faults(bundle, server, image)
    return 0


if __name__ == "__main__":
    sys.exit(main())
