"""A device of ONNX Runtime that computes something else than the CPU is refused, and said."""

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="onnx is not installed: make training")
onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: make training")

from rt_seg.bundle import Bundle, BundleError, InputSpec, engine_files  # noqa: E402
from rt_seg.engines import create_engine  # noqa: E402
from rt_seg.engines.onnxruntime import CPU, disagreement  # noqa: E402
from rt_seg.labels import Label, LabelSet  # noqa: E402

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
LABELS = LabelSet(tuple(Label(number, f"class_{number}", (number, 0, 0)) for number in range(3)))
REAL_SESSION = onnxruntime.InferenceSession


@pytest.fixture
def bundle(tmp_path):
    """A convolution of 64×96 images by random weights, logits at an eighth."""
    helper, kinds = onnx.helper, onnx.TensorProto
    weights = np.random.default_rng(0).normal(size=(3, 3, 8, 8)).astype(np.float32) / 255
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=kinds.FLOAT),
        helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "weights"], ["convolved"], strides=[8, 8]),
        helper.make_node("Transpose", ["convolved"], ["logits"], perm=[0, 2, 3, 1]),
    ]
    graph = helper.make_graph(
        nodes, "net",
        [helper.make_tensor_value_info("image", kinds.UINT8, [1, 64, 96, 3])],
        [helper.make_tensor_value_info("logits", kinds.FLOAT, [1, 8, 12, 3])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(tmp_path / "model.onnx"))
    spec = InputSpec(64, 96, "rgb", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    files = engine_files("onnxruntime", "f32", "model.onnx", tmp_path, ["model.onnx"])
    return Bundle(Path(tmp_path), "net", "1.0.0", spec, LABELS, (files,), "none")


class _Device:
    """A session that says it runs elsewhere, and whose logits are those of the CPU through `change`."""

    def __init__(self, change, path, options, providers):
        self._session, self._change, self._providers = REAL_SESSION(path, options, providers=[CPU]), change, providers

    def get_providers(self):
        return list(self._providers)

    def get_inputs(self):
        return self._session.get_inputs()

    def run(self, names, feeds):
        return [self._change(self._session.run(names, feeds)[0])]


def install(monkeypatch, **changes):
    """Make ONNX Runtime seem to have these devices, with what they make of logits."""
    names = {"tensorrt": TENSORRT, "cuda": CUDA}
    by_name = {names[device]: change for device, change in changes.items()}

    def session(path, options, providers):
        if providers[0] in by_name:
            return _Device(by_name[providers[0]], path, options, providers)
        return REAL_SESSION(path, options, providers=providers)

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [*by_name, CPU])


def _fail(logits):
    raise RuntimeError("CUDA failure 35: driver version is insufficient")


def _same(logits):
    return logits


WRONG = {
    "shifted": lambda logits: np.roll(logits, 1, axis=2),
    "swapped classes": lambda logits: logits[..., ::-1],
    "not finite": lambda logits: np.where(logits > 0, np.nan, logits),
    "zeros": np.zeros_like,
    "another size": lambda logits: logits[:, ::2],
    "failing": _fail,
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_device_with_wrong_logits_is_refused_for_the_cpu_and_said(bundle, monkeypatch, kind):
    install(monkeypatch, cuda=WRONG[kind])
    engine = create_engine(bundle)
    assert engine.description.endswith("on CPU") and engine.warning.startswith("CUDA is not used: "), kind
    image = np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8)
    monkeypatch.undo()
    alone = create_engine(bundle)
    np.testing.assert_array_equal(engine.logits(image), alone.logits(image))
    assert alone.warning == ""


def test_the_next_device_is_tried_when_the_best_one_is_wrong(bundle, monkeypatch):
    install(monkeypatch, tensorrt=WRONG["zeros"], cuda=_same)
    engine = create_engine(bundle)
    assert "on CUDA, whose logits were compared" in engine.description and "Tensorrt is not used" in engine.warning


def test_a_device_that_rounds_as_tf32_does_is_taken(bundle, monkeypatch):
    noise = np.random.default_rng(2)
    install(monkeypatch, cuda=lambda logits: logits * (1 + noise.uniform(-1e-3, 1e-3, logits.shape)).astype(np.float32))
    engine = create_engine(bundle)
    assert "on CUDA" in engine.description and engine.warning == ""


def test_a_device_named_by_the_variable_must_be_here(bundle, monkeypatch):
    monkeypatch.setenv("RT_SEG_DEVICE", "cuda")
    with pytest.raises(BundleError, match="device cuda: ONNX Runtime has only"):
        create_engine(bundle, "onnxruntime")
    monkeypatch.setenv("RT_SEG_DEVICE", "abacus")
    with pytest.raises(BundleError, match="accepted: auto, tensorrt, cuda, cpu"):
        create_engine(bundle, "onnxruntime")


def test_disagreement_is_measured_against_the_range_of_the_logits():
    logits = np.random.default_rng(0).normal(size=(8, 12, 3)).astype(np.float32)
    assert disagreement(logits, logits) == "" and disagreement(1.5 * logits, logits)
    assert disagreement(np.zeros((8, 12, 3), np.float32), np.zeros((8, 12, 3), np.float32)) == ""
