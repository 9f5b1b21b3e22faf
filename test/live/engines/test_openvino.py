"""The OpenVINO engine's store of compiled networks: it must never change a result nor keep the engine from starting."""

import contextlib
import dataclasses
import importlib
import importlib.util
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import openvino
import pytest

from rt_seg.bundle import EngineFiles, load_bundle
from rt_seg.engines import openvino as openvino_engine
from rt_seg.engines.openvino import OpenVINOEngine

BUNDLE = Path(__file__).parents[3] / "models" / "tabletop"
IMAGE = np.random.default_rng(0).integers(0, 256, (32, 64, 3), dtype=np.uint8)
WEIGHTS = np.random.default_rng(1).normal(size=(4, 3, 3, 3)).astype(np.float32)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "rt_seg" / "openvino"


@pytest.fixture
def network(tmp_path):
    """File of a 3×3 convolution to four classes."""
    # Where the releases for Python 3.8 have it.
    operations = importlib.import_module("openvino.opset13" if hasattr(openvino, "opset13") else
                                         "openvino.runtime.opset13")  # fmt: skip
    image = operations.parameter([1, 32, 64, 3], openvino.Type.u8, name="image")
    planes = operations.transpose(operations.convert(image, "f32"), np.array([0, 3, 1, 2]))
    logits = operations.convolution(planes, operations.constant(WEIGHTS), [8, 8], [0, 0], [0, 0], [1, 1])
    model = openvino.Model([operations.transpose(logits, np.array([0, 2, 3, 1]))], [image], "probe")
    openvino.save_model(model, str(tmp_path / "model.xml"), compress_to_fp16=False)
    return tmp_path / "model.xml"


def _logits(network):
    """What a new engine makes of the image."""
    bundle = load_bundle(BUNDLE)
    bundle = dataclasses.replace(bundle, input=dataclasses.replace(bundle.input, height=32, width=64))
    return OpenVINOEngine(bundle, EngineFiles("openvino", "f32", network, {}), precision="f32").logits(IMAGE).copy()


def test_a_network_from_the_cache_computes_what_the_compiled_one_does(cache, network):
    first = _logits(network)
    kept = sorted(cache.iterdir())
    assert kept, "nothing was kept"
    np.testing.assert_array_equal(_logits(network), first)
    assert sorted(cache.iterdir()) == kept


def test_other_weights_in_the_same_file_are_not_taken_from_the_cache(cache, network):
    first = _logits(network)
    stored = network.with_suffix(".bin")
    data = bytearray(stored.read_bytes())
    start = data.index(WEIGHTS.tobytes())
    data[start : start + WEIGHTS.nbytes] = (-WEIGHTS).tobytes()
    stored.write_bytes(bytes(data))
    np.testing.assert_allclose(_logits(network), -first, rtol=1e-5)


@pytest.mark.parametrize("damage", [b"", b"not a network" * 100])
def test_a_damaged_cache_is_not_used(cache, network, damage):
    first = _logits(network)
    for path in cache.iterdir():
        path.write_bytes(damage)
    np.testing.assert_array_equal(_logits(network), first)


def test_the_engine_starts_where_no_cache_can_be_written(cache, network, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert _logits(network).shape == (4, 8, 4)


@pytest.mark.parametrize(
    ("cap", "flags", "expected"),
    [
        (None, "avx2 amx_bf16", "bf16"),
        ("AVX512_CORE_AMX", "avx2 amx_bf16", "bf16"),
        ("AVX512_CORE_BF16", "avx2 amx_bf16", "f32"),
        ("AVX2", "avx2 amx_bf16", "f32"),
        (None, "avx2 avx512_bf16", "f32"),
    ],
)
def test_bf16_is_chosen_only_with_matrix_units_that_onednn_may_use(monkeypatch, cap, flags, expected):
    monkeypatch.setattr(openvino_engine.Path, "read_text", lambda *_, **__: f"flags : {flags}")
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    if cap is not None:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", cap)
    assert openvino_engine.preferred_precision() == expected


def test_under_a_cap_of_onednn_the_engine_runs_in_f32_and_says_why():
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import numpy as np\n"
        "from rt_seg.bundle import load_bundle\n"
        "from rt_seg.engines import create_engine\n"
        "engine = create_engine(load_bundle(sys.argv[2]))\n"
        "assert np.isfinite(engine.logits(np.zeros((480, 640, 3), np.uint8))).all()\n"
        "print(engine.description)"
    )
    command = [sys.executable, "-c", program, str(BUNDLE.parents[1] / "src"), str(BUNDLE)]
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip().endswith("int8, rest f32 on CPU (without amx_bf16)")


@pytest.mark.slow
def test_benchmark_of_the_limit_counts_the_multiply_adds_of_the_net_and_prints_its_distance_from_the_floor(capsys):
    path = BUNDLE.parents[1] / "benchmarks" / "limit.py"
    spec = importlib.util.spec_from_file_location("limit", path)
    limit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(limit)
    assert limit.main(["--repeats", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:2] == ["network", "5.32"], "DDRNet-23-slim at 480×640"
    floors = {line.split()[4].rstrip(","): float(line.split()[1]) for line in lines if line.startswith("floor ")}
    assert set(floors) >= {"f32", "int8"} and min(floors.values()) > 0.0
    assert any(line.startswith("engine ") and "times the floor in int8" in line for line in lines)
    header = next(number for number, line in enumerate(lines) if line.startswith("layers "))
    groups = [line[57:].replace(" ms", "").split() for line in lines[header + 1 :] if not line.startswith("other ")]
    assert len(groups) == 8
    for _, share, floor, measured, times in groups:
        assert float(share.rstrip("%")) > 0.0 and min(float(floor), float(measured), float(times)) > 0.0


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core: there is no other to hold a thread back from")
def test_the_engine_holds_no_thread_to_one_core_which_another_process_would_share():
    bundle = load_bundle(BUNDLE)
    engine = OpenVINOEngine(bundle, bundle.engines[0], threads=1)
    size = (bundle.input.height, bundle.input.width, 3)
    cores = os.sched_getaffinity(0)
    worker = threading.Thread(target=lambda: [engine.logits(np.zeros(size, np.uint8)) for _ in range(6)])
    worker.start()
    seen = []
    while worker.is_alive():
        with contextlib.suppress(ProcessLookupError):  # it computes itself where it is the only one
            seen.append(os.sched_getaffinity(worker.native_id))
        time.sleep(0.002)
    assert len(seen) > 5 and all(item == cores for item in seen[1:])
