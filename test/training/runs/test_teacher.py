"""Learning from a teacher, and from images without labels that it labels."""

import csv
import dataclasses

import cv2
import numpy as np
import pytest
import yaml

from rt_seg_training.commands.build_dataset import main as build_dataset
from rt_seg_training.configuration import ConfigurationError, TrainingConfiguration, load_configuration
from rt_seg_training.datasets.loading import load_dataset
from rt_seg_training.input_pipeline.batches import training_batches
from rt_seg_training.input_pipeline.unlabeled import unlabeled_examples
from rt_seg_training.prediction.unlabeled_frames import UnlabeledError, unlabeled_frames
from rt_seg_training.runs.run_folder import RunFolder
from rt_seg_training.runs.teacher import Teacher
from rt_seg_training.runs.training_run import TrainingRun

CLASSES = [{"id": i, "name": name, "color": [90 * i] * 3} for i, name in enumerate(("dark", "grey", "bright"))]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    for kind in ("rgb", "gt", "depth"):
        (folder / kind).mkdir()
    random = np.random.default_rng(0)
    for name in "abcd":
        label = random.integers(0, 3, (8, 8)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
        cv2.imwrite(str(folder / "rgb" / f"{name}.png"), np.repeat(90 * label[..., None], 3, 2))
        cv2.imwrite(str(folder / "gt" / f"{name}.png"), label)
        cv2.imwrite(str(folder / "depth" / f"{name}.png"), np.full((64, 64), 700, np.uint16))
    (folder / "labels.yaml").write_text(yaml.safe_dump({"classes": CLASSES}))
    (folder / "splits.yaml").write_text(yaml.safe_dump({"train": list("abc"), "validation": ["d"]}))
    return folder


@pytest.fixture(scope="module")
def dataset(source, tmp_path_factory):
    built = tmp_path_factory.mktemp("built")
    assert build_dataset(["custom", str(source), "--name", "patches", "--data-dir", str(built)]) == 0
    return load_dataset("patches", built)


def _configuration(run, **changes):
    configuration = TrainingConfiguration(
        dataset="patches", train_split="train", validation_split="validation", height=64, width=64, crop_height=64,
        crop_width=64, batch_size=2, steps=1, validate_every=1, warmup_steps=0, run=str(run), auxiliary_weight=0.0,
        initial_weights="random", net="lite0_pyramid",
    )  # fmt: skip
    return dataclasses.replace(configuration, **changes)


@pytest.fixture(scope="module")
def taught(dataset, tmp_path_factory):
    """The run folder of a network of colour and depth."""
    run = tmp_path_factory.mktemp("runs") / "teacher"
    TrainingRun(_configuration(run, net="lite0_pyramid_rgbd", auxiliary_weight=0.4), dataset).train()
    return run


@pytest.mark.slow
def test_the_teacher_gives_the_logits_of_the_run_it_was_loaded_from_in_the_order_of_the_classes(
    taught, dataset, tmp_path
):
    student = _configuration(tmp_path, net="ddrnet_23_slim")
    labels = dataclasses.replace(
        dataset.labels,
        labels=tuple(dataclasses.replace(dataset.labels.labels[old], id=new) for new, old in enumerate((2, 0))),
    )
    teacher = Teacher(str(taught), student, labels)
    image = np.random.default_rng(1).uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)
    depth = np.full((1, 64, 64, 1), 0.7, np.float32)
    of_student = (image / 255 - np.array((0.485, 0.456, 0.406))) / np.array((0.229, 0.224, 0.225))
    net, _, _ = RunFolder(taught).load()
    expected = net([(image - 127) / 128, depth]).numpy()[..., [2, 0]]
    assert teacher.takes_depth
    np.testing.assert_allclose(teacher(of_student.astype(np.float32), depth), expected, atol=2e-4)


@pytest.mark.slow
def test_a_teacher_that_lacks_a_class_is_refused_by_its_name(taught, dataset, tmp_path):
    other = dataclasses.replace(dataset.labels.labels[0], name="cup")
    labels = dataclasses.replace(dataset.labels, labels=(other, *dataset.labels.labels[1:]))
    with pytest.raises(ConfigurationError, match="teacher: .* lacks cup; it has dark, grey, bright"):
        Teacher(str(taught), _configuration(tmp_path), labels)


@pytest.mark.slow
def test_a_network_of_colour_comes_nearer_to_its_teacher_with_depth_without_any_label(
    taught, dataset, source, tmp_path
):
    run = tmp_path / "student"
    configuration = _configuration(
        run, teacher=str(taught), teacher_loss="pixel", unlabeled=str(source), unlabeled_share=0.99, steps=6,
        validate_every=1, learning_rate=0.003, depth_dropout=0.0, depth_noise=0.0,
    )  # fmt: skip
    TrainingRun(configuration, dataset, unlabeled=unlabeled_frames(source)).train()
    with RunFolder(run).history.open() as stream:
        losses = [float(row["loss"]) for row in csv.DictReader(stream)]
    assert np.mean(losses[-2:]) < 0.8 * losses[0]
    assert load_configuration(RunFolder(run).configuration) == configuration


def test_unlabeled_images_are_refused_without_a_teacher(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(dataclasses.asdict(_configuration("run"))))
    with pytest.raises(ConfigurationError, match="unlabeled images need a teacher"):
        load_configuration(file, {"unlabeled": "pictures"})


@pytest.mark.parametrize("share", [0.25, 0.75])
def test_the_share_of_unlabeled_images_is_kept_and_their_pixels_are_ignored(dataset, source, tmp_path, share):
    configuration = _configuration(tmp_path, unlabeled_share=share, unlabeled=str(source), flip=False, batch_size=8)
    frames = unlabeled_frames(source, with_depth=True)
    assert [depth.dtype.name for _, depth in frames] == ["uint16"] * 4
    others = (unlabeled_examples(frames, 255, True), len(frames))
    examples = dataset.examples("train", depth=True)
    batches = list(training_batches(examples, 3, configuration, 255, unlabeled=others).take(3))
    ignored = [bool((label == 255).all()) for _, labels in batches for label in labels.numpy()]
    assert sum(ignored) == round(24 * share)
    (images, depth), _ = batches[0]
    assert depth.shape == (8, 64, 64, 1)
    later = next(iter(training_batches(examples, 3, configuration, 255, position=8, unlabeled=others)))
    np.testing.assert_array_equal(later[1], batches[1][1])
    np.testing.assert_array_equal(later[0][0], batches[1][0][0])


def test_images_beyond_the_most_that_are_kept_are_counted(source, monkeypatch):
    lines = []
    monkeypatch.setattr("rt_seg_training.prediction.unlabeled_frames.MAX_FRAMES", 3)
    assert len(unlabeled_frames(source, tell=lines.append)) == 3
    assert len(lines) == 1 and "3 of 4 images are used (limit 3: 1 left out; " in lines[0]
    assert "images that cannot be decoded are skipped: 0)" in lines[0]


def test_images_of_a_bag_that_cannot_be_decoded_are_counted_apart_from_those_beyond_the_limit(tmp_path, monkeypatch):
    module = "rt_seg_training.prediction.unlabeled_frames"
    (tmp_path / "x.bag").write_bytes(b"")
    monkeypatch.setattr(f"{module}.kind_of_bag", lambda source: "rosbag")
    monkeypatch.setattr(f"{module}.count_images", lambda source: 9)
    frame = (np.zeros((4, 4, 3), np.uint8), None)
    monkeypatch.setattr(f"{module}.bag_frames", lambda source, with_depth: iter([frame] * 7))
    monkeypatch.setattr(f"{module}.MAX_FRAMES", 5)
    lines = []
    used = len(unlabeled_frames(tmp_path / "x.bag", tell=lines.append))
    assert f"{used} of 9 images are used (limit 5: {7 - used} left out; " in lines[0]
    assert "cannot be decoded are skipped: 2)" in lines[0]


def test_a_source_of_unlabeled_images_that_holds_none_is_named(tmp_path):
    with pytest.raises(UnlabeledError, match="holds no images"):
        unlabeled_frames(tmp_path, with_depth=False)
    with pytest.raises(UnlabeledError, match="is neither a folder nor a bag"):
        unlabeled_frames(tmp_path / "nothing", with_depth=False)
