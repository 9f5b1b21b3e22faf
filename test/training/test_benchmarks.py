"""The benchmarks run and print what they promise."""
import importlib.util
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def _load(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_inference_prints_a_row_for_each_way_with_ratios_against_the_first(capsys):
    assert _load("inference").main(["--sizes", "120x160", "--repeats", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if line.lstrip().startswith("120x160")]
    assert len(rows) == 4
    assert rows[0].split("ms")[-1].split()[0] == "1.00x"
    shares = [float(row.split()[-1].rstrip("%")) for row in rows]
    assert min(shares[2:]) > 90.0, "the live engine does not give the classes of the network it was exported from"
    runtime, seconds, _, megabytes, _ = lines[-1].split()
    assert runtime == "openvino"
    assert 0.0 < float(seconds) < 60.0
    assert 50.0 < float(megabytes) < 500.0, "an engine that is not TensorFlow's loads no TensorFlow"


def test_inference_names_a_bundle_that_is_not_there(tmp_path, capsys):
    assert _load("inference").main([str(tmp_path / "none")]) == 2
    assert "inference:" in capsys.readouterr().err


def test_ways_take_turns_and_warm_up_runs_are_not_timed():
    order = []
    times = _load("inference").measure_alternately(
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")}, repeats=2, warm_up=1
    )
    assert order == ["a", "b"] * 3
    assert [len(seconds) for seconds in times.values()] == [2, 2]


def test_training_lets_the_ways_take_turns_and_prints_a_ratio_for_each(capsys, monkeypatch):
    training = _load("training")
    monkeypatch.setattr(training, "WAYS", (training.WAYS[0], training.WAYS[2]))
    options = ["--net", "unet_mobilenet_v3", "--size", "64x64", "--batch-size", "2", "--steps", "1", "--rounds", "2"]
    assert training.main(options) == 0
    baseline, ours = [line for line in capsys.readouterr().out.splitlines() if "im/s" in line]
    assert baseline.startswith("Keras fit ")
    assert " 1.00x " in baseline
    assert ours.startswith("this package float32 ")


def test_training_refuses_a_size_that_plain_up_sampling_does_not_reach(capsys):
    with pytest.raises(SystemExit):
        _load("training").main(["--size", "100x64"])
    assert "100x64 is not of multiples of 64" in capsys.readouterr().err
