"""The benchmarks run and print what they promise."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
WITH_SMALL_NETS = """
import runpy
import sys

sys.path[:] = {path!r}
import pytest
from small_nets import shrink

shrink(pytest.MonkeyPatch())
runpy.run_path({benchmark!r}, run_name="__main__")
"""


def _load(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_inference_prints_for_a_size_a_row_of_each_way_with_speed_start_memory_and_equal_classes(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.delenv("RT_SEG_DATA", raising=False)
    options = ["--sizes", "64x96", "--repeats", "1", "--engines", "openvino", "--cache", str(tmp_path)]
    assert _load("inference").main(options) == 0
    printed = capsys.readouterr().out
    assert "mean IoU: none: the classes are not those of CamVid" in printed
    row = r"^(\S.*?) +[\d.]+ ms +[\d.]+ ms +([\d.]+)x +([\d.]+)x +([\d.]+)% +(.*) nan$"
    rows = re.findall(row, printed, re.MULTILINE)
    # int8 and the training's precision; each in bf16, too, where the CPU has matrix units for it.
    engines = ["OpenVINO"] * (4 if "with amx_bf16" in printed else 2)
    assert [row[0].split()[0] for row in rows] == ["Keras", "Keras", *engines, "the"]
    assert " f32 on CPU" in rows[-2][0]
    assert rows[0][1] == rows[1][2] == "1.00"
    assert float(rows[-2][3]) > 99.5, "the f32 form does not give the classes of the network it was made of"
    seconds, megabytes = (float(value) for value in re.findall(r"[\d.]+", rows[2][4]))
    assert 0.0 < seconds < 60.0
    assert 50.0 < megabytes < 500.0, "an engine that is not TensorFlow's loads no TensorFlow"


def test_limit_prints_the_floor_of_every_group_of_layers(capsys):
    assert _load("limit").main(["--repeats", "1"]) == 0
    printed = capsys.readouterr().out
    rows = re.findall(r"^(\S.*?)  +1/.* ([\d.]+)% +([\d.]+) ms +([\d.]+) ms +[\d.]+$", printed, re.MULTILINE)
    assert [row[0] for row in rows] == [
        "stem", "layer 1", "layer 2", "high-resolution branch", "layer 3", "layer 4", "layer 5 and pyramid", "head",
    ], printed  # fmt: skip
    assert sum(float(row[1]) for row in rows) == pytest.approx(100.0, abs=0.5)
    assert all(float(row[3]) > 0.0 for row in rows)


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


@pytest.mark.slow
def test_training_lets_the_ways_take_turns_and_prints_a_ratio_for_each(tmp_path, capsys, monkeypatch):
    training = _load("training")
    monkeypatch.setattr(training, "WAYS", (training.WAYS[0], training.WAYS[2]))
    # The ways are processes of their own: with small networks in them, too.
    small = tmp_path / "training.py"
    small.write_text(WITH_SMALL_NETS.format(path=sys.path, benchmark=training.__file__))
    monkeypatch.setattr(training, "__file__", str(small))
    options = ["--size", "64x64", "--batch-size", "2", "--steps", "1", "--rounds", "2"]
    assert training.main(options) == 0
    baseline, ours = [line for line in capsys.readouterr().out.splitlines() if "im/s" in line]
    assert baseline.startswith("Keras fit ")
    assert " 1.00x " in baseline
    assert ours.startswith("this package float32 ")


def test_training_refuses_a_size_that_plain_up_sampling_does_not_reach(capsys):
    with pytest.raises(SystemExit):
        _load("training").main(["--size", "100x64"])
    assert "100x64 is not of multiples of 64" in capsys.readouterr().err


def test_outlines_prints_iou_with_exact_coverage_and_what_the_reader_of_coco_gives_back(capsys, monkeypatch):
    pytest.importorskip("pycocotools")
    monkeypatch.delenv("RT_SEG_DATA", raising=False)
    assert _load("outlines").main(["--masks", "1"]) == 0
    printed = capsys.readouterr().out
    rows = dict(re.findall(r"^(\S.*?) {2,}(\d\.\d{3}) +\d\.\d{3} +\d\.\d{3} +[\d.]+x$", printed, re.MULTILINE))
    assert float(rows["this package"]) >= 0.98 > float(rows["OpenCV fillPoly"])
    exported = re.findall(r"^made up +(\S+) +\d+ +\d+ +(\d\.\d{4}) +0$", printed, re.MULTILINE)
    assert exported == [("coco", "1.0000"), ("coco-polygons", "1.0000")]


SCORES = """
- {metric: mean_iou, value: 0.9, data: kept, frames: 5, engine: OpenVINO f32}
- {metric: mean_iou, value: 0.8, data: kept, frames: 5, engine: OpenVINO int8}
- {metric: mean_iou, value: 0.85, data: kept, frames: 5, engine: 'OpenVINO int8, 1 of 8 parts f32'}
- {metric: mean_iou, value: 0.3, data: kept, frames: 5, engine: OpenVINO int8 without depth}
- {metric: boundary_iou, value: 0.4, data: kept, frames: 5, engine: OpenVINO int8}
- {metric: mean_iou, value: 0.7, data: kept, frames: 5, engine: OpenVINO int8 320x256, input_size: [320, 256]}
- {metric: mean_iou, value: 0.75, data: others, frames: 9, engine: OpenVINO int8}
"""


def test_frontier_takes_the_scores_of_the_shipped_form_by_size_and_data():
    import dataclasses

    import yaml

    from rt_seg.bundle import Score, load_bundle

    scores = tuple(
        Score(**{**entry, "input_size": tuple(entry["input_size"]) if "input_size" in entry else None})
        for entry in yaml.safe_load(SCORES)
    )
    bundle = dataclasses.replace(load_bundle(BENCHMARKS.parent / "models" / "tabletop"), scores=scores)
    found = _load("frontier").recorded_scores(bundle)
    assert found == {(480, 640): {"kept": 0.85, "others": 0.75}, (256, 320): {"kept": 0.7}}


@pytest.mark.slow
def test_frontier_prints_each_size_of_a_bundle_and_a_net_of_random_weights_and_draws_them(
    tmp_path, capsys, small_nets, monkeypatch
):
    frontier = _load("frontier")
    monkeypatch.setattr(frontier, "NET_SIZE", (64, 96))
    options = ["--nets", "ddrnet_23_slim_lean", "--repeats", "1", "--threads", "1", "--processor-time"]
    chart = tmp_path / "frontier.png"
    assert frontier.main([str(BENCHMARKS.parent / "models" / "tabletop"), *options, "--output", str(chart)]) == 0
    printed = capsys.readouterr().out
    rows = re.findall(r"^(\S+) +(\d+x\d+) +([\d.]+) ms +[\d.]+ ms +([\d.]+)x +(\S+) +(\S.*)$", printed, re.MULTILINE)
    assert {row[1] for row in rows if row[0] == "tabletop"} == {"640x480", "480x352", "320x256"}
    assert rows[0][3] == "1.00" and all(float(row[2]) > 0 for row in rows)
    assert [row[1:2] + row[4:] for row in rows if row[0] != "tabletop"] == [("96x64", "nan", "random weights")]
    assert chart.read_bytes().startswith(b"\x89PNG")


def test_frontier_refuses_a_net_and_a_bundle_that_are_not_there(tmp_path, capsys):
    with pytest.raises(SystemExit):
        _load("frontier").main(["--nets", "resnet"])
    assert "resnet is not known" in capsys.readouterr().err
    assert _load("frontier").main([str(tmp_path), "--nets"]) == 2
    assert "frontier:" in capsys.readouterr().err
