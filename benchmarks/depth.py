#!/usr/bin/env python3
"""Cost of depth: the segment call of a bundle with depth input against an RGB only bundle, alternating.

Both use the live node's segmenter, one camera frame of 480x640 at a time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

from inference import cpu, measure_alternately  # noqa: E402

EXAMPLE = """example:
  benchmarks/depth.py models/indoor models/tabletop --repeats 40

Rows: the median and 95th percentile of the time of one frame, and the ratio of the medians against the first row, the
RGB only bundle. Choose two of the same input size and precision: otherwise those are compared. `without depth` is the
cost of a camera whose depth has stalled; millimetres and metres are the two depth encodings on ROS topics."""
HEIGHT, WIDTH = 480, 640


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; returns 0, or 2 for a bundle that cannot be used, or is not of the kind its place asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path, help="bundle with depth input")
    parser.add_argument(
        "baseline", type=Path, nargs="?", default=ROOT / "models" / "tabletop",
        help="RGB only bundle (default: tabletop)",
    )  # fmt: skip
    parser.add_argument("--repeats", type=int, default=40, help="timed frames per case (default: %(default)s)")
    parser.add_argument("--precision", default="auto", choices=("auto", "f32", "bf16"), help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of each engine; 0 uses all cores")
    options = parser.parse_args(arguments)

    import numpy as np

    from rt_seg.bundle import BundleError, load_bundle
    from rt_seg.segmenter import load_segmenter

    try:
        bundles = [load_bundle(folder) for folder in (options.bundle, options.baseline)]
        for bundle, wanted in zip(bundles, (True, False)):
            if bundle.input.with_depth != wanted:
                words = "no depth; name a bundle that takes it" if wanted else "depth; name an RGB only bundle"
                raise BundleError(f"{bundle.folder}: takes {words}")
        deep, flat = (load_segmenter(bundle, "auto", options.threads, options.precision) for bundle in bundles)
    except BundleError as error:
        print(f"depth: {error}", file=sys.stderr)
        return 2
    random = np.random.default_rng(0)
    image = np.repeat(np.repeat(random.integers(0, 256, (30, 40, 3), np.uint8), 16, axis=0), 16, axis=1)
    millimetres = random.integers(400, 4000, (HEIGHT, WIDTH)).astype(np.uint16)
    millimetres[random.random((HEIGHT, WIDTH)) < 0.2] = 0
    metres = np.where(millimetres > 0, millimetres / np.float32(1000), np.float32("nan"))
    times = measure_alternately(
        {
            "RGB only": lambda: flat.segment(image),
            "colour and depth, millimetres": lambda: deep.segment(image, depth=millimetres),
            "colour and depth, metres": lambda: deep.segment(image, depth=metres),
            "its network without depth": lambda: deep.segment(image),
        },
        options.repeats,
    )
    print(cpu())
    for bundle, segmenter in zip(bundles[::-1], (flat, deep)):
        spec = bundle.input
        print(f"{bundle.name} {bundle.version}: {spec.channels} {spec.height}x{spec.width}, {segmenter.description}")
    print(f"\n{'segment call':34}{'median':>11}{'p95':>11}{'ratio':>9}")
    base = statistics.median(times["RGB only"])
    for name, seconds in times.items():
        middle, late = statistics.median(seconds), float(np.percentile(seconds, 95))
        print(f"{name:34}{1000 * middle:8.1f} ms{1000 * late:8.1f} ms{middle / base:8.2f}x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
