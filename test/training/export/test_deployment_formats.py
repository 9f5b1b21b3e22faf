"""The real networks, of many layers, in the formats that they are exported to."""

import keras
import numpy as np
import pytest

from rt_seg_training.export.openvino_network import ExactEngine, deployment_network
from rt_seg_training.input_pipeline.batches import normalize
from rt_seg_training.nets.ddrnet import ddrnet_23_slim
from rt_seg_training.nets.registry import build_net
from rt_seg_training.runs.network_engine import NetworkEngine, input_spec


@pytest.mark.slow
def test_onnx_computes_the_same_at_the_size_of_a_camera(tmp_path):
    """At 480x640 the converter writes scales that ONNX Runtime rounds to another size and refuses."""
    import onnxruntime

    from rt_seg_training.export.deployment_formats import write_onnx

    keras.utils.set_random_seed(2)
    net = ddrnet_23_slim(480, 640, 3)
    image = np.random.default_rng(4).integers(0, 256, (1, 480, 640, 3), np.uint8)
    path = str(tmp_path / write_onnx(net, tmp_path))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    logits = session.run(None, {session.get_inputs()[0].name: image})[0]
    expected = net(normalize(image), training=False).numpy()
    assert np.abs(logits - expected).max() < 1e-3 * np.abs(expected).max()


@pytest.mark.slow
def test_a_network_with_a_branch_for_depth_computes_in_openvino_what_it_computes_in_keras(tmp_path):
    keras.utils.set_random_seed(3)
    net = build_net("ddrnet_23_slim_rgbd", 64, 96, 3)
    random = np.random.default_rng(5)
    image = random.integers(0, 256, (64, 96, 3), np.uint8)
    depth = np.where(random.random((64, 96)) < 0.2, 0, random.uniform(0.5, 4.0, (64, 96))).astype(np.float32)
    net.export(str(tmp_path), verbose=False)
    engine = ExactEngine(deployment_network(net, tmp_path), input_spec(net))
    expected = NetworkEngine.of_model(net).logits(image, depth)
    difference = np.abs(engine.logits(image, depth) - expected).max()
    assert difference < 1e-4 * np.abs(expected).max()
