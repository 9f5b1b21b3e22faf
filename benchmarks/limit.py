#!/usr/bin/env python3
"""How far the engine is from the lower bound: the network's multiply-adds over the rate that this machine reaches.

The rate is that of a 3×3 convolution of 256 channels in the same runtime, measured alternately with the network, in the
network's numeric precision and in f32: int8 if the network is quantised, else the precision that the engine uses here.
The rest is memory traffic, thin layers and the large resolutions.
The second table gives for each group of layers the time of its convolutions against their bound, and of all else.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

PROBE_CHANNELS, PROBE_HEIGHT, PROBE_WIDTH = 256, 30, 40


GROUPS = {
    "stem": "1/2, and the first of 1/4",
    "layer 1": "1/4, the rest",
    "layer 2": "1/8, before the branches split",
    "high-resolution branch": "1/8, parallel to layers 3 to 5",
    "layer 3": "1/16",
    "layer 4": "1/32",
    "layer 5 and pyramid": "1/64 and coarser",
    "head": "1/8, after the pyramid",
}
"""Groups of DDRNet's convolutions and where they lie, by the resolution of what they compute."""


def groups_of(model) -> dict[str, str]:
    """The group of each convolution of an OpenVINO model, by the convolution's name."""
    input_height = model.input(0).shape[1]
    levels, before = {}, {}
    for node in model.get_ordered_ops():
        name = node.get_friendly_name()
        sources = {value.get_node().get_friendly_name() for value in node.input_values()}
        before[name] = set().union(*({source} & set(levels) | before[source] for source in sources))
        if node.get_type_name() == "Convolution":
            levels[name] = input_height / node.output(0).shape[2]
    names = list(levels)
    parting = next((name for name in names if levels[name] > 12), None)
    groups, stem = {}, 0
    for name, level in levels.items():
        if level < 6:
            stem += 1
            groups[name] = "stem" if stem <= 2 else "layer 1"
        elif level < 12:
            coarsest = max((levels[other] for other in before[name]), default=0)
            is_before = parting is None or name in before[parting]
            groups[name] = "head" if coarsest > 48 else "layer 2" if is_before else "high-resolution branch"
        else:
            groups[name] = "layer 3" if level < 24 else "layer 4" if level < 48 else "layer 5 and pyramid"
    return groups


def multiply_adds(model) -> dict[str, int]:
    """Multiply-adds of the convolutions of an OpenVINO model by group."""
    groups, found = groups_of(model), dict.fromkeys(GROUPS, 0)
    for node in model.get_ops():
        if node.get_type_name() == "Convolution":
            _, outputs, height, width = node.output(0).shape
            weights = node.input_value(1).shape
            count = height * width * outputs * weights[1] * weights[2] * weights[3]
            found[groups[node.get_friendly_name()]] += count
    return found


def _probe(quantized: bool):
    """A model of one 3×3 convolution, with the marks of int8 around it where wanted."""
    import numpy as np
    import openvino

    # The releases for Python 3.8 have it elsewhere.
    operations = openvino.opset13 if hasattr(openvino, "opset13") else openvino.runtime.opset13
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


def seconds_by_group(model, settings: dict, image, repeats: int) -> dict[str, float]:
    """Median seconds of the convolutions of a model by group, and of all else under "", as OpenVINO counts."""
    import numpy as np
    import openvino

    groups = groups_of(model)
    compiled = openvino.Core().compile_model(model, "CPU", {**settings, "PERF_COUNT": True})
    executed: dict[str, str] = {}
    for node in compiled.get_runtime_model().get_ops():
        for name in str(node.get_rt_info()["originalLayersNames"].value).split(","):
            # A node may hold what was fused into its convolution, but never two convolutions.
            if name in groups:
                executed[node.get_friendly_name()] = groups[name]
    request = compiled.create_infer_request()
    rounds = []
    for _ in range(repeats):
        request.infer([image])
        found = dict.fromkeys((*GROUPS, ""), 0.0)
        for entry in request.profiling_info:
            found[executed.get(entry.node_name, "")] += entry.real_time.total_seconds()
        rounds.append(found)
    return {group: float(np.median([found[group] for found in rounds])) for group in rounds[0]}


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = ROOT / "models" / "tabletop_ddrnet"
    parser.add_argument("bundle", type=Path, nargs="?", default=default, help="model bundle")
    parser.add_argument("--repeats", type=int, default=30, help="timed runs per row (default: %(default)s)")
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
        if bundle.input.with_depth:
            raise BundleError(f"{bundle.folder}: takes depth; only RGB only networks have these groups")
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
        for name, hint in {"f32": "f32", precision: precision, arithmetic: precision}.items()
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
    by_group = multiply_adds(model)
    measured = seconds_by_group(model, settings, image[np.newaxis], options.repeats)
    total = sum(by_group.values())
    median = float(np.median(times["network"]))
    print(f"{core.get_property('CPU', 'FULL_DEVICE_NAME')}, {bundle.name} {bundle.version}, {engine.description}")
    print(f"network  {total / 1e9:7.2f} G multiply-adds")
    for name, value in rates.items():
        print(f"floor    {total / value * 1e3:7.1f} ms in {name}, at {value / 1e9:.1f} G multiply-adds per second")
    print(f"engine   {median * 1e3:7.1f} ms (median), {median * rate / total:.2f} times the floor in {arithmetic}\n")
    print(f"{'layers':24} {'where':32} {'G':>6} {'share':>7} {'floor':>9} {'measured':>11} {'times':>6}")
    for group, count in by_group.items():
        if count:
            floor, seconds = count / rate, measured[group]
            print(f"{group:24} {GROUPS[group]:32} {count / 1e9:6.3f} {count / total:7.1%} {floor * 1e3:6.1f} ms "
                  f"{seconds * 1e3:8.1f} ms {seconds / floor:6.2f}")  # fmt: skip
    print(f"{'other':24} {'adding, resizing, quantising':32} {'':24} {measured[''] * 1e3:8.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
