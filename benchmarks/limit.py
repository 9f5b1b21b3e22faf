#!/usr/bin/env python3
"""How far the engine is from the floor: the network's multiply-adds over the rate that this machine reaches.

The rate is that of a 3×3 convolution of 256 channels in the same runtime, measured in turns with the network, in the
arithmetic that the engine takes here for layers that are not quantised. Above the floor lie memory traffic, thin
layers and the large resolutions; a quantised network may lie below it.
The second table says at which resolution the multiply-adds are.
"""
from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

PROBE_CHANNELS, PROBE_HEIGHT, PROBE_WIDTH = 256, 30, 40


def multiply_adds(model) -> dict[tuple[int, int], int]:
    """Multiply-adds of the convolutions of an OpenVINO model by height and width of what they compute."""
    found: dict[tuple[int, int], int] = {}
    for node in model.get_ops():
        if node.get_type_name() == "Convolution":
            _, outputs, height, width = node.output(0).shape
            weights = node.input_value(1).shape
            size = (height, width)
            found[size] = found.get(size, 0) + height * width * outputs * weights[1] * weights[2] * weights[3]
    return found


def _probe():
    """A model of one 3×3 convolution."""
    import numpy as np
    import openvino

    operations = openvino.opset13
    image = operations.parameter([1, PROBE_CHANNELS, PROBE_HEIGHT, PROBE_WIDTH], openvino.Type.f32)
    weights = np.random.default_rng(0).normal(size=(PROBE_CHANNELS, PROBE_CHANNELS, 3, 3)).astype(np.float32)
    result = operations.convolution(image, operations.constant(weights), [1, 1], [1, 1], [1, 1], [1, 1])
    return openvino.Model([result], [image], "probe")


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, nargs="?", default=ROOT / "models" / "tabletop", help="model bundle")
    parser.add_argument("--repeats", type=int, default=30, help="timed runs of each (default: %(default)s)")
    options = parser.parse_args(arguments)

    import numpy as np
    import openvino

    from rt_seg.bundle import BundleError, load_bundle
    from rt_seg.engines.openvino import OpenVINOEngine, preferred_precision

    precision = preferred_precision()
    try:
        bundle = load_bundle(options.bundle)
        files = bundle.engine("openvino")
        if files is None:
            raise BundleError(f"{bundle.folder}: holds no OpenVINO model; export it again")
        engine = OpenVINOEngine(bundle, files)
    except BundleError as error:
        print(f"limit: {error}", file=sys.stderr)
        return 2
    core = openvino.Core()
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
    probe = core.compile_model(_probe(), "CPU", settings).create_infer_request()
    image = np.zeros((bundle.input.height, bundle.input.width, 3), np.uint8)
    sample = np.ones((1, PROBE_CHANNELS, PROBE_HEIGHT, PROBE_WIDTH), np.float32)
    times: dict[str, list[float]] = {"network": [], "probe": []}
    ways = {"network": lambda: engine.logits(image), "probe": lambda: probe.infer([sample], share_inputs=True)}
    for turn in range(3 + options.repeats):
        for name, run in ways.items():
            started = time.perf_counter()
            run()
            if turn >= 3:
                times[name].append(time.perf_counter() - started)
    # The best of the probe is what the machine can do; the median of the network is what it does.
    rate = PROBE_HEIGHT * PROBE_WIDTH * PROBE_CHANNELS**2 * 9 / min(times["probe"])
    by_size = multiply_adds(core.read_model(str(files.path)))
    total = sum(by_size.values())
    median = float(np.median(times["network"]))
    print(f"{core.get_property('CPU', 'FULL_DEVICE_NAME')}, {bundle.name} {bundle.version}, {engine.description}")
    print(f"network  {total / 1e9:7.2f} G multiply-adds")
    print(f"rate     {rate / 1e9:7.1f} G/s in {precision}")
    print(f"floor    {total / rate * 1e3:7.1f} ms")
    print(f"engine   {median * 1e3:7.1f} ms (median), {median * rate / total:.2f} times the floor\n")
    print(f"{'resolution':>10} {'G':>7} {'share':>7} {'floor':>9}")
    for (height, width), count in sorted(by_size.items(), reverse=True):
        share = count / total
        print(f"{f'{height}x{width}':>10} {count / 1e9:7.3f} {share:7.1%} {count / rate * 1e3:6.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
