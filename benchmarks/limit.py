#!/usr/bin/env python3
"""How far the engine is from the floor: the network's multiply-adds over the rate that this machine reaches.

The rate is that of a 3×3 convolution of 256 channels in the same runtime, measured in turns with the network, in the
arithmetic of the network and in f32: int8 where the network is quantised, else that which the engine takes here. Above
the floor lie memory traffic, thin layers and the large resolutions.
The second table says for each resolution what its convolutions take beside their floor.
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


def _probe(quantized: bool):
    """A model of one 3×3 convolution, with the marks of int8 around it where wanted."""
    import numpy as np
    import openvino

    operations = openvino.opset13
    image = operations.parameter([1, PROBE_CHANNELS, PROBE_HEIGHT, PROBE_WIDTH], openvino.Type.f32)
    weights = np.random.default_rng(0).normal(size=(PROBE_CHANNELS, PROBE_CHANNELS, 3, 3)).astype(np.float32)
    kernel, planes = operations.constant(weights), image
    if quantized:
        low, high = np.float32(-4.0), np.float32(4.0)
        kernel = operations.fake_quantize(kernel, low, high, low, high, 255)
        planes = operations.fake_quantize(image, np.float32(0), high, np.float32(0), high, 256)
    result = operations.convolution(planes, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
    if quantized:  # else the result is written in f32
        result = operations.fake_quantize(
            operations.relu(result), np.float32(0), np.float32(64), np.float32(0), np.float32(64), 256
        )
    return openvino.Model([result], [image], "probe")


def seconds_by_size(model, settings: dict, image, repeats: int) -> dict[tuple[int, int], float]:
    """Median seconds of the convolutions of a model by height and width of what they compute, as OpenVINO counts."""
    import numpy as np
    import openvino

    sizes = {
        node.get_friendly_name(): tuple(node.output(0).shape)[2:]
        for node in model.get_ops()
        if node.get_type_name() == "Convolution"
    }
    compiled = openvino.Core().compile_model(model, "CPU", {**settings, "PERF_COUNT": True})
    executed: dict[str, tuple[int, int]] = {}
    for node in compiled.get_runtime_model().get_ops():
        for name in str(node.get_rt_info()["originalLayersNames"].value).split(","):
            if name in sizes:
                executed[node.get_friendly_name()] = sizes[name]
    request = compiled.create_infer_request()
    rounds = []
    for _ in range(repeats):
        request.infer([image])
        found: dict[tuple[int, int], float] = dict.fromkeys(sizes.values(), 0.0)
        for entry in request.profiling_info:
            if entry.node_name in executed:
                found[executed[entry.node_name]] += entry.real_time.total_seconds()
        rounds.append(found)
    return {size: float(np.median([found[size] for found in rounds])) for size in rounds[0]}


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
    quantized = files.precision == "int8"
    arithmetic = "int8" if quantized else precision
    probes = {
        name: core.compile_model(_probe(name == "int8"), "CPU", {**settings, "INFERENCE_PRECISION_HINT": hint})
        .create_infer_request()
        for name, hint in {"f32": "f32", arithmetic: precision}.items()
    }  # fmt: skip
    image = np.zeros((bundle.input.height, bundle.input.width, 3), np.uint8)
    sample = np.ones((1, PROBE_CHANNELS, PROBE_HEIGHT, PROBE_WIDTH), np.float32)
    ways = {"network": lambda: engine.logits(image)}
    ways.update({name: lambda probe=probe: probe.infer([sample], share_inputs=True) for name, probe in probes.items()})
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(3 + options.repeats):
        for name, run in ways.items():
            started = time.perf_counter()
            run()
            if turn >= 3:
                times[name].append(time.perf_counter() - started)
    # The best of the probe is what the machine can do; the median of the network is what it does.
    rates = {name: PROBE_HEIGHT * PROBE_WIDTH * PROBE_CHANNELS**2 * 9 / min(times[name]) for name in probes}
    rate = rates[arithmetic]
    model = core.read_model(str(files.path))
    by_size = multiply_adds(model)
    measured = seconds_by_size(model, settings, image[np.newaxis], options.repeats)
    total = sum(by_size.values())
    median = float(np.median(times["network"]))
    print(f"{core.get_property('CPU', 'FULL_DEVICE_NAME')}, {bundle.name} {bundle.version}, {engine.description}")
    print(f"network  {total / 1e9:7.2f} G multiply-adds")
    print("rate     " + ", ".join(f"{value / 1e9:7.1f} G/s in {name}" for name, value in rates.items()))
    print(f"floor    {total / rate * 1e3:7.1f} ms")
    print(f"engine   {median * 1e3:7.1f} ms (median), {median * rate / total:.2f} times the floor\n")
    print(f"{'resolution':>10} {'G':>7} {'share':>7} {'floor':>9} {'measured':>11}")
    for (height, width), count in sorted(by_size.items(), reverse=True):
        share = count / total
        print(f"{f'{height}x{width}':>10} {count / 1e9:7.3f} {share:7.1%} {count / rate * 1e3:6.1f} ms "
              f"{measured[height, width] * 1e3:8.1f} ms")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
