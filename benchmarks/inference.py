#!/usr/bin/env python3
"""Time from a camera frame to the class of every pixel: the live engine against Keras, alternately, in one process.

The baseline is the way of the program that this package replaces: a float frame resized to the network's input,
`model.predict`, arg-max, and the ids enlarged to the frame's size. Both sides run the weights of the same bundle.
"""
from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "training")]

EXAMPLE = """example:
  benchmarks/inference.py models/tabletop --sizes 480x640 720x1280 --repeats 30

A row gives the median and 95th percentile of the time of one frame, how many times faster than the baseline that
is, and the share of pixels with the class that Keras gives when its logits are resized before the arg-max, the exact
way. Every engine that the bundle holds has a row: `export ... --also onnxruntime litert saved_model keras`. The second
table has processes of their own for each engine: seconds from their start to the first mask, and peak memory."""

CPU_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_bf16", "amx_int8")


def _size(text: str) -> tuple[int, int]:
    try:
        height, width = (int(part) for part in text.split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; accepted is HEIGHTxWIDTH, such as 480x640") from None
    return height, width


def measure_alternately(
    ways: dict[str, Callable[[], object]], repeats: int, warm_up: int = 3
) -> dict[str, list[float]]:
    """Seconds of each run of each way; they take turns, so that what else the machine does hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(warm_up + repeats):
        for name, run in ways.items():
            started = time.perf_counter()
            run()
            if turn >= warm_up:
                times[name].append(time.perf_counter() - started)
    return times


def cpu() -> str:
    """Processor, cores and what they offer networks."""
    lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    features = " ".join(name for name in CPU_FEATURES if name in flags)
    return f"{model}, {os.cpu_count()} cores, {features}"


def first_mask(folder: Path, runtime: str) -> None:
    """Segment one black image and print the seconds since this process started and its peak memory in MB."""
    import numpy as np

    from rt_seg.bundle import load_bundle
    from rt_seg.segmenter import Segmenter

    bundle = load_bundle(folder)
    Segmenter(bundle, runtime).segment(np.zeros((bundle.input.height, bundle.input.width, 3), np.uint8))
    # Field 22: the start of the process in clock ticks since that of the machine.
    fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    uptime = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    seconds = uptime - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    # Not getrusage: a process inherits its parent's peak there.
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    print(seconds, int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def print_accuracy(folder: Path, frames: int, labels, segments: dict[str, Callable]) -> None:
    """Print the mean IoU of each way on evenly spread validation frames of CamVid in the layout of SegNet."""
    import cv2

    from rt_seg_training.metrics import Scores

    images = sorted((folder / "val").glob("*.png"))
    images = images[:: max(len(images) // frames, 1)][:frames]
    if not images:
        raise ValueError(f"{folder / 'val'}: holds no PNG images; name the folder of CamVid with val and valannot")
    scores = {name: Scores(labels) for name in segments}
    for path in images:
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        truth = cv2.imread(str(folder / "valannot" / path.name), cv2.IMREAD_GRAYSCALE)
        for name, segment in segments.items():
            scores[name].add(truth, segment(image))
    print(f"\n{'way':66} {'mean IoU':>9}  on {len(images)} frames of CamVid val")
    for name, score in scores.items():
        print(f"{name:66} {score.mean_iou:9.4f}")


def print_starts(folder: Path, runtimes: list[str]) -> None:
    """Print the table of first masks, the median of three processes of each engine."""
    print(f"\n{'engine':14} {'first mask':>12} {'peak memory':>13}")
    for runtime in runtimes:
        command = [sys.executable, __file__, str(folder), "--first-mask", runtime]
        results = []
        for _ in range(3):
            child = subprocess.run(command, capture_output=True, text=True, check=True)
            results.append(tuple(map(float, child.stdout.split())))
        seconds, megabytes = sorted(results)[1]
        print(f"{runtime:14} {seconds:10.2f} s {megabytes:10.0f} MB", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path, nargs="?", default=ROOT / "models" / "tabletop", help="model bundle")
    parser.add_argument("--sizes", type=_size, nargs="+", default=[(480, 640)], metavar="HxW", help="of the frame")
    parser.add_argument("--repeats", type=int, default=20, help="timed frames of each way (default: %(default)s)")
    parser.add_argument("--camvid", type=Path, metavar="DIR", help="score the engines on DIR/val, DIR/valannot")
    parser.add_argument("--frames", type=int, default=20, help="frames to score on (default: %(default)s)")
    parser.add_argument("--first-mask", metavar="RUNTIME", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # TensorFlow leaves oneDNN off on CPUs without AVX-512; the baseline shall be as fast as it can be.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if options.first_mask:
        first_mask(options.bundle, options.first_mask)
        return 0

    import numpy as np
    import tensorflow as tf

    from rt_seg.bundle import BundleError, load_bundle
    from rt_seg.segmenter import Segmenter
    from rt_seg_training.pipeline import normalize
    from rt_seg_training.warm_start import WarmStartError, load_exported_network

    try:
        bundle = load_bundle(options.bundle)
        segmenters = {entry.runtime: Segmenter(bundle, entry.runtime) for entry in bundle.engines}
        segmenter = Segmenter(bundle)
        model = load_exported_network(bundle)
    except (BundleError, WarmStartError) as error:
        print(f"inference: {error}", file=sys.stderr)
        return 2
    input_size = (bundle.input.height, bundle.input.width)

    def prepared(frame: np.ndarray) -> tf.Tensor:
        return normalize(tf.image.resize(frame, input_size, antialias=True))[tf.newaxis]

    compiled = tf.function(lambda image: model(image, training=False))
    print(f"{cpu()}\n{bundle.name} {bundle.version}, input {input_size[0]}x{input_size[1]}, {segmenter.description}\n")
    print(f"{'frame':>9}  {'way':66} {'median':>9} {'95 %':>9} {'ratio':>7} {'equal ids':>10}")
    for height, width in options.sizes:
        coarse = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
        frame = tf.cast(tf.image.resize(coarse, (height, width), "bicubic"), tf.uint8).numpy()

        def old_way(predict, frame=frame, size=(height, width)):
            ids = tf.argmax(predict(prepared(frame)), axis=-1)[..., tf.newaxis]
            return tf.image.resize(ids, size, "nearest").numpy()[0, ..., 0]

        ways = {
            "Keras predict, arg-max, resized ids": lambda: old_way(lambda image: model.predict(image, verbose=0)),
            "Keras in a tf.function, the same": lambda: old_way(compiled),
        }
        for other in segmenters.values():
            ways[other.description] = lambda frame=frame, other=other: other.segment(frame).mask
        ways["default engine, with confidence"] = lambda frame=frame: segmenter.segment(frame, confidence=True).mask
        exact = tf.argmax(tf.image.resize(compiled(prepared(frame)), (height, width)), axis=-1).numpy()[0]
        times = measure_alternately(ways, options.repeats)
        baseline = np.median(next(iter(times.values())))
        for name, seconds in times.items():
            median, late = np.median(seconds), np.percentile(seconds, 95)
            equal = (ways[name]() == exact).mean()
            print(
                f"{f'{height}x{width}':>9}  {name:66} {median * 1e3:6.1f} ms {late * 1e3:6.1f} ms "
                f"{baseline / median:6.2f}x {equal:10.2%}"
            )
    if options.camvid is not None:
        segments = {other.description: lambda image, other=other: other.segment(image).mask
                    for other in segmenters.values()}  # fmt: skip
        segments["Keras in a tf.function, logits resized before the arg-max"] = lambda image: tf.argmax(
            tf.image.resize(compiled(prepared(image)), image.shape[:2]), axis=-1
        ).numpy()[0].astype(np.uint8)
        try:
            print_accuracy(options.camvid, options.frames, bundle.labels, segments)
        except ValueError as error:
            print(f"inference: {error}", file=sys.stderr)
            return 2
    print_starts(options.bundle, list(segmenters))
    return 0


if __name__ == "__main__":
    sys.exit(main())
