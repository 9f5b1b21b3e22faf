"""The segmenter with a network that takes depth, known by heart: nearer than 1 m is class 0, farther is class 2."""

import dataclasses
import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
from color_bundle import DEPTH_RANGE, HEIGHT, WIDTH, write_color_bundle  # noqa: E402

from rt_seg.bundle import BundleError, load_bundle
from rt_seg.engines import create_engine
from rt_seg.segmenter import load_segmenter, network_depth

GREEN = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
GREEN[..., 1] = 200


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return load_bundle(write_color_bundle(tmp_path_factory.mktemp("bundle") / "deep", with_depth=True))


@pytest.fixture(scope="module")
def segmenter(bundle):
    segmenter = load_segmenter(bundle, precision="f32")
    yield segmenter
    segmenter.close()


def _steps(dtype):
    """Left half at 0.6 m, right half at 3 m, in millimetres or metres."""
    metres = np.full((HEIGHT, WIDTH), 0.6, np.float32)
    metres[:, WIDTH // 2 :] = 3.0
    return np.round(metres * 1000).astype(np.uint16) if dtype == np.uint16 else metres


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("scale", [1, 3])
def test_millimetres_and_metres_of_any_size_are_heard(segmenter, dtype, scale):
    image, depth = (np.repeat(np.repeat(array, scale, axis=0), scale, axis=1) for array in (GREEN, _steps(dtype)))
    mask = segmenter.segment(image, depth=depth).mask
    assert mask.shape == depth.shape
    # Half a block beside the step is between the two.
    assert (mask[:, : 28 * scale] == 0).all() and (mask[:, 36 * scale :] == 2).all()


@pytest.mark.parametrize(
    "nothing", [None, 0.0, np.nan, np.inf, -1.0, DEPTH_RANGE[0] - 0.01, DEPTH_RANGE[1] + 0.1], ids=str
)
def test_what_is_no_reading_leaves_the_mask_to_colour(segmenter, nothing):
    depth = None if nothing is None else np.full((HEIGHT, WIDTH), nothing, np.float32)
    assert (segmenter.segment(GREEN, depth=depth).mask == 1).all()


def test_depth_that_ends_leaves_nothing_behind(segmenter):
    before = segmenter.segment(GREEN).mask
    assert (segmenter.segment(GREEN, depth=_steps(np.uint16)).mask != 1).any()
    np.testing.assert_array_equal(segmenter.segment(GREEN).mask, before)


def test_readings_are_picked_and_never_mixed():
    depth = np.zeros((4, 6), np.uint16)
    depth[:, 3:] = 4000
    depth[1, 1] = 500
    small = network_depth(depth, 2, 3, (0.2, 10.0))
    assert small.dtype == np.float32
    assert set(np.unique(small)) <= {np.float32(0), np.float32(0.5), np.float32(4)}
    assert (network_depth(depth, 8, 12, (0.2, 10.0))[:, 6:] == 4).all()
    assert network_depth(depth, 4, 6, (0.2, 3.0)).max() == np.float32(0.5)


def test_the_depth_of_the_caller_is_not_written_to(segmenter):
    depth = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    depth.flags.writeable = False
    segmenter.segment(GREEN, depth=depth)
    assert np.isnan(depth).all()


@pytest.mark.parametrize(
    ("depth", "words"),
    [
        (np.zeros((HEIGHT, WIDTH // 2), np.float32), "does not match the image"),
        (np.zeros((HEIGHT, WIDTH), np.float64), "accepted: .* uint16 millimetres or float32 metres"),
    ],
)
def test_other_depth_is_refused_in_words(segmenter, depth, words):
    with pytest.raises(ValueError, match=words):
        segmenter.segment(GREEN, depth=depth)


def test_a_network_of_colour_does_not_look_at_depth(tmp_path):
    segmenter = load_segmenter(load_bundle(write_color_bundle(tmp_path / "color")), precision="f32")
    assert (segmenter.segment(GREEN, depth=_steps(np.uint16)).mask == 1).all()
    segmenter.close()


def test_a_manifest_that_forgets_the_depth_of_its_network_is_refused(bundle):
    spec = dataclasses.replace(bundle.input, channels="rgb", depth_range=None)
    forgetful = dataclasses.replace(bundle, input=spec)
    with pytest.raises(BundleError, match=r"its input is \[1, 48, 64, 3\] and \[1, 48, 64, 1\], but the bundle says"):
        create_engine(forgetful)


def test_an_enlarged_image_takes_its_depth_along(segmenter):
    image = cv2.resize(GREEN, (WIDTH // 2, HEIGHT // 2))
    mask = segmenter.segment(image, depth=np.full(image.shape[:2], 500, np.uint16)).mask
    assert (mask == 0).all()


def _benchmark():
    path = Path(__file__).parents[2] / "benchmarks" / "depth.py"
    spec = importlib.util.spec_from_file_location("depth_benchmark", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_benchmark_of_depth_prints_a_row_for_each_form_with_its_ratio(bundle, tmp_path, capsys):
    color = write_color_bundle(tmp_path / "color")
    assert _benchmark()([str(bundle.folder), str(color), "--repeats", "2"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[1].startswith("color 1.0.0: rgb 48x64") and printed[2].startswith("color 1.0.0: rgbd 48x64")
    rows = [line for line in printed if line.rstrip().endswith("x") and "ms" in line]
    assert len(rows) == 4 and rows[0].endswith("1.00x")
    assert _benchmark()([str(color), str(color)]) == 2
    assert "takes no depth; name a bundle that takes it" in capsys.readouterr().err
