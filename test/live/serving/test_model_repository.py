"""Folders for inference servers hold the bundle's network and say its tensors by their names."""

import json
from pathlib import Path

import numpy as np
import openvino
import pytest

from rt_seg.bundle import load_bundle
from rt_seg.serving.model_repository import main, write_repositories

MODELS = Path(__file__).resolve().parents[3] / "models"


@pytest.mark.parametrize("name", ["tabletop", "indoor"])
def test_the_network_for_triton_and_ovms_computes_what_the_bundle_says_it_is(tmp_path, name):
    bundle = load_bundle(MODELS / name)
    places = write_repositories(bundle, ("triton", "ovms"), tmp_path)
    assert places["ovms"] == tmp_path / "ovms" / bundle.name
    for place in places.values():
        model = openvino.Core().read_model(str(place / "1" / "model.xml"))
        shapes = [list(port.shape) for port in model.inputs]
        assert [1, bundle.input.height, bundle.input.width, 3] in shapes
    text = (places["triton"] / "config.pbtxt").read_text()
    assert f'name: "{bundle.name}"' in text and 'backend: "openvino"' in text
    for port in model.inputs:
        dims = ", ".join(str(side) for side in port.shape)
        kind = "TYPE_UINT8" if port.element_type.to_dtype() == np.uint8 else "TYPE_FP32"
        assert f'input [ {{ name: "{port.any_name}" data_type: {kind} dims: [ {dims} ] }} ]' in text
    assert text.count("output [") == len(model.outputs) == 1


def test_the_folder_for_mlserver_is_a_bundle_and_names_its_runtime(tmp_path):
    assert main([str(MODELS / "indoor"), "--for", "mlserver", "--output", str(tmp_path)]) == 0
    place = tmp_path / "indoor"
    settings = json.loads((place / "model-settings.json").read_text())
    assert settings["implementation"].endswith("SegmentationRuntime")
    assert [tensor["name"] for tensor in settings["inputs"]] == ["image", "depth"]
    assert load_bundle(place / settings["parameters"]["uri"]).labels == load_bundle(MODELS / "indoor").labels
    assert json.loads((tmp_path / "settings.json").read_text())["parallel_workers"] == 0
    # Written again, over what is there; the server's settings stay as their owner left them.
    (tmp_path / "settings.json").write_text('{"grpc_port": 9000}')
    assert main([str(MODELS / "indoor"), "--for", "mlserver", "--output", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "settings.json").read_text()) == {"grpc_port": 9000}


def test_a_bundle_that_is_not_there_is_named(tmp_path, capsys):
    assert main(["nosuch", "--for", "triton", "--output", str(tmp_path)]) == 2
    assert "nosuch" in capsys.readouterr().err
