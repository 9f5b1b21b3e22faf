"""From a finished run to a bundle that the live half loads, with the forms compared with Keras."""

import json

import keras
import numpy as np
import openvino
import pytest

from rt_seg.bundle import TrainingData, load_bundle
from rt_seg.camera_image import resize_image
from rt_seg.confusion import confusion_matrix, mean_iou
from rt_seg.labels import labels_from_dict
from rt_seg.segmenter import load_segmenter
from rt_seg_training.commands import export as export_command
from rt_seg_training.configuration import TrainingConfiguration
from rt_seg_training.datasets.labelled_frame import LabelledFrame
from rt_seg_training.export import accuracy_guard, smaller_inputs
from rt_seg_training.export import bundle_export as exporting
from rt_seg_training.export.openvino_network import operations_of_depth_alone
from rt_seg_training.input_pipeline.batches import normalize
from rt_seg_training.nets.ddrnet import ddrnet_23_slim
from rt_seg_training.nets.depth_fusion import DEPTH_RANGE
from rt_seg_training.nets.registry import build_net
from rt_seg_training.optimization.losses import upsample_logits
from rt_seg_training.runs.run_folder import RunFolder
from rt_seg_training.runs.training_weights import network_of

pytestmark = pytest.mark.usefixtures("small_nets")

CLASSES = [{"id": i, "name": name, "color": [i, i, i]} for i, name in enumerate(("floor", "peg", "hole"))]
LABELS = labels_from_dict({"classes": CLASSES}, "test")


@pytest.fixture(scope="module")
def images():
    return [np.random.default_rng(i).integers(0, 256, (96, 128, 3), dtype=np.uint8) for i in range(3)]


@pytest.fixture(scope="module")
def run(tmp_path_factory, small_nets):
    folder = tmp_path_factory.mktemp("run")
    TrainingConfiguration(
        dataset="x", train_split="train", validation_split="validation",
        height=96, width=128, crop_height=64, crop_width=64, steps=1, run=str(folder),
    ).save(RunFolder(folder).configuration)  # fmt: skip
    RunFolder(folder).labels.write_text(json.dumps(LABELS.to_dict()))
    keras.utils.set_random_seed(1)
    ddrnet_23_slim(96, 128, len(LABELS), auxiliary_head=True).save_weights(RunFolder(folder).weights)
    return folder


@pytest.fixture(scope="module")
def validation(run, images):
    """Frames of twice the size whose ground truth is what Keras says: an exact form has a mean IoU of 1."""
    model, _, _ = RunFolder(run).load()
    frames = []
    for image in images:
        logits = upsample_logits(model(normalize(image[np.newaxis])), (192, 256))
        large = np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)
        frames.append(LabelledFrame(large, np.argmax(logits, axis=-1)[0]))
    return frames


def _parameters(run):
    """Of the network that is exported: without its auxiliary head."""
    return RunFolder(run).load()[0].count_params()


def _export(run, output, images, **options):
    return exporting.export_bundle(run, output, "probe", "1.0.0", "MIT", images, **options).parities


@pytest.mark.slow
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
    model, _, _ = RunFolder(run).load()
    expected = np.argmax(upsample_logits(model(normalize(images[0][np.newaxis])), (96, 128)), axis=-1)[0]
    names = {"openvino": "OpenVINO", "onnxruntime": "ONNX Runtime", "litert": "LiteRT", "saved_model": "TensorFlow",
             "keras": "Keras"}  # fmt: skip
    for runtime, name in names.items():
        segmenter = load_segmenter(bundle, runtime=runtime, precision="f32")
        assert segmenter.description.startswith(name)
        assert (segmenter.segment(images[0]).mask == expected).mean() > 0.999
        segmenter.close()


@pytest.mark.slow
def test_int8_bundle_is_a_quarter_of_the_size_and_says_what_it_loses(run, tmp_path, images, validation, monkeypatch):
    monkeypatch.setattr(accuracy_guard, "LOSS_LIMIT", 0.9)
    (run / "history.csv").write_text("step,loss\n1,2\n")
    made = exporting.export_bundle(
        run, tmp_path / "probe", "probe", "1.0.0", "MIT", images, precision="auto", validation=validation,
        validation_data="probe validation", training=TrainingData("probe", "train"),
    )  # fmt: skip
    assert made.precision == "int8" and made.note == ""
    assert made.parities[-1].form == "OpenVINO int8"
    scores = {score.engine: score for score in load_bundle(tmp_path / "probe").scores}
    assert scores["OpenVINO f32"].value == pytest.approx(1, abs=1e-3)
    assert 0.1 < scores["OpenVINO int8"].value < 1
    assert scores["OpenVINO int8"].data == "probe validation" and scores["OpenVINO int8"].frames == 3
    segmenter = load_segmenter(load_bundle(tmp_path / "probe"), precision="f32")
    matrix = sum(confusion_matrix(frame.mask, segmenter.segment(frame.color).mask, 3) for frame in validation)
    assert scores["OpenVINO int8"].value == pytest.approx(mean_iou(matrix), abs=1e-4)
    assert load_bundle(tmp_path / "probe").training == TrainingData("probe", "train")
    assert (tmp_path / "probe" / "history.csv").read_text() == "step,loss\n1,2\n"
    bundle = load_bundle(tmp_path / "probe")
    assert bundle.engines[0].precision == "int8"
    assert (tmp_path / "probe" / "model.bin").stat().st_size < 0.4 * 4 * _parameters(run)
    assert load_segmenter(bundle).segment(images[0]).mask.shape == (96, 128)


@pytest.mark.slow
def test_int8_that_loses_too_much_is_refused_with_both_scores(run, tmp_path, images, validation):
    words = r"int8.* has a mean IoU of \d.* 100.00 % on 3 frames .* it loses \d.* points; the limit is 0.3"
    with pytest.raises(exporting.ExportError, match=words):
        _export(run, tmp_path / "probe", images, precision="int8", validation=validation)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ([(64, 96), (64, 96)], "input size 96x64: is given twice"),
        ([(96, 128)], "input size 128x96: is not smaller than the full one, 128x96"),
        ([(64, 160)], "input size 160x64: is not smaller than the full one, 128x96"),
    ],
)
def test_smaller_inputs_that_are_repeated_or_not_smaller_are_refused(run, tmp_path, images, sizes, words):
    with pytest.raises(exporting.ExportError, match=words):
        _export(run, tmp_path / "probe", images, smaller=sizes)
    assert list(tmp_path.iterdir()) == []


def test_int8_without_frames_to_measure_its_loss_is_refused(run, tmp_path, images):
    with pytest.raises(exporting.ExportError, match="no labelled frames beyond those used for calibration"):
        _export(run, tmp_path / "probe", images, precision="int8")


def test_guard_frames_are_none_of_the_calibration_and_as_many_as_asked_for():
    examples = [
        {"name": name, "image": np.zeros((2, 2, 3)), "label": np.full((2, 2, 1), number)}
        for number, name in enumerate([b"a", "b", b"c", "d"])
    ]

    def taken(names, count):
        frames = accuracy_guard.disjoint_frames(lambda: iter(examples), names, count)
        return [int(frame.mask[0, 0]) for frame in frames]

    assert taken({"b"}, 2) == [0, 2]
    assert taken({"b"}, 9) == [0, 2, 3]
    assert taken(set(), 2) == [0, 2], "not spread over the split"
    assert taken({"a"}, 0) == taken({"a", "b", "c", "d"}, 2) == []


@pytest.mark.parametrize(
    ("exact", "quantised", "accepted"), [(0.64, 0.6371, True), (0.64, 0.636, False), (0.5, 0.6, True)]
)
def test_three_tenths_of_a_point_are_accepted_and_more_is_not(exact, quantised, accepted):
    forms = accuracy_guard.FormScore("f32", exact), accuracy_guard.FormScore("int8", quantised)
    assert accuracy_guard.is_accepted(*forms) == accepted
    assert not accuracy_guard.is_accepted(accuracy_guard.FormScore("f32", float("nan")), forms[1])


@pytest.fixture(scope="module")
def depth_run(tmp_path_factory, small_nets):
    """A run of a network with depth, of random weights."""
    folder = tmp_path_factory.mktemp("depth_run")
    TrainingConfiguration(
        dataset="x", train_split="train", validation_split="validation", net="ddrnet_23_slim_rgbd",
        height=64, width=96, crop_height=64, crop_width=64, steps=1, run=str(folder), auxiliary_weight=0.0,
    ).save(RunFolder(folder).configuration)  # fmt: skip
    RunFolder(folder).labels.write_text(json.dumps(LABELS.to_dict()))
    keras.utils.set_random_seed(3)
    build_net("ddrnet_23_slim_rgbd", 64, 96, len(LABELS)).save_weights(RunFolder(folder).weights)
    return folder


@pytest.fixture(scope="module")
def depth_frames(depth_run):
    """Frames of twice the size with slanted depth that has holes; the ground truth is what Keras says."""
    model, _, _ = RunFolder(depth_run).load()
    frames = []
    for seed in range(3):
        random = np.random.default_rng(seed)
        image = np.repeat(np.repeat(random.integers(0, 256, (64, 96, 3), np.uint8), 2, axis=0), 2, axis=1)
        depth = np.linspace(600, 3000, 96) + 500 * seed + random.integers(0, 40, (64, 96))
        depth[random.random((64, 96)) < 0.2] = 0
        depth = np.repeat(np.repeat(depth.astype(np.uint16), 2, axis=0), 2, axis=1)
        metres = keras.ops.convert_to_tensor(depth[np.newaxis, ::2, ::2, np.newaxis] / np.float32(1000))
        logits = upsample_logits(model([normalize(image[np.newaxis, ::2, ::2]), metres]), (128, 192))
        frames.append(LabelledFrame(image, np.argmax(logits, axis=-1)[0], depth))
    return frames


@pytest.mark.slow
def test_every_form_of_a_network_with_depth_computes_what_keras_computes_with_it_and_without(
    depth_run, depth_frames, tmp_path
):
    parities = _export(
        depth_run, tmp_path / "probe", [frame.color for frame in depth_frames], precision="f32", also=exporting.ALSO,
        depths=[frame.depth for frame in depth_frames],
    )  # fmt: skip
    assert [parity.form for parity in parities] == ["SavedModel", "onnxruntime", "litert", "keras", "OpenVINO f32"]
    assert all(parity.logit_difference < 1e-4 for parity in parities)
    bundle = load_bundle(tmp_path / "probe")
    assert (bundle.input.channels, bundle.input.depth_range) == ("rgbd", DEPTH_RANGE)
    model, _, _ = RunFolder(depth_run).load()
    frame = depth_frames[0]
    image = normalize(resize_image(frame.color, 64, 96)[np.newaxis])
    alone = np.argmax(upsample_logits(model([image, keras.ops.zeros((1, 64, 96, 1))]), (128, 192)), axis=-1)[0]
    assert (alone != frame.mask).mean() > 0.02, "this network does not hear its depth"
    depth = keras.ops.convert_to_tensor(frame.depth[np.newaxis, ::2, ::2, np.newaxis] / np.float32(1000))
    inputs = [image, depth]
    expected = model(inputs)
    difference = np.abs(network_of(bundle)(inputs) - expected).max()
    assert difference < 5e-3 * np.abs(expected).max(), "the weights that training starts from are not those exported"
    for runtime in ("openvino", *exporting.ALSO):
        segmenter = load_segmenter(bundle, runtime=runtime, precision="f32")
        assert (segmenter.segment(frame.color, depth=frame.depth).mask == frame.mask).mean() > 0.999, runtime
        assert (segmenter.segment(frame.color).mask == alone).mean() > 0.999, runtime
        segmenter.close()


@pytest.mark.slow
def test_int8_keeps_the_first_look_at_depth_exact_and_its_guard_hears_depth(
    depth_run, depth_frames, tmp_path, monkeypatch
):
    monkeypatch.setattr(accuracy_guard, "LOSS_LIMIT", 0.9)
    made = exporting.export_bundle(
        depth_run, tmp_path / "probe", "probe", "1.0.0", "MIT", [frame.color for frame in depth_frames], "int8",
        validation=depth_frames, depths=[frame.depth for frame in depth_frames],
    )  # fmt: skip
    scores = {score.form: score.mean_iou for score in made.scores}
    assert list(scores) == ["OpenVINO f32", "OpenVINO int8", "OpenVINO int8 without depth"]
    assert scores["OpenVINO f32"] == pytest.approx(1, abs=1e-3), "the guard did not give the frames their depth"
    assert scores["OpenVINO int8 without depth"] < scores["OpenVINO int8"]
    network = openvino.Core().read_model(str(tmp_path / "probe" / "model.xml"))
    of_depth = operations_of_depth_alone(network)
    exact = [name for name, kind in of_depth.items() if kind == "Convolution"]
    assert len(exact) == 1
    stem = next(operation for operation in network.get_ops() if operation.get_friendly_name() == exact[0])
    assert list(stem.input(1).get_shape())[1:] == [4, 3, 3], "of depth, validity and slants"
    before, waiting = set(), [stem.input_value(0).get_node()]
    while waiting:
        operation = waiting.pop()
        before.add(operation.get_type_name())
        waiting += [value.get_node() for value in operation.input_values()]
    assert {"Log", "AvgPool"} < before and "FakeQuantize" not in before
    assert sum(operation.get_type_name() == "FakeQuantize" for operation in network.get_ops()) > 10
    assert load_segmenter(load_bundle(tmp_path / "probe")).segment(depth_frames[0].color).mask.shape == (128, 192)


@pytest.mark.slow
def test_where_int8_loses_too_much_the_part_that_loses_most_stays_exact(depth_run, depth_frames, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "SEGMENTS", 2)
    monkeypatch.setattr(exporting, "MAX_EXACT_SEGMENTS", 1)
    monkeypatch.setattr(exporting, "is_accepted", lambda exact, quantised: "parts f32" in quantised.form)
    made = exporting.export_bundle(
        depth_run, tmp_path / "probe", "probe", "1.0.0", "MIT", [frame.color for frame in depth_frames],
        validation=depth_frames, depths=[frame.depth for frame in depth_frames],
    )  # fmt: skip
    scores = {score.form: score.mean_iou for score in made.scores}
    assert made.precision == "int8"
    assert scores["OpenVINO int8, 1 of 2 parts f32"] > scores["OpenVINO int8"]
    network = openvino.Core().read_model(str(tmp_path / "probe" / "model.xml"))
    convolutions = [operation for operation in network.get_ops() if operation.get_type_name() == "Convolution"]
    exact = [o for o in convolutions
             if "FakeQuantize" not in {value.get_node().get_type_name() for value in o.input_values()}]  # fmt: skip
    assert 0.2 < len(exact) / len(convolutions) < 0.8, "half of the network computes in f32"


def test_a_network_with_depth_is_not_exported_with_pictures_that_have_none(depth_run, depth_frames, tmp_path):
    with pytest.raises(exporting.ExportError, match="takes depth, but only 0 of 3 images have it"):
        _export(depth_run, tmp_path / "probe", [frame.color for frame in depth_frames])
    assert not (tmp_path / "probe").exists()


@pytest.mark.slow
def test_where_int8_loses_too_much_auto_ships_f16_half_the_size_with_the_same_classes(
    run, tmp_path, images, validation, monkeypatch
):
    monkeypatch.setattr(exporting, "MAX_EXACT_SEGMENTS", 0)
    made = exporting.export_bundle(run, tmp_path / "probe", "probe", "1.0.0", "MIT", images, validation=validation)
    assert made.precision == "f16"
    assert "OpenVINO int8 has a mean IoU" in made.note
    assert [score.form for score in made.scores] == ["OpenVINO f32", "OpenVINO f16"]
    assert made.scores[1].mean_iou > 0.99
    assert made.parities[-1].form == "OpenVINO f16"
    assert made.parities[-1].pixel_agreement > 0.99
    bundle = load_bundle(tmp_path / "probe")
    assert bundle.engines[0].precision == "f16"
    assert 0.45 < (tmp_path / "probe" / "model.bin").stat().st_size / (4 * _parameters(run)) < 0.55
    assert load_segmenter(bundle, precision="f32").description.endswith("f32 with f16 weights on CPU")


@pytest.mark.slow
def test_a_failed_parity_writes_nothing_and_keeps_the_older_bundle(run, tmp_path, images, monkeypatch):
    older = tmp_path / "probe"
    older.mkdir()
    (older / "bundle.yaml").write_text("an older bundle")
    monkeypatch.setattr(exporting, "LOGIT_TOLERANCE", 0.0)
    with pytest.raises(exporting.ExportError, match="does not match Keras"):
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


@pytest.mark.parametrize("precision", ["int8", pytest.param("f16", marks=pytest.mark.slow)])
def test_smaller_inputs_share_the_weights_compute_what_keras_computes_there_and_are_scored(
    run, tmp_path, images, validation, precision, monkeypatch
):
    monkeypatch.setattr(accuracy_guard, "LOSS_LIMIT", 1.0)  # of a random network
    options = {"precision": precision, "validation": validation}
    _export(run, tmp_path / "alone", images, **options)
    scored_constants = set()
    engine = smaller_inputs.ExactEngine

    def recorded(network, spec):
        constants = [operation for operation in network.get_ops() if operation.get_type_name() == "Constant"]
        scored_constants.update(constant.get_element_type().get_type_name() for constant in constants)
        return engine(network, spec)

    monkeypatch.setattr(smaller_inputs, "ExactEngine", recorded)
    made = exporting.export_bundle(
        run, tmp_path / "sized", "probe", "1.0.0", "MIT", images, smaller=[(64, 96)], **options
    )
    told = [score.form for score in made.scores if score.form.endswith("96x64")]
    assert told == [*["OpenVINO f32 96x64"] * (precision == "int8"), f"OpenVINO {precision} 96x64"]
    assert (precision == "f16") == ("f16" in scored_constants), (
        "the score is not of the file, whose weights are rounded"
    )
    alone, sized = (tmp_path / name / "model.bin" for name in ("alone", "sized"))
    assert alone.stat().st_size < sized.stat().st_size < 1.05 * alone.stat().st_size
    bundle = load_bundle(tmp_path / "sized")
    assert bundle.input_sizes("openvino") == ((96, 128), (64, 96))
    score = next(score for score in bundle.scores if score.input_size == (96, 64))
    assert (score.metric, score.frames) == ("mean_iou", len(validation)) and 0.0 <= score.value <= 1.0
    segmenter = load_segmenter(bundle.at_size(64, 96), precision="f32")
    model, _, _ = RunFolder(run).load(64, 96)
    logits = model(normalize(resize_image(images[0], 64, 96)[np.newaxis]), training=False)
    expected = np.argmax(upsample_logits(logits, (96, 128)), axis=-1)[0]
    mask = segmenter.segment(images[0]).mask
    segmenter.close()
    assert (mask == expected).mean() > (0.999 if precision == "f16" else 0.9)


@pytest.mark.slow
def test_int8_of_a_smaller_input_that_loses_too_much_is_exported_with_a_warning(
    run, tmp_path, images, validation, monkeypatch
):
    monkeypatch.setattr(exporting, "is_accepted", lambda exact, quantised: not quantised.form.endswith("96x64"))
    made = exporting.export_bundle(
        run, tmp_path / "probe", "probe", "1.0.0", "MIT", images, "int8", validation=validation, smaller=[(64, 96)],
        card=lambda made: "\n".join(made.warnings),
    )  # fmt: skip
    (warning,) = made.warnings
    assert warning.startswith("OpenVINO int8 96x64 has a mean IoU of ") and "and OpenVINO f32 96x64 " in warning
    assert "points; the limit is 0.3" in warning and (tmp_path / "probe" / "README.md").read_text() == warning


@pytest.mark.parametrize(("option", "value"), [("--count", "0"), ("--guard-count", "-1")])
def test_counts_that_give_no_frames_are_refused(option, value, capsys):
    with pytest.raises(SystemExit) as stopped:
        export_command.main(["runs/x", "--license", "MIT", option, value])
    assert stopped.value.code == 2
    assert f"{option} {value}: accepted is" in capsys.readouterr().err


@pytest.mark.parametrize("texts", [["480"], ["x"], ["0x480"], ["auto", "320x240"], ["63x64"]])
def test_input_sizes_that_are_not_understood_are_refused(texts, capsys):
    with pytest.raises(SystemExit) as stopped:
        export_command.main(["runs/x", "--license", "MIT", "--input-sizes", *texts])
    assert stopped.value.code == 2
    assert "--input-sizes" in capsys.readouterr().err
