"""A model at several input sizes: which one runs, when it changes, and that no frame waits for the change."""

from __future__ import annotations

import time

import numpy as np
import pytest
from color_bundle import HEIGHT, WIDTH, write_color_bundle

from rt_seg.bundle import BundleError, load_bundle, write_bundle
from rt_seg.segmenter import load_segmenter
from rt_seg.sized_segmenter import SizedSegmenter, parse_size

HALF = (32, 48)
PERIOD = 1 / 30
BRIGHT = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def make(bundle):
    return load_segmenter(bundle, threads=1)


@pytest.fixture
def bundle(tmp_path):
    return load_bundle(write_color_bundle(tmp_path / "sized", smaller=[(*HALF, 0)]))


def test_the_sizes_of_a_bundle_are_listed_largest_first_and_survive_writing(bundle):
    assert bundle.input_sizes("openvino") == ((HEIGHT, WIDTH), HALF)
    assert bundle.input_sizes("litert") == ((HEIGHT, WIDTH),)
    write_bundle(bundle)
    assert load_bundle(bundle.folder) == bundle


def test_a_bundle_at_one_of_its_sizes_runs_at_it_and_another_size_is_refused_with_those_there_are(bundle):
    sized = bundle.at_size(*HALF)
    assert (sized.input.height, sized.input.width) == HALF and sized.engines[0].path.name == "model_48x32.xml"
    assert bundle.at_size(HEIGHT, WIDTH) is bundle
    with pytest.raises(BundleError, match="no network for an input of 20x10 pixels; accepted are 64x48, 48x32"):
        bundle.at_size(10, 20)


def test_a_smaller_network_without_a_hash_is_refused(bundle):
    manifest = bundle.folder / "bundle.yaml"
    manifest.write_text(manifest.read_text().replace("path: model_48x32.xml", "path: other.xml"))
    with pytest.raises(BundleError, match="sha256 has no hash of the file 'other.xml'"):
        load_bundle(bundle.folder)


@pytest.mark.parametrize(("text", "size"), [("auto", None), ("full", None), ("640x480", (480, 640))])
def test_sizes_are_written_as_those_of_cameras(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "640", "640x", "x480", "640*480", "-1x2", "largest"])
def test_a_size_that_is_not_understood_names_what_is(text):
    with pytest.raises(ValueError, match="accepted: auto, full, or WIDTHxHEIGHT"):
        parse_size(text)


@pytest.mark.parametrize(("input_size", "expected"), [("full", (HEIGHT, WIDTH)), ("48x32", HALF)])
def test_a_fixed_size_never_changes(bundle, input_size, expected):
    segmenter = SizedSegmenter(bundle, make, input_size)
    for frame in range(200):
        assert segmenter.after_frame(0.5, PERIOD, frame * PERIOD) is None
    assert segmenter.input_size == expected and segmenter.input_sizes == (expected,)
    segmenter.close()


def test_masks_of_a_size_are_those_of_the_bundle_at_that_size(bundle):
    sized, plain = SizedSegmenter(bundle, make, "48x32"), make(bundle.at_size(*HALF))
    np.testing.assert_array_equal(sized.segment(BRIGHT).mask, plain.segment(BRIGHT).mask)
    assert sized.segment(BRIGHT).mask.shape == (HEIGHT, WIDTH)
    sized.close()
    plain.close()


def _frames(segmenter, count, busy, start):
    """Frames of a camera of 30 Hz; returns the changes, and the longest time that one of them took to be noted."""
    changes, longest = [], 0.0
    for frame in range(count):
        began = time.perf_counter()
        change = segmenter.after_frame(busy, PERIOD, start + frame * PERIOD)
        longest = max(longest, time.perf_counter() - began)
        if change:
            changes.append(change)
    return changes, longest


def test_slow_frames_bring_the_smaller_size_and_fast_ones_the_larger_back_and_no_frame_waits(bundle, monkeypatch):
    # What this machine takes for the network, while other tests run, is not what is tested.
    monkeypatch.setattr(SizedSegmenter, "_cost_of", lambda *_: 0.008)
    segmenter = SizedSegmenter(bundle, make)
    assert segmenter.input_size == (HEIGHT, WIDTH)
    deadline = time.monotonic() + 20.0
    changes = []
    while not changes and time.monotonic() < deadline:  # the smaller network is loaded in the background
        changes, longest = _frames(segmenter, 10, 0.032, 0.0)
        assert longest < 0.05
        time.sleep(0.02)
    assert changes[0].startswith("input size 48x32: 32 ms per frame leave no headroom in a period of 33 ms")
    assert segmenter.input_size == HALF
    changes, longest = _frames(segmenter, 1200, 0.004, 100.0)
    assert len(changes) == 1 and segmenter.input_size == (HEIGHT, WIDTH)
    assert longest < 0.05
    segmenter.close()


def test_a_size_whose_network_does_not_load_is_named_and_the_one_that_runs_goes_on(bundle):
    def fails_when_small(sized):
        if (sized.input.height, sized.input.width) == HALF:
            raise BundleError("no memory for it")
        return make(sized)

    segmenter = SizedSegmenter(bundle, fails_when_small)
    deadline = time.monotonic() + 20.0
    while not segmenter.failures and time.monotonic() < deadline:
        assert _frames(segmenter, 10, 0.05, 0.0)[0] == []
        time.sleep(0.01)
    assert segmenter.failures == {HALF: "no memory for it"}
    assert segmenter.segment(BRIGHT).mask.shape == (HEIGHT, WIDTH)
    segmenter.close()
