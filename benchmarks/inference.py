#!/usr/bin/env python3
"""Time from a camera frame to the class of every pixel: all engines against Keras, alternately, in one process.

The baseline is the method of the predecessor program: a float frame resized to the network's input, `model.predict`,
arg-max, and the ids upscaled to the frame's size. All sides use the weights of the same bundle. The exported files for
the sizes are made by the code of `export`, and kept for the next run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "training"), str(ROOT / "benchmarks")]

SIZES = ((240, 320), (360, 480), (480, 640), (720, 1280))
QUICK = {"sizes": [(480, 640)], "repeats": 10, "frames": 8}
EXAMPLE = """examples:
  benchmarks/inference.py --quick                              # only 480x640, few repeats
  benchmarks/inference.py models/tabletop_ddrnet --sizes 480x640 --engines openvino onnxruntime

Columns: median and 95th percentile of the time of one frame; the speed-up over model.predict and over a
tf.function; the share of pixels with the class that Keras gives when its logits are resized before the arg-max, the
exact method; seconds from the start of a separate process to the first mask, and the peak memory of that process; and
the mean IoU on frames of CamVid's validation set, for a bundle of its classes, if RT_SEG_DATA names the folder that
contains it as camvid/val and camvid/valannot."""

CPU_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_bf16", "amx_int8")
CAMVID_CLASSES = 11


class Way(NamedTuple):
    """One way from a frame to ids: its name, the function, and for the start in a process what to run there."""

    name: str
    ids: Callable
    start: tuple[str, ...]
    """Folder, runtime and precision, or empty."""


def _size(text: str) -> tuple[int, int]:
    try:
        height, width = (int(part) for part in text.split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; accepted is HEIGHTxWIDTH, such as 480x640") from None
    return height, width


def measure_alternately(
    ways: dict[str, Callable[[], object]], repeats: int, warm_up: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:  # fmt: skip
    """Seconds of each run of each way; they take turns, so that what else the machine does hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(warm_up + repeats):
        for name, run in ways.items():
            started = clock()
            run()
            if turn >= warm_up:
                times[name].append(clock() - started)
    return times


def cpu() -> str:
    """Processor, cores and what they offer networks."""
    lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    features = " ".join(name for name in CPU_FEATURES if name in flags)
    return f"{model}, {os.cpu_count()} cores, {features}"


def precision_rule() -> str:
    """What this CPU decides about the numeric precision of OpenVINO, in words."""
    from rt_seg.engines.openvino import matrix_units

    if matrix_units():
        return "CPU with amx_bf16: layers other than int8 run in bf16"
    return "CPU without amx_bf16: layers other than int8 run in f32, because emulated bf16 is slower"


def first_mask(folder: Path, runtime: str, precision: str) -> None:
    """Segment one black image and print the seconds since this process started and its peak memory in MB."""
    import numpy as np

    from rt_seg.bundle import load_bundle

    bundle = load_bundle(folder)
    black = np.zeros((bundle.input.height, bundle.input.width, 3), np.uint8)
    if runtime == "predict":
        import keras

        keras.saving.load_model(str(bundle.engine("keras").path), compile=False).predict(black[np.newaxis], verbose=0)
    else:
        from rt_seg.segmenter import load_segmenter

        load_segmenter(bundle, runtime, precision=precision).segment(black)
    # Field 22: the start of the process in clock ticks since that of the machine.
    fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    uptime = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    seconds = uptime - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    # Not getrusage: a process inherits its parent's peak there.
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    print(seconds, int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def start_columns(start: tuple[str, ...]) -> str:
    """Seconds to the first mask and peak memory of a process of its own."""
    if not start:
        return f"{'-':>7} {'-':>7}"
    command = [sys.executable, __file__, "--first-mask", *start]
    child = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, megabytes = map(float, child.stdout.split())
    return f"{seconds:5.2f} s {megabytes:4.0f} MB"


def camvid_frames(count: int, split: str) -> list[tuple]:
    """Evenly spread images, uint8 RGB, with their ground truth; none where RT_SEG_DATA does not hold CamVid."""
    import cv2

    folder = Path(os.environ.get("RT_SEG_DATA") or "/nonexistent") / "camvid"
    paths = sorted((folder / split).glob("*.png"))
    return [
        (
            cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB),
            cv2.imread(str(folder / f"{split}annot" / path.name), cv2.IMREAD_GRAYSCALE),
        )
        for path in paths[:: max(len(paths) // count, 1)][:count]
    ]


def mean_iou(ids: Callable, frames: list[tuple], labels) -> float:
    """Mean IoU of a way from an image to ids, 0..1; NaN without frames."""
    from rt_seg_training.evaluation.metrics import Scores

    scores = Scores(labels)
    for image, truth in frames:
        scores.add(truth, ids(image))
    return scores.mean_iou if frames else float("nan")


def ways_of(network, bundles: list, runtimes: list[str]) -> list[Way]:
    """Keras twice, then every engine in every precision that this machine computes; the default engine with
    confidence is the last."""
    import tensorflow as tf

    from rt_seg.engines.openvino import matrix_units
    from rt_seg.segmenter import load_segmenter
    from rt_seg_training.input_pipeline.batches import normalize
    from rt_seg_training.nets.normalization import normalization_of

    input_size = network.input_shape[1:3]

    def resized_ids(predict, image):
        """The way of the original: arg-max of the coarse logits, and its ids enlarged."""
        resized = tf.image.resize(image, input_size, antialias=True)
        batch = normalize(resized, normalization_of(network.name))[tf.newaxis]
        ids = tf.argmax(predict(batch), axis=-1)[..., tf.newaxis]
        return tf.cast(tf.image.resize(ids, image.shape[:2], "nearest"), tf.uint8).numpy()[0, ..., 0]

    compiled = tf.function(lambda image: network(image, training=False))
    with_keras = [bundle for bundle in bundles if bundle.engine("keras")]
    keras_start = (str(with_keras[0].folder), "predict", "auto") if with_keras else ()
    ways = [
        Way("Keras predict, arg-max, resized ids",
            lambda image: resized_ids(lambda batch: network.predict(batch, verbose=0), image), keras_start),
        Way("Keras in a tf.function, the same", lambda image: resized_ids(compiled, image), ()),
    ]  # fmt: skip
    segmenters = []
    for bundle in bundles:
        for entry in bundle.engines:
            # bf16 without matrix units is emulated, and several times slower than f32.
            both = entry.runtime == "openvino" and matrix_units()
            for precision in ("bf16", "f32") if both else ("auto",):
                if entry.runtime in runtimes:
                    segmenter = load_segmenter(bundle, entry.runtime, precision=precision)
                    segmenters.append(segmenter)
                    start = (str(bundle.folder), entry.runtime, precision)
                    ways.append(Way(segmenter.description, lambda image, one=segmenter: one.segment(image).mask, start))
    if segmenters:
        first = segmenters[0]
        ways.append(Way("the first of them, with confidence", lambda image: first.segment(image, True).mask, ()))
    return ways


def exact_ids(network, image):
    """Ids of Keras's logits, resized before the arg-max."""
    import tensorflow as tf

    from rt_seg_training.input_pipeline.batches import normalize
    from rt_seg_training.nets.normalization import normalization_of

    resized = tf.image.resize(image, network.input_shape[1:3], antialias=True)
    batch = normalize(resized, normalization_of(network.name))[tf.newaxis]
    return tf.argmax(tf.image.resize(network(batch, training=False), image.shape[:2]), axis=-1).numpy()[0]


def main(arguments: list[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path, nargs="?", default=ROOT / "models" / "tabletop_ddrnet",
                        help="model bundle with weights.safetensors (default: tabletop_ddrnet)")  # fmt: skip
    parser.add_argument(
        "--sizes", type=_size, nargs="+", metavar="HxW", help="sizes of frame and network (default: four)"
    )
    parser.add_argument("--engines", nargs="+", metavar="RUNTIME", help="only these engines (default: all)")
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "tensorrt"),
        default="auto",
        help="device of ONNX Runtime, with onnxruntime-gpu; its logits are first compared with the CPU's",
    )
    parser.add_argument("--repeats", type=int, help="timed frames per engine (default: 30)")
    parser.add_argument("--frames", type=int, help="frames to score on (default: 20)")
    parser.add_argument("--quick", action="store_true", help="480x640, few repeats and frames: 1 to 2 minutes")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "rt_seg" / "benchmarks", metavar="DIR",
                        help="folder for the exported files (default: %(default)s)")  # fmt: skip
    parser.add_argument("--first-mask", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # TensorFlow leaves oneDNN off on CPUs without AVX-512; the baseline shall be as fast as it can be.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if options.first_mask:
        first_mask(Path(options.first_mask[0]), *options.first_mask[1:])
        return 0
    os.environ["RT_SEG_DEVICE"] = options.device
    for name, standard in {"sizes": list(SIZES), "repeats": 30, "frames": 20}.items():
        if getattr(options, name) is None:
            setattr(options, name, QUICK[name] if options.quick else standard)

    from rt_seg.bundle import BundleError, load_bundle
    from rt_seg.engines import ENGINES
    from rt_seg_training.export.bundle_export import ExportError
    from rt_seg_training.runs.training_weights import TrainingWeightsError, network_of

    runtimes = options.engines or list(ENGINES)
    unknown = sorted(set(runtimes) - set(ENGINES))
    if unknown:
        parser.error(f"--engines: {', '.join(unknown)} is not known; accepted are {', '.join(ENGINES)}")
    try:
        bundle = load_bundle(options.bundle)
        if bundle.input.with_depth:
            raise BundleError(f"{options.bundle}: takes depth; benchmarks/depth.py times such bundles")
        print_tables(options, bundle, network_of(bundle), runtimes)
    except (BundleError, ExportError, TrainingWeightsError) as error:
        print(f"inference: {error}", file=sys.stderr)
        return 2
    return 0


def print_tables(options: argparse.Namespace, bundle, whole, runtimes: list[str]) -> None:
    """Print the machine, and a table for each size. Raises BundleError, ExportError."""
    import numpy as np
    from sized_forms import sized_bundles, sized_network

    from rt_seg.camera_image import resize_image
    from rt_seg_training.export.accuracy_guard import LOSS_LIMIT

    shipped = bundle.engine("openvino")
    print(f"{cpu()}\n{bundle.name} {bundle.version}, shipped in {shipped.precision}: `export` takes int8 where that "
          f"loses at most {100 * LOSS_LIMIT:g} points of mean IoU\n{precision_rule()}")  # fmt: skip
    scores_camvid = len(bundle.labels) == CAMVID_CLASSES
    frames = camvid_frames(options.frames, "val") if scores_camvid else []
    print(f"mean IoU: {f'{len(frames)} frames of CamVid val' if frames else 'none: '}", end="")
    reason = "RT_SEG_DATA names no folder with camvid/val" if scores_camvid else "the classes are not those of CamVid"
    print("" if frames else reason)
    pictures = [image for image, _ in camvid_frames(64, "train")] if frames else []
    pictures = pictures or [_clouds(seed) for seed in range(4)]
    for height, width in options.sizes:
        network = sized_network(whole, height, width)
        exact, quantized = sized_bundles(bundle, network, pictures, runtimes, options.cache)
        if shipped.precision == "int8" and (bundle.input.height, bundle.input.width) == (height, width):
            quantized = bundle
        ways = ways_of(network, [quantized, exact], runtimes)
        frame = resize_image(pictures[0], height, width)
        times = measure_alternately({way.name: partial(way.ids, frame) for way in ways}, options.repeats)
        medians = [float(np.median(times[way.name])) for way in ways]
        truth = exact_ids(network, frame)
        print(f"\n{f'{height}x{width}':62} {'median':>9} {'95 %':>9} {'/predict':>8} {'/tf.func':>8} {'equal':>8} "
              f"{'start':>7} {'peak':>7} {'mIoU':>7}")  # fmt: skip
        for way, median in zip(ways, medians, strict=True):
            late = np.percentile(times[way.name], 95)
            equal = (way.ids(frame) == truth).mean()
            print(
                f"{way.name:62} {median * 1e3:6.1f} ms {late * 1e3:6.1f} ms {medians[0] / median:7.2f}x "
                f"{medians[1] / median:7.2f}x {equal:8.2%} {start_columns(way.start)} "
                f"{mean_iou(way.ids, frames, bundle.labels):7.4f}",
                flush=True,
            )


def _clouds(seed: int):
    """An image without sharp edges, where there is no real one."""
    import cv2
    import numpy as np

    coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    return cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)


if __name__ == "__main__":
    sys.exit(main())
