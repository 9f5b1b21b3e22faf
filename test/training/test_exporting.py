"""From a finished run to a bundle that the live half loads, with the forms compared with Keras."""
import json

import keras
import numpy as np
import pytest

from rt_seg.bundle import load_bundle
from rt_seg.labels import labels_from_dict
from rt_seg.segmenter import Segmenter
from rt_seg_training import export_command, exporting, trainer
from rt_seg_training.configuration import TrainingConfiguration
from rt_seg_training.losses import upsample_logits
from rt_seg_training.nets.ddrnet import ddrnet_23_slim
from rt_seg_training.pipeline import normalize

CLASSES = [{"id": i, "name": name, "color": [i, i, i]} for i, name in enumerate(("floor", "peg", "hole"))]
LABELS = labels_from_dict({"classes": CLASSES}, "test")


@pytest.fixture(scope="module")
def images():
    return [np.random.default_rng(i).integers(0, 256, (96, 128, 3), dtype=np.uint8) for i in range(3)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    TrainingConfiguration(
        dataset="x", train_split="train", validation_split="validation",
        height=96, width=128, crop_height=64, crop_width=64, steps=1, run=str(folder),
    ).save(folder / trainer.CONFIGURATION)  # fmt: skip
    (folder / trainer.LABELS).write_text(json.dumps(LABELS.to_dict()))
    keras.utils.set_random_seed(1)
    ddrnet_23_slim(96, 128, len(LABELS), auxiliary_head=True).save_weights(folder / trainer.WEIGHTS)
    return folder


def _export(run, output, images, **options):
    return exporting.export_bundle(run, output, "probe", "1.0.0", "MIT", images, **options)


def test_f32_bundle_computes_what_keras_computes_up_to_the_mask(run, tmp_path, images):
    parities = _export(run, tmp_path / "probe", images, precision="f32", also=exporting.ALSO)
    assert [parity.form for parity in parities] == ["SavedModel", "onnxruntime", "litert", "keras", "OpenVINO f32"]
    assert all(parity.logit_difference < 1e-4 and parity.pixel_agreement > 0.999 for parity in parities)
    assert str(tmp_path) not in (tmp_path / "probe" / "model.xml").read_text(), "a path of this machine was exported"
    bundle = load_bundle(tmp_path / "probe")
    assert bundle.labels == LABELS
    assert [engine.runtime for engine in bundle.engines] == [
        "openvino", "onnxruntime", "litert", "keras", "saved_model",
    ]  # fmt: skip
    model, _, _ = exporting.load_run(run, 0, 0)
    expected = np.argmax(upsample_logits(model(normalize(images[0][np.newaxis])), (96, 128)), axis=-1)[0]
    names = {"openvino": "OpenVINO", "onnxruntime": "ONNX Runtime", "litert": "LiteRT", "saved_model": "TensorFlow",
             "keras": "Keras"}  # fmt: skip
    for runtime, name in names.items():
        segmenter = Segmenter(bundle, runtime=runtime, precision="f32")
        assert segmenter.description.startswith(name)
        assert (segmenter.segment(images[0]).mask == expected).mean() > 0.999
        segmenter.close()


def test_int8_bundle_is_a_quarter_of_the_size_and_loads(run, tmp_path, images):
    parities = _export(run, tmp_path / "probe", images, precision="int8")
    assert parities[-1].form == "OpenVINO int8"
    bundle = load_bundle(tmp_path / "probe")
    assert bundle.engines[0].precision == "int8"
    assert (tmp_path / "probe" / "model.bin").stat().st_size < 7e6
    assert Segmenter(bundle).segment(images[0]).mask.shape == (96, 128)


def test_f16_bundle_is_half_the_size_and_gives_the_same_classes(run, tmp_path, images):
    parities = _export(run, tmp_path / "probe", images, precision="f16")
    assert parities[-1].form == "OpenVINO f16"
    assert parities[-1].pixel_agreement > 0.99
    bundle = load_bundle(tmp_path / "probe")
    assert bundle.engines[0].precision == "f16"
    assert 10e6 < (tmp_path / "probe" / "model.bin").stat().st_size < 13e6
    assert Segmenter(bundle, precision="f32").description.endswith("f32 with f16 weights on CPU")


def test_a_failed_parity_writes_nothing_and_keeps_the_older_bundle(run, tmp_path, images, monkeypatch):
    older = tmp_path / "probe"
    older.mkdir()
    (older / "bundle.yaml").write_text("an older bundle")
    monkeypatch.setattr(exporting, "LOGIT_TOLERANCE", 0.0)
    with pytest.raises(exporting.ExportError, match="does not compute what Keras computes"):
        _export(run, older, images[:1], precision="f32")
    assert (older / "bundle.yaml").read_text() == "an older bundle"
    assert [path.name for path in tmp_path.iterdir()] == ["probe"]


def test_a_folder_that_is_no_bundle_is_not_overwritten(run, tmp_path, images):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(exporting.ExportError, match="is not a model bundle; it is not overwritten"):
        _export(run, tmp_path, images)
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_command_names_the_folder_that_is_no_run(tmp_path, capsys):
    assert export_command.main([str(tmp_path), "--output", str(tmp_path / "x"), "--license", "MIT"]) == 2
    assert f"export: {tmp_path}: no configuration.yaml" in capsys.readouterr().err


def test_command_refuses_an_unfinished_run(run, tmp_path, capsys):
    assert export_command.main([str(run), "--output", str(tmp_path / "x"), "--license", "MIT"]) == 2
    assert f"export: {run}: no result.json there: its training was interrupted" in capsys.readouterr().err
