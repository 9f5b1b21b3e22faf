"""The command `evaluate`: bundles and runs, what is refused, and what is written."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from rt_seg.labels import Label, LabelSet
from rt_seg.segmenter import Segmentation, load_segmenter
from rt_seg_training.commands.evaluate import main
from rt_seg_training.evaluation.evaluation import evaluate_segmenter
from rt_seg_training.evaluation.protocol import label_difference, write_mask, write_scores
from rt_seg_training.runs.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[3]
LABELS = LabelSet((Label(0, "dark", (0, 0, 0)), Label(1, "bright", (250, 250, 250))), 255)


def is_bright(image):
    return (image.mean(axis=-1) > 127).astype(np.uint8)


class IsBright:
    def segment(self, rgb, confidence=False, depth=None):
        return Segmentation(is_bright(rgb), np.full(rgb.shape[:2], 0.9))


@pytest.fixture
def result():
    image = np.repeat(np.array([[0, 250, 0]], np.uint8)[..., np.newaxis], 3, axis=-1)
    return evaluate_segmenter(IsBright(), [{"image": image, "label": np.array([[0, 1, 1]]), "name": "a"}], LABELS)


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (LABELS, None),
        (LabelSet((LABELS.labels[0], Label(1, "light", (250, 250, 250)))), "name of class 1 is 'bright' in A, but"),
        (LabelSet((LABELS.labels[0], Label(1, "bright", (1, 1, 1)))), None),
        (LabelSet((*LABELS.labels, Label(2, "red", (9, 0, 0)))), "A has 2 classes and B 3; only B has red"),
        (LabelSet(LABELS.labels[:1]), "A has 2 classes and B 1; only A has bright"),
        (LabelSet(LABELS.labels, 11), None),
    ],
)
def test_difference_of_label_sets_is_named_when_they_mean_other_things(other, difference):
    found = label_difference(LABELS, other, "A", "B")
    assert (found is None) == (difference is None)
    if difference is not None:
        assert difference in found


def test_results_are_written_whole_and_read_back_equal(tmp_path, result):
    path = tmp_path / "new" / "results" / "scores.json"
    write_scores(path, result, {"dataset": "custom/lamps", "frames": 1})
    read = json.loads(path.read_text())
    assert read["protocol"] == {"dataset": "custom/lamps", "frames": 1}
    assert read["confusion"] == [[1, 0, 0], [1, 1, 0]]
    assert read["mean_iou"] == pytest.approx(0.5)
    mask = np.array([[0, 1], [255, 10]], np.uint8)
    write_mask(path.parent / "first.png", mask)
    assert np.asarray(Image.open(path.parent / "first.png")).tolist() == mask.tolist()
    assert sorted(file.name for file in path.parent.iterdir()) == ["first.png", "scores.json"]


def test_failed_write_leaves_the_former_file(tmp_path, result):
    write_scores(tmp_path / "scores.json", result, {})
    before = (tmp_path / "scores.json").read_text()
    with pytest.raises(TypeError):
        write_scores(tmp_path / "scores.json", result, {"bad": object()})
    assert (tmp_path / "scores.json").read_text() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.fixture
def bundle(tmp_path):
    """A bundle whose network marks a pixel bright by the mean of its channels: logits (128 - mean, mean - 128)."""
    openvino = pytest.importorskip("openvino")
    from openvino import opset13 as operations

    from rt_seg.bundle import FORMAT, file_sha256

    folder = tmp_path / "lamps_bundle"
    folder.mkdir()
    image = operations.parameter([1, 32, 32, 3], np.uint8)
    weights = np.repeat(np.array([[-1 / 3, 1 / 3]], np.float32), 3, axis=0)
    logits = operations.matmul(operations.convert(image, np.float32), weights, False, False)
    logits = operations.add(logits, np.array([128, -128], np.float32))
    openvino.save_model(openvino.Model([logits], [image], "lamps"), folder / "model.xml", compress_to_fp16=False)
    manifest = {
        "format": FORMAT,
        "name": "lamps",
        "version": "1",
        "input": {"height": 32, "width": 32, "channels": "rgb", "mean": [0.0] * 3, "std": [1.0] * 3},
        "labels": LABELS.to_dict(),
        "fingerprint": LABELS.fingerprint,
        "engines": [
            {
                "runtime": "openvino",
                "precision": "f32",
                "path": "model.xml",
                "sha256": {name: file_sha256(folder / name) for name in ("model.xml", "model.bin")},
            }
        ],
        "license": "MIT",
    }
    (folder / "bundle.yaml").write_text(yaml.safe_dump(manifest))
    return folder


def build_lamps(tmp_path, labels, splits="train: [a]\nvalidation: [b, c]", masks=True):
    """Build custom/lamps: noise of 48x40, its label by threshold, one row of it to ignore; without `masks` of what is
    there."""
    from rt_seg_training.datasets.building import build_dataset

    source = tmp_path / "lamps"
    for folder in ("rgb", "gt"):
        (source / folder).mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(5)
    for name in ("a", "b", "c") if masks else ():
        image = random.integers(0, 256, (40, 48, 3), np.uint8)
        mask = is_bright(image)
        mask[0] = 255
        Image.fromarray(image).save(source / "rgb" / f"{name}.png")
        Image.fromarray(mask).save(source / "gt" / f"{name}.png")
    (source / "labels.yaml").write_text(yaml.safe_dump(labels.to_dict()))
    (source / "splits.yaml").write_text(splits)
    build_dataset("custom", source, data_dir=tmp_path / "built")
    return source


def test_command_scores_a_bundle_with_the_masks_of_the_live_segmenter(tmp_path, bundle, capsys):
    from rt_seg.bundle import load_bundle

    source = build_lamps(tmp_path, LABELS)
    output = tmp_path / "output"
    arguments = [str(bundle), "--dataset", "lamps", "--data-dir", str(tmp_path / "built")]
    assert main([*arguments, "--precision", "f32", "--output", str(output), "--save-predictions"]) == 0
    printed = capsys.readouterr().out
    assert "protocol: custom/lamps validation, 2 frames of 48x40; bundle 'lamps' 1 at 32x32, OpenVINO" in printed
    assert "no test-time augmentation" in printed
    assert "The training data of this model is not recorded" in printed

    segmenter = load_segmenter(load_bundle(bundle), precision="f32")
    matrix = np.zeros((2, 3), int)
    for name in ("b", "c"):
        mask = segmenter.segment(np.asarray(Image.open(source / "rgb" / f"{name}.png"))).mask
        assert np.asarray(Image.open(output / "predictions" / f"{name}.png")).tolist() == mask.tolist()
        truth = np.asarray(Image.open(source / "gt" / f"{name}.png"))
        for row in (0, 1):
            for column in (0, 1):
                matrix[row, column] += np.count_nonzero((truth == row) & (mask == column))
    scores = json.loads((output / "scores.json").read_text())
    assert scores["confusion"] == matrix.tolist()
    assert scores["pixels"] == 2 * 39 * 48
    assert 0.5 < scores["pixel_accuracy"] < 1
    assert scores["latency_ms"]["frames"] == 2
    page = (output / "report.html").read_text()
    assert "bundle &#39;lamps&#39; 1 on custom/lamps validation" in page
    assert not re.search(r"(src|href)=.(?!data:)", page), "the page needs another file"


def test_record_replaces_the_score_on_the_same_data_in_the_manifest(tmp_path, bundle, capsys):
    from rt_seg.bundle import load_bundle

    build_lamps(tmp_path, LABELS)
    arguments = [str(bundle), "--dataset", "lamps", "--data-dir", str(tmp_path / "built")]
    for data in ("two lamps", "two lamps", "other"):
        assert main([*arguments, "--record", data]) == 0
    scores = load_bundle(bundle).scores
    assert [score.data for score in scores] == ["two lamps", "other"]
    assert f"{100 * scores[0].value:.2f}" in capsys.readouterr().out
    assert scores[0].command == ("rosrun rt_seg evaluate lamps --dataset custom/lamps --split validation")


def test_bundle_and_data_set_of_other_labels_are_refused_with_the_difference(tmp_path, bundle, capsys):
    build_lamps(tmp_path, LabelSet((LABELS.labels[0], Label(1, "lit", (250, 250, 250))), 255))
    assert main(["--bundle", str(bundle), "--dataset", "lamps", "--data-dir", str(tmp_path / "built")]) == 2
    *others, error = capsys.readouterr().err.strip().splitlines()
    assert any(line.startswith("note: --bundle DIR is now the positional BUNDLE") for line in others)
    assert "name of class 1 is 'bright' in bundle 'lamps' 1, but 'lit' in data set 'custom/lamps'" in error


def test_a_set_with_other_colours_and_another_value_to_ignore_is_scored_alike(tmp_path, bundle):
    build_lamps(tmp_path, LABELS)
    arguments = ["--bundle", str(bundle), "--data-dir", str(tmp_path / "built")]
    assert main([*arguments, "--dataset", "lamps", "--output", str(tmp_path / "one")]) == 0
    for mask in (tmp_path / "lamps" / "gt").iterdir():
        ids = np.asarray(Image.open(mask))
        Image.fromarray(np.where(ids == 255, 7, ids)).save(mask)
    build_lamps(tmp_path, LabelSet((Label(0, "dark", (9, 9, 9)), Label(1, "bright", (1, 2, 3))), 7), masks=False)
    assert main([*arguments, "--dataset", "lamps", "--output", str(tmp_path / "two")]) == 0
    one, two = (json.loads((tmp_path / name / "scores.json").read_text()) for name in ("one", "two"))
    assert one["confusion"] == two["confusion"] and one["mean_iou"] == two["mean_iou"]


@pytest.mark.parametrize(
    ("parts", "split"),
    [
        ("test: [a, b, c]", "test"),
        ("train: [a, c]\ntest: [b]", "test"),
        ("late: [a, b, c]", "late"),
        ("train: [a, c]\nlate: [b]", ""),
    ],  # fmt: skip
)
def test_without_a_validation_split_what_there_is_is_scored_or_asked_for(tmp_path, bundle, capsys, parts, split):
    build_lamps(tmp_path, LABELS, parts)
    arguments = ["--bundle", str(bundle), "--dataset", "lamps", "--data-dir", str(tmp_path / "built")]
    assert main([*arguments, "--output", str(tmp_path / "out")]) == (0 if split else 2)
    if split:
        scores = json.loads((tmp_path / "out" / "scores.json").read_text())
        assert scores["protocol"]["split"] == split
        assert f"--split {split}" in scores["protocol"]["command"]
    else:
        assert "has no split 'validation'; choose one of train, late with --split" in capsys.readouterr().err


def test_altered_bundle_and_unknown_split_are_refused(tmp_path, bundle, capsys):
    build_lamps(tmp_path, LABELS)
    arguments = [str(bundle), "--dataset", "lamps", "--data-dir", str(tmp_path / "built")]
    assert main([*arguments, "--split", "test"]) == 2
    assert "split 'test' is not known; accepted are train, validation" in capsys.readouterr().err
    (bundle / "model.bin").write_bytes(b"other")
    assert main(arguments) == 2
    assert "model.bin: SHA-256 is" in capsys.readouterr().err


def test_a_model_that_takes_depth_is_given_that_of_the_set_and_without_it_on_demand(tmp_path, capsys):
    from color_bundle import write_color_bundle

    from rt_seg_training.datasets.building import build_dataset

    source = tmp_path / "deep"
    for folder in ("rgb", "gt", "depth"):
        (source / folder).mkdir(parents=True)
    for name in ("a", "b"):
        depth = np.full((48, 64), 700, np.uint16)
        depth[:, 32:] = 2500
        Image.fromarray(np.full((48, 64, 3), (0, 200, 0), np.uint8)).save(source / "rgb" / f"{name}.png")
        Image.fromarray(np.where(depth < 1000, 0, 2).astype(np.uint8)).save(source / "gt" / f"{name}.png")
        Image.fromarray(depth).save(source / "depth" / f"{name}.png")
    folder = write_color_bundle(tmp_path / "bundle", with_depth=True)
    labels = yaml.safe_load((folder / "bundle.yaml").read_text())["labels"]
    (source / "labels.yaml").write_text(yaml.safe_dump(labels))
    (source / "splits.yaml").write_text("train: [a]\nvalidation: [b]")
    build_dataset("custom", source, data_dir=tmp_path / "built")
    arguments = [str(folder), "--dataset", "deep", "--data-dir", str(tmp_path / "built")]
    assert main([*arguments, "--output", str(tmp_path / "with")]) == 0
    assert "bundle 'color' 1.0.0 at 64x48 with depth, OpenVINO" in capsys.readouterr().out
    assert json.loads((tmp_path / "with" / "scores.json").read_text())["mean_iou"] > 0.9
    assert 'alt="b: depth"' in (tmp_path / "with" / "report.html").read_text()
    assert main([*arguments, "--without-depth", "--output", str(tmp_path / "without")]) == 0
    scores = json.loads((tmp_path / "without" / "scores.json").read_text())
    assert scores["mean_iou"] == 0 and scores["protocol"]["input"] == "colour"
    assert "evaluate color --without-depth --dataset" in scores["protocol"]["command"]
    assert main([*arguments, "--depth-fault", "holes", "--output", str(tmp_path / "holes")]) == 0
    spoilt = json.loads((tmp_path / "holes" / "scores.json").read_text())
    assert spoilt["protocol"]["depth_fault"] == "holes" and "--depth-fault holes" in spoilt["protocol"]["command"]
    assert scores["mean_iou"] < spoilt["mean_iou"] < 1.0
    assert main([*arguments, "--without-depth", "--depth-fault", "holes"]) == 2
    assert "gets no depth; omit the option" in capsys.readouterr().err
    shutil.rmtree(source / "depth")
    build_dataset("custom", source, data_dir=tmp_path / "flat")
    assert main([*arguments[:-1], str(tmp_path / "flat")]) == 2
    assert "takes depth, but data set 'custom/deep' has none" in capsys.readouterr().err


def test_missing_bundle_and_bad_options_end_with_one_line_and_code_2(tmp_path, capsys):
    assert main([str(tmp_path / "none"), "--dataset", "camvid"]) == 2
    assert capsys.readouterr().err.startswith(f"evaluate: {tmp_path / 'none'}: no such model bundle")
    assert main([str(tmp_path), "--dataset", "camvid", "--save-predictions"]) == 2
    assert "--save-predictions needs --output" in capsys.readouterr().err
    assert main(["--run", str(tmp_path), "--dataset", "camvid", "--record", "x"]) == 2
    assert "--record writes into a bundle's manifest" in capsys.readouterr().err
    assert main(["--run", str(tmp_path)]) == 2
    assert "holds no model.weights.h5: not a run folder" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--dataset", "camvid"])


def test_help_is_quick_and_loads_no_tensorflow():
    program = (
        "import sys; from rt_seg_training.commands.evaluate import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'tensorflow', 'keras', 'matplotlib', 'openvino', 'rospy'} & set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "training")])}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60, stdout=subprocess.DEVNULL)


def test_a_run_is_scored_before_export_on_its_own_validation_split(tmp_path, capsys):
    import keras

    from rt_seg_training.configuration import TrainingConfiguration
    from rt_seg_training.input_pipeline.batches import normalize
    from rt_seg_training.nets.registry import build_net
    from rt_seg_training.optimization.losses import upsample_logits

    source = build_lamps(tmp_path, LABELS)
    run = tmp_path / "lamps_run"
    run.mkdir()
    TrainingConfiguration(
        dataset="lamps", train_split="train+validation[:1]", validation_split="validation", height=64, width=64,
        crop_height=64, crop_width=64, steps=1, head="binary", net="unet_mobilenet_v3",
        initial_weights="models/tabletop",
    ).save(RunFolder(run).configuration)  # fmt: skip
    RunFolder(run).labels.write_text(json.dumps(LABELS.to_dict()))
    (run / "history.csv").write_text("epoch,step,loss,validation_mean_iou,learning_rate\n0,1,0.7,0.4,0.01\n")
    keras.utils.set_random_seed(1)
    net = build_net("unet_mobilenet_v3", 64, 64, 2, True, "binary")
    net.save_weights(RunFolder(run).weights)
    output = tmp_path / "output"
    assert main(
        ["--run", str(run), "--data-dir", str(tmp_path / "built"), "--output", str(output), "--save-predictions"]
    ) == 0  # fmt: skip
    printed = capsys.readouterr().out
    assert "run 'lamps_run' at 64x64, Keras unet_mobilenet_v3 f32" in printed
    assert "trained on lamps train+validation[:1]" in printed
    assert "note: Trained and scored on frames of custom/lamps validation" in printed
    picture = np.asarray(Image.open(source / "rgb" / "b.png").resize((64, 64), Image.BILINEAR))
    logits = upsample_logits(net(normalize(picture[np.newaxis]), training=False)[0], (40, 48))
    expected = np.argmax(logits, axis=-1)[0]
    assert (np.asarray(Image.open(output / "predictions" / "b.png")) == expected).mean() > 0.9
    assert "learning rate" not in (output / "report.html").read_text()  # curves are an image
    assert 'alt="curves"' in (output / "report.html").read_text()
    protocol = json.loads((output / "scores.json").read_text())["protocol"]
    assert protocol["trained_on"]["initial_weights"] == "models/tabletop"
    assert protocol["command"].startswith("rosrun rt_seg evaluate --run runs/lamps_run --dataset custom/lamps")
