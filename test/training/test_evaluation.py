"""Evaluation: what is scored, what is refused, and what is written."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from rt_seg.labels import Label, LabelSet
from rt_seg_training.evaluation import (
    EvaluationError,
    evaluate_segmenter,
    label_difference,
    main,
    write_confusion_figure,
    write_mask,
    write_scores,
)

ROOT = Path(__file__).resolve().parents[2]
LABELS = LabelSet((Label(0, "dark", (0, 0, 0)), Label(1, "bright", (250, 250, 250))), 255)


def is_bright(image):
    """A complete segmenter of two classes: the mean of the channels against one half."""
    return (image.mean(axis=-1) > 127).astype(np.uint8)


def example(name, image_values, label_values):
    image = np.repeat(np.array(image_values, np.uint8)[..., np.newaxis], 3, axis=-1)
    return {"image": image, "label": np.array(label_values, np.uint8)[..., np.newaxis], "name": name}


EXAMPLES = [
    example(b"first", [[0, 250], [0, 250]], [[0, 1], [1, 255]]),
    example("second", [[0, 0, 250]], [[0, 0, 1]]),
]


def test_frames_of_several_sizes_are_scored_in_one_matrix():
    masks = {}
    scores = evaluate_segmenter(is_bright, EXAMPLES, LABELS, masks.__setitem__)
    assert scores.matrix.tolist() == [[3, 0, 0], [1, 2, 0]]
    assert scores.frames == 2
    assert scores.mean_iou == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert masks["first"].tolist() == [[0, 1], [0, 1]]
    assert masks["second"].tolist() == [[0, 0, 1]]


def test_mask_of_another_size_is_refused_with_the_name_of_the_frame():
    with pytest.raises(EvaluationError, match=r"example 'first': .*\(1, 2\).*\(2, 2\)"):
        evaluate_segmenter(lambda image: is_bright(image)[:1], EXAMPLES, LABELS)


def test_label_outside_the_class_list_is_refused_with_the_name_of_the_frame():
    with pytest.raises(EvaluationError, match=r"example 'odd': ground truth holds id 4"):
        evaluate_segmenter(is_bright, [example("odd", [[0, 0]], [[0, 4]])], LABELS)


def test_no_examples_is_an_error_not_a_score():
    with pytest.raises(EvaluationError, match="no example"):
        evaluate_segmenter(is_bright, [], LABELS)


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (LABELS, None),
        (LabelSet((LABELS.labels[0], Label(1, "light", (250, 250, 250)))), "name of class 1 is 'bright' in A, but"),
        (LabelSet((LABELS.labels[0], Label(1, "bright", (1, 1, 1)))), "color of class 1"),
        (LabelSet((*LABELS.labels, Label(2, "red", (9, 0, 0)))), "A has 2 classes and B 3; only B has red"),
        (LabelSet(LABELS.labels[:1]), "A has 2 classes and B 1; only A has bright"),
        (LabelSet(LABELS.labels, 11), "ignore_id is 255 in A, but 11 in B"),
    ],
)
def test_difference_of_label_sets_is_named_exactly_when_fingerprints_differ(other, difference):
    found = label_difference(LABELS, other, "A", "B")
    assert (found is None) == (LABELS.fingerprint == other.fingerprint)
    if difference is not None:
        assert difference in found


def test_results_are_written_whole_and_read_back_equal(tmp_path):
    scores = evaluate_segmenter(is_bright, EXAMPLES, LABELS)
    folder = tmp_path / "new" / "results"
    write_scores(folder / "scores.yaml", scores, {"dataset": "custom/lamps", "frames": 2})
    write_confusion_figure(folder / "confusion.png", scores, "lamps")
    mask = np.array([[0, 1], [255, 10]], np.uint8)
    write_mask(folder / "predictions" / "first.png", mask)
    read = yaml.safe_load((folder / "scores.yaml").read_text())
    assert read["protocol"] == {"dataset": "custom/lamps", "frames": 2}
    assert read["confusion"] == [[3, 0, 0], [1, 2, 0]]
    assert read["mean_iou"] == pytest.approx(scores.mean_iou, abs=1e-6)
    assert np.asarray(Image.open(folder / "predictions" / "first.png")).tolist() == mask.tolist()
    assert Image.open(folder / "confusion.png").size[0] > 200
    assert sorted(path.name for path in folder.iterdir()) == ["confusion.png", "predictions", "scores.yaml"]


def test_failed_write_leaves_the_former_file(tmp_path):
    scores = evaluate_segmenter(is_bright, EXAMPLES, LABELS)
    write_scores(tmp_path / "scores.yaml", scores, {})
    before = (tmp_path / "scores.yaml").read_text()
    with pytest.raises(yaml.YAMLError):
        write_scores(tmp_path / "scores.yaml", scores, {"bad": object()})
    assert (tmp_path / "scores.yaml").read_text() == before
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


def build_lamps(tmp_path, labels):
    """Build custom/lamps: noise of 48x40, its label by threshold, one row of it to ignore."""
    from rt_seg_training.datasets.building import build_dataset

    source = tmp_path / "lamps"
    (source / "rgb").mkdir(parents=True)
    (source / "gt").mkdir()
    random = np.random.default_rng(5)
    for name in ("a", "b", "c"):
        image = random.integers(0, 256, (40, 48, 3), np.uint8)
        mask = is_bright(image)
        mask[0] = 255
        Image.fromarray(image).save(source / "rgb" / f"{name}.png")
        Image.fromarray(mask).save(source / "gt" / f"{name}.png")
    (source / "labels.yaml").write_text(yaml.safe_dump(labels.to_dict()))
    (source / "splits.yaml").write_text("train: [a]\nvalidation: [b, c]")
    build_dataset("custom", source, data_dir=tmp_path / "built")
    return source


def test_command_scores_a_bundle_with_the_masks_of_the_live_segmenter(tmp_path, bundle, capsys):
    from rt_seg.bundle import load_bundle
    from rt_seg.segmenter import Segmenter

    source = build_lamps(tmp_path, LABELS)
    output = tmp_path / "output"
    arguments = ["--bundle", str(bundle), "--dataset", "lamps", "--data-dir", str(tmp_path / "built")]
    assert main([*arguments, "--precision", "f32", "--output", str(output), "--save-predictions"]) == 0
    printed = capsys.readouterr().out
    assert "protocol: custom/lamps validation, 2 frames of 48x40; bundle lamps 1 at 32x32, OpenVINO" in printed

    segmenter = Segmenter(load_bundle(bundle), precision="f32")
    matrix = np.zeros((2, 3), int)
    for name in ("b", "c"):
        mask = segmenter.segment(np.asarray(Image.open(source / "rgb" / f"{name}.png"))).mask
        assert np.asarray(Image.open(output / "predictions" / f"{name}.png")).tolist() == mask.tolist()
        truth = np.asarray(Image.open(source / "gt" / f"{name}.png"))
        for row in (0, 1):
            for column in (0, 1):
                matrix[row, column] += np.count_nonzero((truth == row) & (mask == column))
    scores = yaml.safe_load((output / "scores.yaml").read_text())
    assert scores["confusion"] == matrix.tolist()
    assert scores["pixels"] == 2 * 39 * 48
    assert 0.5 < scores["pixel_accuracy"] < 1
    assert (output / "confusion.png").is_file()


def test_record_replaces_the_score_on_the_same_data_in_the_manifest(tmp_path, bundle, capsys):
    from rt_seg.bundle import load_bundle

    build_lamps(tmp_path, LABELS)
    arguments = ["--bundle", str(bundle), "--dataset", "lamps", "--data-dir", str(tmp_path / "built")]
    for data in ("two lamps", "two lamps", "other"):
        assert main([*arguments, "--record", data]) == 0
    scores = load_bundle(bundle).scores
    assert [score["data"] for score in scores] == ["two lamps", "other"]
    assert f"{100 * scores[0]['value']:.2f}" in capsys.readouterr().out
    assert scores[0]["command"] == "rosrun rt_seg evaluate --bundle models/lamps --dataset lamps --split validation"


def test_bundle_and_data_set_of_other_labels_are_refused_with_the_difference(tmp_path, bundle, capsys):
    build_lamps(tmp_path, LabelSet((LABELS.labels[0], Label(1, "lit", (250, 250, 250))), 255))
    assert main(["--bundle", str(bundle), "--dataset", "lamps", "--data-dir", str(tmp_path / "built")]) == 2
    error = capsys.readouterr().err.strip()
    assert "name of class 1 is 'bright' in bundle 'lamps', but 'lit' in data set 'custom/lamps'" in error
    assert len(error.splitlines()) == 1


def test_altered_bundle_and_unknown_split_are_refused(tmp_path, bundle, capsys):
    build_lamps(tmp_path, LABELS)
    arguments = ["--bundle", str(bundle), "--dataset", "lamps", "--data-dir", str(tmp_path / "built")]
    assert main([*arguments, "--split", "test"]) == 2
    assert "split 'test' is not known; accepted are train, validation" in capsys.readouterr().err
    (bundle / "model.bin").write_bytes(b"other")
    assert main(arguments) == 2
    assert "model.bin: SHA-256 is" in capsys.readouterr().err


def test_missing_bundle_and_bad_options_end_with_one_line_and_code_2(tmp_path, capsys):
    assert main(["--bundle", str(tmp_path / "none"), "--dataset", "camvid"]) == 2
    assert capsys.readouterr().err.startswith(f"evaluate: {tmp_path / 'none'}: no such model bundle")
    assert main(["--bundle", str(tmp_path), "--dataset", "camvid", "--save-predictions"]) == 2
    assert "--save-predictions needs --output" in capsys.readouterr().err


def test_help_is_quick_and_loads_no_tensorflow():
    program = (
        "import sys; from rt_seg_training.evaluation import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'tensorflow', 'matplotlib', 'openvino', 'rospy'} & set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "training")])}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60, stdout=subprocess.DEVNULL)
