"""The training run on a tiny data set: what it writes, how it resumes, what it refuses."""

import csv
import dataclasses
import json

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml

from rt_seg.bundle import load_bundle
from rt_seg.labels import labels_from_dict, load_labels
from rt_seg.segmenter import load_segmenter
from rt_seg_training.commands.build_dataset import main as build_dataset
from rt_seg_training.configuration import ConfigurationError, TrainingConfiguration, load_configuration
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.loading import load_dataset
from rt_seg_training.export import bundle_export as exporting
from rt_seg_training.nets.ddrnet import ddrnet_23_slim
from rt_seg_training.nets.registry import build_net
from rt_seg_training.optimization.class_weights import class_weights
from rt_seg_training.optimization.losses import SegmentationCrossEntropy, build_loss, upsample_logits
from rt_seg_training.optimization.training_model import training_model
from rt_seg_training.runs import run_checks, training_run
from rt_seg_training.runs.checkpoint import CheckpointError, Progress, load_checkpoint
from rt_seg_training.runs.run_folder import RunFolder
from rt_seg_training.runs.validation import mask_predictor, score, scorer

pytestmark = pytest.mark.usefixtures("small_nets")

LABELS = {"classes": [{"id": 0, "name": "dark", "color": [0, 0, 0]}, {"id": 1, "name": "bright", "color": [9, 9, 9]}]}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    for kind in ("rgb", "gt"):
        (folder / kind).mkdir()
    rng = np.random.default_rng(0)
    for name in "abcdef":
        label = np.zeros((64, 64), np.uint8)
        left = int(rng.integers(0, 40))
        label[:, left : left + 24] = 1
        image = np.where(label[..., None] == 1, 220, 30).astype(np.uint8) + rng.integers(0, 20, (64, 64, 3), np.uint8)
        cv2.imwrite(str(folder / "rgb" / f"{name}.png"), image)
        cv2.imwrite(str(folder / "gt" / f"{name}.png"), label)
    (folder / "labels.yaml").write_text(yaml.safe_dump(LABELS))
    (folder / "splits.yaml").write_text(yaml.safe_dump({"train": list("abcd"), "validation": list("ef")}))
    built = tmp_path_factory.mktemp("built")
    assert build_dataset(["custom", str(folder), "--name", "bars", "--data-dir", str(built)]) == 0
    return load_dataset("bars", built)


def _configuration(run, **changes):
    configuration = TrainingConfiguration(
        dataset="bars", train_split="train", validation_split="validation", height=64, width=64, crop_height=64,
        crop_width=64, batch_size=2, steps=2, validate_every=1, warmup_steps=0, run=str(run),
    )  # fmt: skip
    return dataclasses.replace(configuration, **changes)


def test_a_network_with_depth_refuses_a_set_without_before_it_trains(dataset, tmp_path):
    configuration = _configuration(tmp_path / "run", net="ddrnet_23_slim_rgbd")
    with pytest.raises(DatasetError, match="custom/bars: was built without depth, which this network needs"):
        training_run.TrainingRun(configuration, dataset).train()


@pytest.mark.slow
def test_an_interrupted_run_goes_on_where_it_was_and_writes_all_that_export_needs(dataset, tmp_path, monkeypatch):
    configuration = _configuration(tmp_path / "run", optimizer="sgd")
    run = tmp_path / "run"
    score = training_run.score
    scored = []

    def interrupt(*arguments):
        scored.append(len(scored))
        if len(scored) == 2:
            raise KeyboardInterrupt
        return score(*arguments)

    monkeypatch.setattr(training_run, "score", interrupt)
    with pytest.raises(KeyboardInterrupt):
        training_run.TrainingRun(configuration, dataset).train()
    assert not RunFolder(run).result.exists()

    result = training_run.TrainingRun(configuration, dataset).train()
    with RunFolder(run).history.open() as stream:
        assert [row["epoch"] for row in csv.DictReader(stream)] == ["0", "1"]
    assert 0 <= result["validation_mean_iou"] <= 1
    assert np.isfinite(result["loss"])
    assert cv2.imread(str(RunFolder(run).curves)) is not None
    assert list(RunFolder(run).tensorboard.glob("events.*"))
    assert json.loads(RunFolder(run).result.read_text()) == result
    assert load_labels(RunFolder(run).labels) == dataset.labels
    assert RunFolder(run).labels.read_text().startswith("ignore_id: 255\nclasses:")
    told = dataclasses.replace(configuration, initial_weights=configuration.start)
    assert load_configuration(RunFolder(run).configuration) == told
    build_net("ddrnet_23_slim", 64, 64, 2, auxiliary_head=True).load_weights(RunFolder(run).weights)

    with pytest.raises(ConfigurationError, match="holds a finished run"):
        training_run.TrainingRun(configuration, dataset).train()


def test_scoring_equals_a_prediction_by_hand(dataset):
    model = ddrnet_23_slim(64, 64, 2)
    image = np.random.default_rng(1).normal(size=(1, 64, 64, 3)).astype(np.float32)
    label = np.random.default_rng(2).integers(0, 2, (1, 64, 64, 1)).astype(np.uint8)
    label[0, 0] = 255
    loss = SegmentationCrossEntropy(255)
    matrix, mean_loss = score(scorer(model, loss), [(image, tf.constant(label))], 2, 255)
    assert matrix.sum() == 63 * 64
    assert mean_loss == pytest.approx(float(loss(label, model(image))), rel=1e-4)
    logits = upsample_logits(model(image), (64, 64)).numpy()[0]
    assert (mask_predictor(model)(image, (64, 64)).numpy()[0] == logits.argmax(-1)).all()
    predicted, truth = logits.argmax(-1)[1:], label[0, 1:, :, 0]
    for row in range(2):
        for column in range(2):
            assert matrix[row, column] == ((truth == row) & (predicted == column)).sum()


@pytest.mark.slow
def test_another_net_with_one_sigmoid_channel_learns_the_bars_and_is_exported(dataset, tmp_path):
    configuration = _configuration(
        tmp_path / "run", net="unet_mobilenet_v3", head="binary", loss="focal", class_weights="median_frequency",
        optimizer="sgd", learning_rate=0.1, schedule="cosine", ema=0.5, auxiliary_weight=0.0, batch_size=4,
        steps=40, validate_every=40, scale_min=1.0, scale_max=1.0, color_jitter=0.0,
    )  # fmt: skip
    assert training_run.TrainingRun(configuration, dataset).train()["validation_mean_iou"] > 0.8
    images = [example["image"] for example in dataset.examples("train").as_numpy_iterator()]
    exporting.export_bundle(tmp_path / "run", tmp_path / "bundle", "bars", "1.0.0", "MIT", images, precision="f32")
    segmenter = load_segmenter(load_bundle(tmp_path / "bundle"), precision="f32")
    for example in dataset.examples("validation").as_numpy_iterator():
        assert (segmenter.segment(example["image"]).mask == example["label"][..., 0]).mean() > 0.9


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("cross_entropy", "SegmentationCrossEntropy"),
        ("focal", "SegmentationFocal"),
        ("dice", "SegmentationDice"),
        ("ohem", "SegmentationOhem"),
    ],
)
def test_the_loss_is_the_one_named_with_its_settings(name, kind):
    configuration = _configuration("x", loss=name, focal_gamma=3.0, ohem_threshold=0.6)
    settings = build_loss(configuration, 9, np.array([1.0, 2.0])).get_config()
    assert type(build_loss(configuration, 9, None)).__name__ == kind
    assert (settings["ignore_id"], settings["class_weights"]) == (9, [1.0, 2.0])
    assert settings.get("gamma", 3.0) == 3.0
    assert settings.get("threshold", 0.6) == 0.6


def test_class_weights_are_those_of_the_training_split(dataset):
    assert class_weights(_configuration("x"), dataset) is None
    share = np.array([64 - 24, 24]) / 64
    inverse = 1 / np.log(1.02 + share)
    weights = class_weights(_configuration("x", class_weights="inverse_log"), dataset)
    np.testing.assert_allclose(weights, inverse / inverse.mean(), rtol=1e-5)
    weights = class_weights(_configuration("x", class_weights="median_frequency"), dataset)
    np.testing.assert_allclose(weights, 0.5 / share, rtol=1e-5)


def test_the_trained_net_computes_in_the_precision_named_and_keeps_float32_weights():
    configuration = _configuration("x", net="unet_mobilenet_v3", mixed_precision="bfloat16")
    model = training_model(configuration, 2, SegmentationCrossEntropy(255))
    layer = model.get_layer("head_conv")
    assert (layer.compute_dtype, layer.kernel.dtype) == ("bfloat16", "float32")
    assert keras.config.dtype_policy().name == "float32"


def _begun(run, progress=None, **settings):
    """The files of a run that was begun with these settings."""
    run.mkdir()
    _configuration(run, **settings).save(RunFolder(run).configuration)
    text = json.dumps(dataclasses.asdict(progress or Progress(step=1))).encode()
    with RunFolder(run).checkpoint.open("wb") as stream:
        np.savez(stream, progress=np.frombuffer(text, np.uint8))


def test_a_run_does_not_resume_under_other_settings_and_they_are_named_with_both_values(dataset, tmp_path):
    run = tmp_path / "run"
    _begun(run, learning_rate=0.002)
    before = RunFolder(run).configuration.read_text()
    other = _configuration(run, learning_rate=0.01, flip=False)
    with pytest.raises(ConfigurationError) as refused:
        training_run.TrainingRun(other, dataset).train()
    for words in ("flip True, now False; learning_rate 0.002, now 0.01", f"--run with --initial-weights {run}"):
        assert words in str(refused.value)
    assert RunFolder(run).configuration.read_text() == before


def test_a_run_resumes_with_settings_that_do_not_change_what_it_learns(dataset, tmp_path):
    run = tmp_path / "run"
    _begun(run)
    same = _configuration(
        run, steps=9, patience=3, validate_every=2, checkpoint_minutes=1.0, tensorboard_dir="elsewhere"
    )
    training_run.TrainingRun(same, dataset)._check()
    assert set(run_checks.MAY_CHANGE) <= {field.name for field in dataclasses.fields(TrainingConfiguration)}


def test_a_run_that_patience_stopped_is_not_said_to_continue_unless_it_does(dataset, tmp_path):
    run = tmp_path / "run"
    history = [{"validation_mean_iou": value} for value in (0.3, 0.5, 0.4, 0.45)]
    _begun(run, Progress(step=4, history=history), patience=2)
    RunFolder(run).result.write_text('{"steps": 4}')
    words = "was stopped after 2 validations without a better mIoU; continue with --patience 0 or a larger one"
    with pytest.raises(ConfigurationError, match=words):
        training_run.TrainingRun(_configuration(run, steps=9, patience=2), dataset)._check()
    training_run.TrainingRun(_configuration(run, steps=9, patience=3), dataset)._check()
    training_run.TrainingRun(_configuration(run, steps=9, patience=0), dataset)._check()


@pytest.mark.parametrize("content", [b"", b"no array", b"PK\x03\x04"])
def test_a_checkpoint_that_is_damaged_is_named_with_what_to_do(content, tmp_path):
    RunFolder(tmp_path).checkpoint.write_bytes(content)
    with pytest.raises(CheckpointError, match="checkpoint.npz: cannot be read: .*; delete it to train from the start"):
        load_checkpoint(tmp_path, keras.Model())


@pytest.mark.parametrize(
    ("names", "flip", "told"),
    [
        (("background", "left_hand", "Right-Hand"), True, "left_hand and Right-Hand"),
        (("background", "handLeft", "HandRight"), True, "handLeft and HandRight"),
        (("background", "left_hand", "Right-Hand"), False, None),
        (("background", "bright", "left"), True, None),
    ],
)
def test_classes_that_differ_only_by_their_side_are_named_where_images_are_mirrored(names, flip, told):
    labels = labels_from_dict({"classes": [{"id": i, "name": n, "color": [i, i, i]} for i, n in enumerate(names)]}, "x")
    lines = run_checks.mirrored_sides(_configuration("x", flip=flip), labels)
    assert len(lines) == (told is not None)
    assert all(told in line and "set flip: false" in line for line in lines)


def test_what_the_settings_say_and_is_not_done_is_told():
    assert run_checks.without_effect(_configuration("x", net="lite0_pyramid")) == []
    (line,) = run_checks.without_effect(_configuration("x", net="lite0_pyramid", initial_weights="random"))
    assert "freeze_statistics and encoder_learning_rate_share are not applied" in line
    (line,) = run_checks.without_effect(_configuration("x", steps=40, warmup_steps=50))
    assert "warmup_steps: 50 is not below the 40 steps, so the warm-up is shortened to 10" in line


def test_a_sigmoid_channel_for_three_classes_is_refused(dataset, tmp_path):
    labels = labels_from_dict({"classes": LABELS["classes"] + [{"id": 2, "name": "x", "color": [1, 2, 3]}]}, "test")
    with pytest.raises(ConfigurationError, match="head: binary is for data sets of 2 classes, custom/bars has 3"):
        configuration = _configuration(tmp_path, head="binary")
        training_run.TrainingRun(configuration, dataclasses.replace(dataset, labels=labels)).train()


@pytest.mark.slow
def test_a_loss_that_is_no_number_ends_the_run_with_its_batch_saved_and_what_was_saved_before_kept(dataset, tmp_path):
    configuration = _configuration(tmp_path, optimizer="sgd", learning_rate=1e30, steps=20, mixed_precision="float32")
    with pytest.raises(training_run.TrainingError, match="the loss is .* at step .*not_finite_batch.npz"):
        training_run.TrainingRun(configuration, dataset).train()
    with np.load(RunFolder(tmp_path).bad_batch) as batch:
        assert batch["inputs_0"].shape == (2, 64, 64, 3)
        assert set(np.unique(batch["labels"])) <= {0, 1, 255}


@pytest.mark.slow
def test_the_run_ends_early_when_the_score_does_not_rise_and_keeps_the_best(dataset, tmp_path, monkeypatch):
    scores = iter([0.5, 0.7, 0.6, 0.65, 0.9])
    monkeypatch.setattr(training_run, "mean_iou", lambda matrix: next(scores))
    kept = []
    replace = training_run.save_weights

    def keep(model, path):
        kept.append(path.name)
        replace(model, path)

    monkeypatch.setattr(training_run, "save_weights", keep)
    configuration = _configuration(tmp_path, steps=9, patience=2)
    result = training_run.TrainingRun(configuration, dataset).train()
    assert (result["steps"], result["best_step"], result["validation_mean_iou"]) == (4, 2, 0.7)
    assert kept.count(RunFolder(tmp_path).weights.name) == 2
    assert kept.count(RunFolder(tmp_path).last_weights.name) == 4
    assert RunFolder(tmp_path).best_loss_weights.exists()
    assert RunFolder(tmp_path).checkpoint.exists(), "from it the run continues when it is asked for more steps"
