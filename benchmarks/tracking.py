#!/usr/bin/env python3
"""Tracks of the objects of simulated scenes with a moving camera, against the renderer's ground truth.

Scored with motmetrics: a track belongs to a piece while it is within DISTANCE of the piece's visible centre.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]

DISTANCE = 0.03
"""Metres, about the size of a piece."""
MIN_AREA = 150
CLASSES = ("peg", "block")
"""Those of which each piece is one body; a plate is several, and so is a cup."""

EXAMPLE = """example:
  benchmarks/tracking.py --seconds 10 --scenes 3
  benchmarks/tracking.py --outline 0 0.2

Rows: masks of the model, or of the ground truth (tracking of perfect detections). `switches` are id switches of a piece
per minute of one scene; `hidden` removes pieces from the mask for 0.9 s, one after the other. `jitter` is the distance
of a static piece's position from its mean over a second, root mean square over pieces, measured and filtered."""


def main(arguments: list[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path, nargs="?", default=ROOT / "models" / "tabletop", help="model bundle")
    parser.add_argument("--seconds", type=float, default=10.0, help="seconds per scene (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=30.0, help="images per second (default: %(default)s)")
    parser.add_argument("--scenes", type=int, default=3, help="scenes (default: %(default)s)")
    parser.add_argument("--first-seed", type=int, default=20, help="random seed of the first (default: %(default)s)")
    parser.add_argument(
        "--acceleration", type=float, help="acceleration of the filter, m/s² (default: that of the node)"
    )
    parser.add_argument("--outline", type=float, nargs="+", help="of the filter, a share of an object's size; several: "
                        "each in separate rows, on the same images (default: that of the node)")  # fmt: skip
    options = parser.parse_args(arguments)

    from inference import cpu

    from rt_seg.bundle import BundleError, load_bundle
    from rt_seg.products import tracking
    from rt_seg.segmenter import load_segmenter

    try:
        bundle = load_bundle(options.bundle)
        segmenter = load_segmenter(bundle)
    except BundleError as error:
        print(f"tracking: {error}", file=sys.stderr)
        return 2
    acceleration = options.acceleration or tracking.ACCELERATION
    options.outline = options.outline or [tracking.OUTLINE]
    rows = {}
    for seed in range(options.first_seed, options.first_seed + options.scenes):
        for name, score in score_scene(seed, options, bundle.labels, segmenter, acceleration).items():
            rows.setdefault(name, []).append(score)
    print(f"{cpu()}\n{options.scenes} scenes of {options.seconds:g} s at {options.rate:g} Hz, 640x480, camera moving; "
          f"acceleration {acceleration:g} m/s²\n")  # fmt: skip
    print(f"{'masks':26} {'switches/min':>12} {'MOTA':>7} {'IDF1':>7} {'false':>6} {'missed':>7} "
          f"{'jitter before':>14} {'after':>8} {'per image':>10}")  # fmt: skip
    for name, scores in rows.items():
        print(table_row(name, scores))
    return 0


def table_row(name: str, scores: list) -> str:
    """One row over all scenes."""
    import motmetrics
    import numpy as np

    metrics = motmetrics.metrics.create()
    accumulators = [score.accumulator for score in scores]
    wanted = ["num_switches", "mota", "idf1", "num_false_positives", "num_misses", "num_objects"]
    table = metrics.compute_many(accumulators, metrics=wanted, generate_overall=True).loc["OVERALL"]
    minutes = sum(score.seconds for score in scores) / 60.0
    before = np.sqrt(np.mean(np.concatenate([score.before for score in scores])))
    after = np.sqrt(np.mean(np.concatenate([score.after for score in scores])))
    took = np.median(np.concatenate([score.times for score in scores]))
    share = 1.0 / max(table["num_objects"], 1)
    return (
        f"{name:26} {table['num_switches'] / minutes:12.1f} {table['mota']:7.1%} {table['idf1']:7.1%} "
        f"{table['num_false_positives'] * share:6.1%} {table['num_misses'] * share:7.1%} "
        f"{before * 1e3:11.2f} mm {after * 1e3:5.2f} mm {took * 1e3:7.2f} ms"
    )


class Score:
    """What became of one scene with one kind of masks."""

    def __init__(self, seconds: float) -> None:
        import motmetrics

        self.seconds = seconds
        self.accumulator = motmetrics.MOTAccumulator(auto_id=True)
        self.before: list[float] = []
        self.after: list[float] = []
        self.times: list[float] = []
        self.places: dict = {}

    def note(self, truths: dict, objects: list, tracks: list, motion) -> None:
        """Take in one image."""
        import motmetrics
        import numpy as np

        numbers = [track.id for track in tracks if track]
        found = [track.position for track in tracks if track]
        distances = motmetrics.distances.norm2squared_matrix(
            np.array(list(truths.values())).reshape(-1, 3), np.array(found).reshape(-1, 3), max_d2=DISTANCE**2
        )
        self.accumulator.update(list(truths), numbers, distances)
        for item, track in zip(objects, tracks):
            if track:
                measured = motion.rotation @ np.array(item.pose.centroid) + motion.translation
                self.places.setdefault(track.id, []).append((measured, track.position))

    def finish(self, rate: float) -> None:
        """Jitter of the tracks, over windows of a second: slower changes are of the view, not of noise."""
        import numpy as np

        window = int(rate)
        for places in self.places.values():
            for start in range(window, len(places) - window + 1, window):
                part = np.array(places[start : start + window])
                offsets = ((part - part.mean(axis=0)) ** 2).sum(axis=-1)
                self.before += [float(value) for value in offsets[:, 0]]
                self.after += [float(value) for value in offsets[:, 1]]


def score_scene(seed: int, options: argparse.Namespace, labels, segmenter, acceleration: float) -> dict[str, Score]:
    """Render a scene and track it, with each kind of masks."""
    import numpy as np

    from rt_seg.products.objects import find_objects
    from rt_seg.products.point_cloud import Rays
    from rt_seg.products.tracking import Motion, Tracker
    from rt_seg.simulation.renderer import Renderer
    from rt_seg.simulation.sensor import measure_color, measure_depth
    from rt_seg.simulation.tabletop import Tabletop

    rng = np.random.default_rng([seed, 0])
    scenes = Tabletop(labels, 640, 480)
    intrinsics = scenes.intrinsics(rng)
    path = scenes.path(np.random.default_rng([seed, 1]))
    sensor = scenes.sensor(np.random.default_rng([seed, 2]))
    rays, count = Rays(intrinsics), round(options.seconds * options.rate)
    ids = [labels.names.index(name) for name in CLASSES]
    ways = [(name, outline) for outline in options.outline for name in ("true", "true, hidden", "model")]
    scores = {way: Score(options.seconds) for way in ways}
    trackers = {way: Tracker(acceleration=acceleration, outline=way[1]) for way in ways}
    with Renderer(scenes.scene(rng, intrinsics), intrinsics, labels) as renderer:
        for number in range(count):
            pose = path.pose(number / max(count, round(20 * options.rate)))
            image, geoms = renderer.render(pose), renderer.geoms(pose)
            noise = np.random.default_rng([seed, 2, number + 1])
            color = measure_color(image.color, sensor, noise)
            depth = measure_depth(image.depth, image.color, intrinsics, sensor, noise)
            metres = np.where(depth > 0, depth * np.float32(0.001), np.float32("nan"))
            motion = Motion(pose.rotation, pose.position)
            truths = true_places(geoms, image, ids, rays, motion)
            masks = {"true": image.mask, "model": segmenter.segment(color).mask}
            masks["true, hidden"] = hidden(image.mask, geoms, truths, number / options.rate)
            for name, mask in masks.items():
                # Only the pieces that are scored: the others are no errors.
                mask = np.where(np.isin(mask, ids), mask, np.uint8(255))
                objects = find_objects(mask, labels, MIN_AREA, metres, rays)
                for outline in options.outline:
                    way = (name, outline)
                    began = time.thread_time()
                    tracks = trackers[way].update(objects, number / options.rate, mask.shape, motion)
                    scores[way].times.append(time.thread_time() - began)
                    scores[way].note(truths, objects, tracks, motion)
    for score in scores.values():
        score.finish(options.rate)
    return {f"{name}, outline {outline:g}": score for (name, outline), score in scores.items()}


def true_places(geoms, image, ids: list[int], rays, motion) -> dict:
    """The middle of each visible piece's own surface in the world, (3,) metres, by the number of its geom."""
    import numpy as np

    places = {}
    for geom in np.unique(geoms[np.isin(image.mask, ids)]):
        region = (geoms == geom) & np.isin(image.mask, ids)
        if np.count_nonzero(region) >= MIN_AREA:
            z = image.depth[region]
            seen = np.stack([rays.x[region] * z, rays.y[region] * z, z]).mean(axis=1)
            places[int(geom)] = motion.rotation @ seen + motion.translation
    return places


def hidden(mask, geoms, truths: dict, seconds: float):
    """The mask without one piece for 0.9 of each 2 seconds, another one each time."""
    import numpy as np

    turn, since = divmod(seconds, 2.0)
    if not truths or since < 1.0 or since >= 1.9:
        return mask
    geom = sorted(truths)[int(turn) % len(truths)]
    return np.where(geoms == geom, np.uint8(255), mask)


if __name__ == "__main__":
    sys.exit(main())
