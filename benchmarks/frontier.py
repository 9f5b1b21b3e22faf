#!/usr/bin/env python3
"""Speed against accuracy: every shipped bundle at each of its input sizes on one chart, timed alternately.

The time is that of the segment call on a 640x480 image (with depth if the model uses it), the mean IoU is that recorded
in the bundle. Networks of the registry have random weights, in int8 like the shipped ones: they have a time but no
accuracy, and are drawn on the axis.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "training"), str(ROOT / "benchmarks")]

from inference import cpu, measure_alternately  # noqa: E402

EXAMPLE = """examples:
  benchmarks/frontier.py --output frontier.png
  benchmarks/frontier.py models/tabletop --nets ddrnet_23_slim ddrnet_23_slim_lean --repeats 50

Columns: median and 95th percentile of the segment call; its ratio to the first row; the mean IoU recorded in the bundle
and its data. Scores on different data cannot be compared. On a machine under other load the ratios of --processor-time
--threads 1 hold: CPU time excludes other processes."""
FRAME = (480, 640)
NET_SIZE = (480, 640)
NET_CLASSES = 6
RANDOM_WEIGHTS = "random weights"


class Way(NamedTuple):
    """A network at one size (height, width): what segments a frame, and its mean IoU (0..1) by the data of a score."""

    name: str
    size: tuple[int, int]
    segment: Callable[[], object]
    scores: dict[str, float]


class Timed(NamedTuple):
    """A way and its median and 95th percentile in milliseconds."""

    way: Way
    median: float
    late: float


def recorded_scores(bundle) -> dict[tuple[int, int], dict[str, float]]:
    """Mean IoU by input size (height, width) and by data, of the network as it is shipped and all its inputs."""
    full, precision = (bundle.input.height, bundle.input.width), bundle.engine("openvino").precision
    found: dict[tuple[int, int], dict[str, float]] = {}
    for score in bundle.scores:
        # The form that is shipped is the last one; those before it are what it was chosen from.
        if score.metric == "mean_iou" and precision in score.engine and "without depth" not in score.engine:
            size = full if score.input_size is None else (score.input_size[1], score.input_size[0])
            found.setdefault(size, {})[score.data] = score.value
    return found


def frame_and_depth():
    """An uint8 RGB image and depth in metres, of a room's range."""
    import cv2
    import numpy as np

    coarse = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    image = cv2.resize(coarse, FRAME[::-1], interpolation=cv2.INTER_CUBIC)
    depth = np.linspace(0.4, 4.0, FRAME[0], dtype=np.float32)[:, np.newaxis].repeat(FRAME[1], axis=1)
    return image, depth


def segment_call(segmenter, with_depth: bool) -> Callable[[], object]:
    """The call that is timed."""
    image, depth = frame_and_depth()
    return partial(segmenter.segment, image, depth=depth if with_depth else None)


def ways_of_bundle(folder: Path, threads: int) -> list[Way]:
    """A way for each input size of a bundle. Raises BundleError."""
    from rt_seg.bundle import load_bundle
    from rt_seg.segmenter import load_segmenter

    bundle = load_bundle(folder)
    scores = recorded_scores(bundle)
    return [
        Way(
            bundle.name, size,
            segment_call(load_segmenter(bundle.at_size(*size), "openvino", threads), bundle.input.with_depth),
            scores.get(size, {}),
        )
        for size in bundle.input_sizes("openvino")
    ]  # fmt: skip


def way_of_net(name: str, threads: int, work: Path) -> Way:
    """A network of the registry with random weights, quantised as `export` does, in the folder `work`."""
    import openvino

    from rt_seg.bundle import Bundle, engine_files
    from rt_seg.segmenter import load_segmenter
    from rt_seg.simulation.classes import tabletop_labels
    from rt_seg_training.export.deployment_inputs import feed
    from rt_seg_training.export.openvino_network import deployment_network, quantize
    from rt_seg_training.nets.registry import DEPTH_NETS, build_net
    from rt_seg_training.runs.network_engine import input_spec

    folder, labels, with_depth = work / name, tabletop_labels(), name in DEPTH_NETS
    model = build_net(name, *NET_SIZE, len(labels))
    model.export(str(folder / "saved_model"), verbose=False)
    spec = input_spec(model)
    image, depth = frame_and_depth()
    network = quantize(
        deployment_network(model, folder / "saved_model"), [feed(spec, image, depth if with_depth else None)]
    )
    openvino.save_model(network, str(folder / "model.xml"), compress_to_fp16=False)
    engine = engine_files("openvino", "int8", "model.xml", folder, ("model.xml", "model.bin"))
    bundle = Bundle(folder, name, "0", spec, labels, (engine,), "none")
    return Way(name, NET_SIZE, segment_call(load_segmenter(bundle, "openvino", threads), with_depth), {})


def print_table(rows: Sequence[Timed]) -> None:
    """A row for each way and each data that it was scored on."""
    print(f"{'network':26} {'input':>9} {'median':>10} {'95 %':>10} {'ratio':>6} {'mIoU':>7}  measured on")
    for way, median, late in rows:
        height, width = way.size
        ratio = median / rows[0].median
        times = f"{way.name:26} {f'{width}x{height}':>9} {median:7.2f} ms {late:7.2f} ms {ratio:5.2f}x"
        for data, value in (way.scores or {RANDOM_WEIGHTS: float("nan")}).items():
            print(f"{times} {value:7.4f}  {data}")


def draw(rows: Sequence[Timed], clock: str, path: Path) -> None:
    """The chart as a PNG: a line for each bundle and data, a tick on the axis for what has no accuracy."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.add_subplot()
    # Ten colours repeat themselves after ten lines; then with another marker.
    styles = (style for style in ("o-", "s--", "^:") for _ in range(10))
    lines: dict[tuple[str, str], list[tuple[float, float, str]]] = {}
    for way, median, _ in rows:
        for data, score in way.scores.items():
            lines.setdefault((way.name, data), []).append((median, score, f"{way.size[1]}x{way.size[0]}"))
    for (name, data), points in lines.items():
        medians, scores, sizes = zip(*sorted(points))
        axes.plot(medians, scores, next(styles), label=f"{name}: {data}")
        for median, score, size in zip(medians, scores, sizes):
            axes.annotate(size, (median, score), textcoords="offset points", xytext=(5, -11), fontsize=8)
    for way, median, _ in rows:
        if not way.scores:
            axes.axvline(median, ymax=0.02, color="grey")
            axes.annotate(f"{way.name}, {RANDOM_WEIGHTS}", (median, 0.025), rotation=90, fontsize=7,
                          xycoords=("data", "axes fraction"), color="grey", ha="center")  # fmt: skip
    axes.set(xlim=(0.0, 1.1 * max(row.median for row in rows)), xlabel=f"{clock} per frame, ms (median)",
             ylabel="mean IoU; different data cannot be compared", title=cpu())  # fmt: skip
    axes.margins(y=0.25)
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.25 * (high - low), high)  # room for the names on the axis
    axes.grid(alpha=0.3)
    if lines:
        figure.legend(fontsize=8, loc="outside lower center", ncols=1)
    figure.savefig(path, dpi=110)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table, draw the chart; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundles", type=Path, nargs="*", metavar="BUNDLE", help="model bundles (default: shipped ones)")
    parser.add_argument("--nets", nargs="*", metavar="NET", help="nets of the registry, random weights (default: all)")
    parser.add_argument("--repeats", type=int, default=40, help="timed frames per row (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=0, help="threads of the engine (default: as in the node)")
    parser.add_argument("--processor-time", action="store_true", help="CPU time instead of wall time")
    parser.add_argument("--output", type=Path, metavar="PNG", help="chart (default: none)")
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if options.repeats < 1:
        parser.error(f"--repeats {options.repeats}: accepted are integers from 1")

    import numpy as np

    from rt_seg.bundle import MANIFEST, BundleError
    from rt_seg_training.nets.registry import NETS

    unknown = sorted(set(options.nets or ()) - set(NETS))
    if unknown:
        parser.error(f"--nets: {', '.join(unknown)} is not known; accepted are {', '.join(NETS)}")
    folders = options.bundles or sorted(path.parent for path in (ROOT / "models").glob(f"*/{MANIFEST}"))
    try:
        ways = [way for folder in folders for way in ways_of_bundle(folder, options.threads)]
    except BundleError as error:
        print(f"frontier: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="rt_seg_") as work:
        ways += [
            way_of_net(name, options.threads, Path(work)) for name in (NETS if options.nets is None else options.nets)
        ]
        calls = {f"{position}": way.segment for position, way in enumerate(ways)}
        clock = time.process_time if options.processor_time else time.perf_counter
        times = measure_alternately(calls, options.repeats, clock=clock)
    percentiles = [np.percentile(seconds, (50, 95)) * 1e3 for seconds in times.values()]
    rows = [Timed(way, float(median), float(late)) for way, (median, late) in zip(ways, percentiles, strict=True)]
    clock_name = "processor time" if options.processor_time else "time"
    print(f"{cpu()}; {clock_name} of the segment call, {options.threads or 'all'} threads, {options.repeats} turns")
    print_table(rows)
    if options.output is not None:
        draw(rows, clock_name, options.output)
        print(f"chart: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
