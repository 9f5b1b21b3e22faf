"""Which arithmetic the layers take."""

import pytest
import tensorflow as tf

from rt_seg_training.optimization import precision


@pytest.mark.parametrize(("cpu", "expected"), [("bf16", "mixed_bfloat16"), ("f32", "float32")])
def test_auto_on_a_cpu_is_bfloat16_only_where_it_has_matrix_units_and_never_float16(cpu, expected, monkeypatch):
    monkeypatch.setattr("rt_seg.engines.openvino.preferred_precision", lambda: cpu)
    assert not tf.config.list_physical_devices("GPU")
    assert precision.layer_policy("auto") == expected
    assert precision.layer_policy("auto", replicas=2) == expected


@pytest.mark.parametrize(("gpus", "replicas", "expected"), [(1, 1, "mixed_float16"), (2, 2, "mixed_bfloat16")])
def test_auto_on_a_gpu_is_float16_on_one_device(gpus, replicas, expected, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU"] * gpus)
    assert precision.layer_policy("auto", replicas) == expected


def test_a_precision_that_is_named_is_taken():
    assert precision.layer_policy("float32") == "float32"
    assert precision.layer_policy("bfloat16") == "mixed_bfloat16"
    assert precision.layer_policy("float16") == "mixed_float16"
