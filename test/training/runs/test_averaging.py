"""The mean of the weights of runs: its arithmetic, what it refuses, and that it is a run like others."""

import dataclasses
import json
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
import yaml

from rt_seg.labels import Label, LabelSet, write_labels
from rt_seg_training.commands.average_runs import main
from rt_seg_training.commands.build_dataset import main as build_dataset
from rt_seg_training.configuration import TrainingConfiguration, load_run_configuration
from rt_seg_training.datasets.loading import load_dataset
from rt_seg_training.nets.registry import build_net
from rt_seg_training.runs import averaging
from rt_seg_training.runs.averaging import AveragingError, average_runs
from rt_seg_training.runs.checkpoint import save_weights
from rt_seg_training.runs.run_folder import RunFolder
from rt_seg_training.runs.trained_network import TrainedNetworkError

CLASSES = ("dark", "grey", "bright")
LABELS = LabelSet(tuple(Label(id=i, name=name, color=(90 * i,) * 3) for i, name in enumerate(CLASSES)))
CONFIGURATION = TrainingConfiguration(
    dataset="patches", train_split="train", validation_split="validation", height=64, width=64, crop_height=64,
    crop_width=64, batch_size=2, steps=2, validate_every=2, warmup_steps=0, initial_weights="random",
    net="lite0_pyramid", auxiliary_weight=0.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for kind in ("rgb", "gt"):
        (source / kind).mkdir()
    random = np.random.default_rng(0)
    for name in "abcd":
        label = random.integers(0, 3, (8, 8)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
        cv2.imwrite(str(source / "rgb" / f"{name}.png"), np.repeat(90 * label[..., None], 3, 2))
        cv2.imwrite(str(source / "gt" / f"{name}.png"), label)
        cv2.imwrite(str(built / f"{name}.png"), label)
    write_labels(source / "labels.yaml", LABELS)
    (source / "splits.yaml").write_text(yaml.safe_dump({"train": list("abc"), "validation": ["d"]}))
    assert build_dataset(["custom", str(source), "--name", "patches", "--data-dir", str(built)]) == 0
    return built


def _finished_run(folder, seed, **changes):
    """A run folder as `train` leaves it, of a network that sees one class everywhere, whatever the seed."""
    configuration = dataclasses.replace(CONFIGURATION, run=str(folder), seed=seed, **changes)
    keras.utils.set_random_seed(0)
    net = build_net(configuration.net, 64, 64, len(CLASSES), configuration.auxiliary_weight > 0)
    random = np.random.default_rng(seed)
    for layer in net.layers:
        layer.set_weights([value + random.normal(0, 0.01, value.shape) for value in layer.get_weights()])
        if layer.weights and layer.weights[-1].shape == (len(CLASSES),):  # bias of a head
            layer.set_weights([*layer.get_weights()[:-1], np.array([1e3, seed, 0])])
    folder.mkdir()
    save_weights(net, folder / "model.weights.h5")
    write_labels(folder / "labels.yaml", LABELS)
    configuration.save(folder / "configuration.yaml")
    (folder / "result.json").write_text("{}")
    return str(folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two run folders whose weights are near each other; the first has an auxiliary head."""
    folder = tmp_path_factory.mktemp("runs")
    return _finished_run(folder / "one", 1, auxiliary_weight=0.4), _finished_run(folder / "two", 2)


def test_the_mean_is_a_run_whose_weights_are_the_means_and_whose_score_is_told(runs, built, tmp_path, capsys):
    output = tmp_path / "mean"
    assert main([*runs, "--output", str(output), "--data-dir", str(built)]) == 0
    one, two, mean = (RunFolder(Path(path)).load()[0].get_weights() for path in (*runs, output))
    for a, b, c in zip(one, two, mean):
        np.testing.assert_allclose(c, (a + b) / 2, rtol=1e-6, atol=1e-7)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(one, two))
    result = json.loads((output / "result.json").read_text())
    assert result["averaged"] == ["runs/one", "runs/two"]
    label = cv2.imread(str(built / "d.png"), cv2.IMREAD_UNCHANGED)
    expected = np.mean(label == 0) / len(CLASSES)  # one class is all that is found
    assert result["validation_mean_iou"] == pytest.approx(expected)
    *of_runs, of_mean = capsys.readouterr().out.splitlines()[-3:]
    assert of_runs == [f"{run}: validation mIoU {expected:.4f}" for run in runs]
    assert of_mean == f"{output}: validation mIoU {expected:.4f}, the mean of 2"
    settings = load_run_configuration(output / "configuration.yaml")
    assert (settings.seed, settings.auxiliary_weight, settings.run) == (1, 0.0, str(output))


def test_the_best_and_the_last_weights_of_one_run_can_be_averaged(built, tmp_path):
    run, other = Path(_finished_run(tmp_path / "one", 1)), Path(_finished_run(tmp_path / "other", 2))
    last = run / "last.weights.h5"
    (other / "model.weights.h5").rename(last)
    average_runs([str(run), str(last)], tmp_path / "mean", load_dataset("patches", built))
    result = json.loads((tmp_path / "mean" / "result.json").read_text())
    assert result["averaged"] == ["runs/one", "runs/one/last.weights.h5"]
    networks = (RunFolder(run).load(), RunFolder(run).load(weights=last), RunFolder(tmp_path / "mean").load())
    for a, b, c in zip(*(network.get_weights() for network, *_ in networks)):
        np.testing.assert_allclose(c, (a + b) / 2, rtol=1e-6, atol=1e-7)


def test_a_mean_below_each_of_its_runs_is_refused_and_nothing_is_written(runs, built, tmp_path, monkeypatch):
    monkeypatch.setattr(averaging, "_scores", lambda *_: [0.5, 0.4, 0.3])
    with pytest.raises(AveragingError, match=r"mIoU 0\.3000, they have 0\.5000 .*start from the same"):
        average_runs(runs, tmp_path / "mean", load_dataset("patches", built))
    assert not (tmp_path / "mean").exists()


def test_a_mean_that_nothing_scores_is_refused(runs, built, tmp_path, monkeypatch):
    monkeypatch.setattr(averaging, "_scores", lambda *_: [float("nan")] * 3)
    with pytest.raises(AveragingError, match="mIoU nan"):
        average_runs(runs, tmp_path / "mean", load_dataset("patches", built))


def test_what_cannot_be_averaged_is_refused_by_name(runs, built, tmp_path):
    dataset, output = load_dataset("patches", built), tmp_path / "mean"
    with pytest.raises(AveragingError, match="two runs or more"):
        average_runs(runs[:1], output, dataset)
    with pytest.raises(TrainedNetworkError, match="nowhere"):
        average_runs([runs[0], str(tmp_path / "nowhere")], output, dataset)
    with pytest.raises(AveragingError, match="models/things: has the classes .*; .*one has dark, grey, bright"):
        average_runs([runs[0], "models/things"], output, dataset)
    with pytest.raises(AveragingError, match="name each once"):
        average_runs([runs[0], runs[0]], output, dataset)
    unfinished, damaged = (Path(_finished_run(tmp_path / name, 4)) for name in ("unfinished", "damaged"))
    (unfinished / "result.json").unlink()
    with pytest.raises(AveragingError, match="unfinished: its training has not finished"):
        average_runs([runs[0], str(unfinished)], output, dataset)
    (damaged / "model.weights.h5").write_bytes(b"half a file")
    with pytest.raises(TrainedNetworkError, match=r"damaged/model\.weights\.h5: is damaged"):
        average_runs([runs[0], str(damaged)], output, dataset)
    other = tmp_path / "other"
    _finished_run(other, 3, net="ddrnet_23_slim")
    with pytest.raises(AveragingError, match="other: its network, ddrnet_23_slim, differs from .*lite0_pyramid"):
        average_runs([runs[0], str(other)], output, dataset)
    assert not output.exists()
    with pytest.raises(AveragingError, match="one: exists already"):
        average_runs(runs, Path(runs[0]), dataset)
