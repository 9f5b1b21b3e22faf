"""The bundle's read side: shipped bundles are whole, and each kind of damage is refused by name."""

import hashlib
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from rt_seg.bundle import BundleError, Score, TrainingData, load_bundle, verify_files, write_bundle
from rt_seg.labels import labels_from_dict

MODELS = Path(__file__).parents[2] / "models"
SHIPPED = sorted(path.parent for path in MODELS.glob("*/bundle.yaml"))
LABELS = labels_from_dict({"classes": [{"id": 0, "name": "background", "color": [0, 0, 0]}]}, "test")


def _manifest():
    return {
        "format": 1,
        "name": "probe",
        "version": "1.0.0",
        "license": "MIT",
        "input": {"height": 64, "width": 96, "channels": "rgb", "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]},
        "labels": LABELS.to_dict(),
        "fingerprint": LABELS.fingerprint,
        "engines": [
            {
                "runtime": "openvino",
                "precision": "f32",
                "path": "model.xml",
                "sha256": {"model.xml": hashlib.sha256(b"network").hexdigest()},
            }
        ],
    }


def _write(folder, manifest):
    (folder / "bundle.yaml").write_text(yaml.safe_dump(manifest))
    (folder / "model.xml").write_bytes(b"network")
    return folder


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_shipped_bundles_are_whole(folder):
    bundle = load_bundle(folder)
    assert bundle.name == folder.name
    for engine in bundle.engines:
        verify_files(engine, folder)
    assert bundle.scores, "a shipped bundle states its measured score"
    assert (folder / "README.md").is_file()


def test_the_default_bundle_and_camvid_are_shipped():
    assert {folder.name for folder in SHIPPED} >= {"tabletop", "camvid"}


def test_a_bundle_is_read_as_written(tmp_path):
    bundle = load_bundle(_write(tmp_path, _manifest()))
    assert (bundle.name, bundle.input.height, bundle.input.width) == ("probe", 64, 96)
    assert bundle.labels == LABELS
    assert bundle.engine("openvino").path == tmp_path / "model.xml"
    assert bundle.engine("saved_model") is None
    verify_files(bundle.engines[0], tmp_path)


def test_a_bundle_with_depth_says_how_far_it_reaches(tmp_path):
    manifest = _manifest()
    assert not load_bundle(_write(tmp_path, manifest)).input.with_depth
    manifest["input"].update(channels="rgbd", depth_range=[0.2, 10])
    spec = load_bundle(_write(tmp_path, manifest)).input
    assert spec.with_depth
    assert spec.depth_range == (0.2, 10.0)


def test_a_changed_model_file_is_refused_by_name(tmp_path):
    bundle = load_bundle(_write(tmp_path, _manifest()))
    (tmp_path / "model.xml").write_bytes(b"altered")
    with pytest.raises(BundleError, match=r"model\.xml: SHA-256 is .*but bundle\.yaml says"):
        verify_files(bundle.engines[0], tmp_path)


def test_a_missing_model_file_is_refused_by_name(tmp_path):
    bundle = load_bundle(_write(tmp_path, _manifest()))
    (tmp_path / "model.xml").unlink()
    with pytest.raises(BundleError, match=r"model\.xml: the bundle lists this file"):
        verify_files(bundle.engines[0], tmp_path)


def test_a_missing_folder_and_a_folder_without_manifest_are_named(tmp_path):
    with pytest.raises(BundleError, match="absent: no such model bundle"):
        load_bundle(tmp_path / "absent")
    with pytest.raises(BundleError, match="is not a model bundle"):
        load_bundle(tmp_path)


def _remove(key):
    return lambda manifest: manifest.pop(key)


def _put(key, value):
    return lambda manifest: manifest.__setitem__(key, value)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_remove("license"), "missing key 'license'"),
        (_put("colour", 1), "unknown key 'colour'; accepted are"),
        (lambda m: m.update({1: 2, "x": 3}), "unknown key 1; accepted are"),
        (_put("version", 1.0), "version: 1.0 must be text; put it in quotes"),
        (lambda m: m.update(format=2, colours=[]), "format 2; this version reads format 1"),
        (_put("format", True), "format True; this version reads format 1"),
        (_put("fingerprint", "0" * 64), "the class list was edited after the export"),
        (_put("engines", []), "engines must list at least one"),
        (lambda m: m["engines"][0].update(runtime="caffe"), r"engines\[0\]: runtime: 'caffe'; accepted are openvino"),
        (lambda m: m["engines"][0].update(path="../model.xml"), "must be a path inside the bundle"),
        (lambda m: m["input"].update(height="64"), "input: height: '64' must be a whole number"),
        (lambda m: m["input"].update(channels="rgbx"), "input: channels: 'rgbx'; accepted are rgb, rgbd"),
        (lambda m: m["input"].update(mean=[0.5, float("nan"), 0.5]), r"input: mean\[1\]: nan is not a finite number"),
        (lambda m: m["input"].update(mean=[0.5, True, 0.5]), r"input: mean\[1\]: True must be a number"),
        (_put("scores", "abc"), "scores: 'abc' must be a list"),
        (_put("scores", [{"metric": "mean_iou", "value": 2, "data": "x"}]), r"\[0\]: value: 2.0 must be from 0 to 1"),
        (_put("training", [1]), r"training: \[1\] must be a mapping"),
        (_put("engines", {"runtime": "openvino"}), "engines: {'runtime': 'openvino'} must be a list"),
        (lambda m: m["engines"][0].update(sha256=["model.xml"]), "sha256: .* must be a mapping"),
        (lambda m: m["input"].update(std=[1, 0, 1]), "std .* must be above 0"),
        (lambda m: m["input"].update(channels="rgbd"), "depth_range None must be two numbers"),
        (lambda m: m["input"].update(channels="rgbd", depth_range=[3, 1]), r"depth_range \[3.0, 1.0\] must be two"),
        (lambda m: m["input"].update(depth_range=[1, 3]), "depth_range .* is for channels rgbd"),
    ],
)
def test_damaged_manifests_are_refused(tmp_path, damage, message):
    manifest = _manifest()
    damage(manifest)
    with pytest.raises(BundleError, match=message):
        load_bundle(_write(tmp_path, manifest))


def test_a_manifest_that_is_no_yaml_is_refused(tmp_path):
    (tmp_path / "bundle.yaml").write_text("{unclosed")
    with pytest.raises(BundleError, match="bundle.yaml: not valid YAML"):
        load_bundle(tmp_path)


def test_a_bundle_is_written_as_it_was_read(tmp_path):
    manifest = _manifest()
    manifest["input"].update(channels="rgbd", depth_range=[0.2, 10.0])
    manifest["training"] = {"dataset": "pegs", "split": "train", "frames": 9}
    manifest["scores"] = [{"metric": "mean_iou", "value": 0.5, "data": "pegs", "input_size": [320, 240]}]
    bundle = load_bundle(_write(tmp_path, manifest))
    assert bundle.to_dict() == manifest
    write_bundle(replace(bundle, version="1.0.1"))
    assert load_bundle(tmp_path) == replace(bundle, version="1.0.1")
    assert (bundle.training, bundle.scores) == (
        TrainingData("pegs", "train", 9), (Score("mean_iou", 0.5, "pegs", input_size=(320, 240)),),
    )  # fmt: skip


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_writing_a_shipped_bundle_again_loses_nothing(folder, tmp_path):
    before = load_bundle(folder)
    copy = replace(before, folder=tmp_path, engines=tuple(
        replace(engine, path=tmp_path / engine.path.relative_to(folder)) for engine in before.engines
    ))  # fmt: skip
    write_bundle(copy)
    assert load_bundle(tmp_path) == copy
    written, shipped = ((place / "bundle.yaml").read_text() for place in (tmp_path, folder))
    assert yaml.safe_load(written) == yaml.safe_load(shipped)


def test_a_manifest_whose_aliases_would_fill_the_memory_is_refused_at_once(tmp_path):
    lines = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'x'] * 9)}]" for n in range(9)]
    (tmp_path / "bundle.yaml").write_text("\n".join(lines) + "\n" + yaml.safe_dump(_manifest()))
    started = time.process_time()
    with pytest.raises(BundleError, match="aliases repeat more than") as caught:
        load_bundle(tmp_path)
    assert time.process_time() - started < 1
    assert len(str(caught.value)) < 500
