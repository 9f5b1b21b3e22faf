"""Which engine is taken, and what is said where there is none."""

import dataclasses
import sys
from pathlib import Path

import pytest

from rt_seg.bundle import BundleError, EngineFiles, load_bundle
from rt_seg.engines import create_engine

BUNDLE = load_bundle(Path(__file__).parents[3] / "models" / "tabletop")


def _with_runtimes(*runtimes):
    own = BUNDLE.engines[0]
    engines = [own if name == "openvino" else EngineFiles(name, "f32", own.path, own.sha256) for name in runtimes]
    return dataclasses.replace(BUNDLE, engines=tuple(engines))


def test_auto_takes_openvino_whatever_stands_first_in_the_bundle():
    engine = create_engine(_with_runtimes("litert", "openvino"))
    assert engine.description.startswith("OpenVINO")
    engine.close()


@pytest.mark.parametrize(
    ("runtime", "module", "package"),
    [
        ("onnxruntime", "onnxruntime", "onnxruntime"),
        ("litert", "ai_edge_litert.interpreter", "ai-edge-litert"),
        ("saved_model", "tensorflow", "tensorflow-cpu"),
        ("keras", "tensorflow", "tensorflow-cpu"),
    ],
)
def test_a_runtime_that_is_not_installed_names_the_package_to_install(monkeypatch, runtime, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    for name in (runtime, "saved_model"):  # that of Keras imports that of TensorFlow
        monkeypatch.delitem(sys.modules, f"rt_seg.engines.{name}", raising=False)
    for wanted in (runtime, "auto"):
        with pytest.raises(BundleError, match=f"{runtime} cannot be imported .*: pip install {package}$"):
            create_engine(_with_runtimes(runtime), wanted)


@pytest.mark.parametrize("accelerator", ["CUDAExecutionProvider", "TensorrtExecutionProvider"])
def test_auto_takes_onnx_runtime_before_openvino_where_it_has_a_gpu(monkeypatch, accelerator):
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: make training")
    bundle = _with_runtimes("openvino", "onnxruntime")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider", accelerator])
    # The file is OpenVINO's, so the error tells who tried to read it.
    with pytest.raises(BundleError, match="ONNX Runtime cannot load this model"):
        create_engine(bundle)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    engine = create_engine(bundle)
    assert engine.description.startswith("OpenVINO")
    engine.close()
