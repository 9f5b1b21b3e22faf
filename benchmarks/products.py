#!/usr/bin/env python3
"""Time of each product of a segmentation, in one process, with the masks of a shipped model on a simulated scene."""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

EXAMPLE = """example:
  benchmarks/products.py --repeats 100

The products alternate. `share` is relative to the network's time for the same image, in the same run."""


def main(arguments: list[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path, nargs="?", default=ROOT / "models" / "tabletop", help="model bundle")
    parser.add_argument("--repeats", type=int, default=50, help="timed runs per product (default: %(default)s)")
    options = parser.parse_args(arguments)

    import cv2
    import numpy as np
    from inference import cpu, measure_alternately

    from rt_seg.bundle import BundleError, load_bundle
    from rt_seg.engines.class_id_head import probabilities
    from rt_seg.products.class_filter import ClassFilter
    from rt_seg.products.kept_geometry import ClassSelection, keep_millimetres, keep_points
    from rt_seg.products.objects import find_objects
    from rt_seg.products.overlay import Palette
    from rt_seg.products.point_cloud import Rays, label_points
    from rt_seg.products.smoothing import TemporalSmoother
    from rt_seg.products.statistics import class_statistics
    from rt_seg.segmenter import load_segmenter
    from rt_seg.simulation.recording import simulate_scene

    try:
        bundle = load_bundle(options.bundle)
        segmenter = load_segmenter(bundle)
    except BundleError as error:
        print(f"products: {error}", file=sys.stderr)
        return 2
    frame = simulate_scene(3)
    rgb, labels = frame.color, bundle.labels
    depth = np.where(frame.depth > 0, frame.depth * np.float32(0.001), np.float32("nan"))
    rays, palette, smoother = Rays(frame.intrinsics), Palette(labels), TemporalSmoother()
    names = ClassFilter(labels, classes=",".join(labels.names[:2]))
    mask = segmenter.segment(rgb).mask
    # Two masks that differ in noise, so that smoothing has something to do.
    noisy = np.where(np.random.default_rng(0).random(mask.shape) < 0.01, np.uint8(0), mask)
    turns = itertools.cycle((mask, noisy))
    clouds = {stride: label_points(rays, depth, rgb, mask, stride) for stride in (1, 2)}
    selection = ClassSelection(labels, drop=labels.names[-1])
    stays = selection.stays(mask, 2)
    # As coarse as those of the shipped nets; what they hold does not change the time.
    logits = np.random.default_rng(0).normal(size=(mask.shape[0] // 8, mask.shape[1] // 8, len(labels)))
    logits = logits.astype(np.float32)

    def kept_points(stride: int) -> np.ndarray:
        cloud = label_points(rays, depth, rgb, mask, stride, out=clouds[stride])
        return keep_points(cloud, selection.stays(mask, 2), stride)

    ways = {
        "network and class of every pixel": lambda: segmenter.segment(rgb),
        "mask in colours": lambda: palette.colorize(mask),
        "overlay": lambda: palette.blend(rgb, mask, 0.5),
        "overlay with contours and names": lambda: palette.blend(rgb, mask, 0.5, True, True),
        "points, every pixel": lambda: label_points(rays, depth, rgb, mask, 1, out=clouds[1]),
        "points, every second row and column": lambda: label_points(rays, depth, rgb, mask, 2, out=clouds[2]),
        "objects with poses": lambda: find_objects(mask, labels, 150, depth, rays, None, frozenset({"hole"})),
        "statistics": lambda: class_statistics(mask, depth, labels),
        "depth kept, margin of 2": lambda: keep_millimetres(depth, selection.stays(mask, 2)),
        "points kept, every second row and column": lambda: kept_points(2),
        "points kept, every pixel": lambda: kept_points(1),
        "points kept, beside points": lambda: keep_points(clouds[2], stays, 2),
        "16-bit ids": lambda: mask.astype(np.int16),
        "mask as PNG": lambda: cv2.imencode(".png", mask, [cv2.IMWRITE_PNG_COMPRESSION, 1]),
        "overlay as JPEG, without the overlay": lambda: cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, 80]),
        "probabilities of all classes": lambda: probabilities(logits, *mask.shape, range(len(labels))),
        "class filter": lambda: names.apply(mask),
        "smoothing over 3 images": lambda: smoother.smooth(next(turns), 3),
    }
    times = measure_alternately(ways, options.repeats)
    whole = np.median(next(iter(times.values())))
    print(f"{cpu()}\n{bundle.name} {bundle.version}, {segmenter.description}, image {rgb.shape[0]}x{rgb.shape[1]}\n")
    print(f"{'product':42} {'median':>9} {'95 %':>9} {'share':>7}")
    for name, seconds in times.items():
        median, late = np.median(seconds), np.percentile(seconds, 95)
        print(f"{name:42} {median * 1e3:6.2f} ms {late * 1e3:6.2f} ms {median / whole:7.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
