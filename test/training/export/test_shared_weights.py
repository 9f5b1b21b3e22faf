"""Networks of one model at several input sizes share one file of weights and compute what they computed alone."""

from __future__ import annotations

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops

from rt_seg_training.export.shared_weights import save_with_weights_of

KERNEL = np.random.default_rng(0).normal(size=(8, 3, 3, 3)).astype(np.float32)


def network(side: int, bias: float = 0.0) -> openvino.Model:
    """A convolution with the common kernel, and a constant of its own."""
    image = ops.parameter([1, 3, side, side], np.float32)
    convolved = ops.convolution(image, ops.constant(KERNEL), [1, 1], [1, 1], [1, 1], [1, 1])
    return openvino.Model([ops.add(convolved, ops.constant(np.full((1, 8, side, side), bias, np.float32)))], [image])


def answer(model: openvino.Model, side: int) -> np.ndarray:
    image = np.random.default_rng(1).normal(size=(1, 3, side, side)).astype(np.float32)
    return openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(image)[0]


@pytest.mark.parametrize("compress", [False, True])
def test_the_second_network_adds_what_only_it_has_and_computes_the_same(tmp_path, compress):
    first, second = tmp_path / "model.xml", tmp_path / "model_4x4.xml"
    openvino.save_model(network(8, 1.0), str(first), compress_to_fp16=compress)
    expected = answer(openvino.Core().read_model(str(first)), 8)
    grown = save_with_weights_of(first, network(4, 2.0), second, compress_to_fp16=compress)
    bytes_of_value = 2 if compress else 4
    assert 0 < grown < KERNEL.size * bytes_of_value
    shared = openvino.Core().read_model(str(second), str(first.with_suffix(".bin")))
    openvino.save_model(network(4, 2.0), str(tmp_path / "alone.xml"), compress_to_fp16=compress)
    alone = openvino.Core().read_model(str(tmp_path / "alone.xml"))
    np.testing.assert_array_equal(answer(shared, 4), answer(alone, 4))
    np.testing.assert_array_equal(answer(openvino.Core().read_model(str(first)), 8), expected)


def test_the_same_network_again_adds_nothing(tmp_path):
    first = tmp_path / "model.xml"
    openvino.save_model(network(8), str(first), compress_to_fp16=False)
    assert save_with_weights_of(first, network(8), tmp_path / "again.xml") == 0
