"""The remote runtime with a real server: masks are the local ones, and a server that dies or stalls costs none."""

import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "support")]
from inference_server import InferenceServer, why_not  # noqa: E402
from waiting import wait_for  # noqa: E402

from rt_seg.bundle import BundleError, load_bundle  # noqa: E402
from rt_seg.engines import create_engine  # noqa: E402
from rt_seg.engines.fallback import FallbackEngine  # noqa: E402
from rt_seg.engines.remote import JPEG, RAW, RemoteEngine, RemoteError  # noqa: E402
from rt_seg.segmenter import Segmenter  # noqa: E402

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
MODELS = Path(__file__).resolve().parents[3] / "models"
PATIENCE = 5.0
"""Seconds of a deadline on a machine that does other things, too."""


@pytest.fixture(scope="module")
def bundles():
    return {name: load_bundle(MODELS / name) for name in ("tabletop", "indoor")}


@pytest.fixture(scope="module")
def server(bundles):
    with InferenceServer(*bundles.values()) as running:
        yield running


def image_of(bundle, seed=0):
    rng = np.random.default_rng(seed)
    spec = bundle.input
    small = rng.integers(0, 256, (spec.height // 8, spec.width // 8, 3), np.uint8)
    return np.ascontiguousarray(small.repeat(8, axis=0).repeat(8, axis=1))


@pytest.mark.parametrize("name", ["tabletop", "indoor"])
def test_masks_of_a_raw_image_are_the_local_ones(server, bundles, name):
    bundle = bundles[name]
    remote = RemoteEngine(bundle, server.address, RAW, PATIENCE)
    remote.connect()
    local = create_engine(bundle, threads=1)
    spec = bundle.input
    depth = np.full((spec.height, spec.width), 900, np.uint16) if spec.with_depth else None
    for given in (depth, None):
        image = image_of(bundle)
        expected = Segmenter(spec, local).segment(image, True, given)
        found = Segmenter(spec, remote).segment(image, True, given)
        np.testing.assert_array_equal(found.mask, expected.mask)
        np.testing.assert_array_equal(found.confidence, expected.confidence)
    local.close()
    remote.close()


def test_masks_of_a_jpeg_are_nearly_the_local_ones(server, bundles):
    bundle = bundles["tabletop"]
    remote = RemoteEngine(bundle, server.address, JPEG, PATIENCE)
    remote.connect()
    local = create_engine(bundle, threads=1)
    image = image_of(bundle)
    pairs = [Segmenter(bundle.input, engine).segment(image).mask for engine in (local, remote)]
    assert (pairs[0] == pairs[1]).mean() > 0.9
    local.close()
    remote.close()


def test_a_server_without_the_model_and_one_that_is_not_there_are_named(server, bundles):
    missing = RemoteEngine(load_bundle(MODELS / "camvid"), server.address)
    with pytest.raises(RemoteError, match="camvid|not found|no model"):
        missing.connect()
    with pytest.raises(RemoteError, match="127.0.0.1:1"):
        RemoteEngine(bundles["tabletop"], "127.0.0.1:1").connect()


def test_an_image_of_another_size_is_refused_and_the_server_goes_on(server, bundles):
    bundle = bundles["tabletop"]
    remote = RemoteEngine(bundle, server.address, RAW, PATIENCE)
    remote.connect()
    with pytest.raises(RemoteError, match="bytes") as caught:
        remote.logits(np.zeros((10, 10, 3), np.uint8))
    assert caught.value.refused
    remote.logits(image_of(bundle))
    remote.close()


def test_without_the_client_the_command_that_installs_it_is_named(bundles, monkeypatch):
    monkeypatch.setitem(sys.modules, "tritonclient.grpc", None)
    with pytest.raises(BundleError, match="requirements-remote.txt"):
        RemoteEngine(bundles["tabletop"], "127.0.0.1:1")


class _Frames:
    """Images at a camera's rate through a segmenter, in a thread; the longest time that one took."""

    def __init__(self, segmenter, image):
        self.times, self._stop = [], threading.Event()

        def work():
            while not self._stop.wait(0.1):
                started = time.monotonic()
                self.masks = segmenter.segment(image).mask
                self.times.append((started, time.monotonic() - started))

        self._thread = threading.Thread(target=work)
        self._thread.start()

    def longest_since(self, moment):
        return max(seconds for started, seconds in self.times if started + seconds >= moment)

    def stop(self):
        self._stop.set()
        self._thread.join()


@pytest.mark.parametrize("fault", ["killed", "stopped"])
def test_within_a_second_of_a_fault_the_local_engine_answers_and_the_server_again_when_it_can(bundles, fault):
    bundle = bundles["tabletop"]
    said = []
    with InferenceServer(bundle) as server:
        local = create_engine(bundle, threads=1)
        engine = FallbackEngine(RemoteEngine(bundle, server.address, RAW, 0.5), local, said.append)
        segmenter = Segmenter(bundle.input, engine)
        # On a machine that does other things, too, the trial image may have missed its deadline.
        assert wait_for(lambda: not engine.warning), engine.warning
        frames = _Frames(segmenter, image_of(bundle))
        try:
            assert wait_for(lambda: engine.remote_images > 3), server.output()
            before, moment = engine.local_images, time.monotonic()
            if fault == "killed":
                server.end()
            else:
                server.send(signal.SIGSTOP)
            assert wait_for(lambda: engine.local_images > before)
            fell_back = time.monotonic() - moment
            assert "falls back to the local engine" in segmenter.warning and said
            time.sleep(2.0)
            longest = frames.longest_since(moment)
            print(f"{fault}: local masks {fell_back:.2f} s after the fault, longest image {longest:.2f} s")
            assert fell_back < 1.0 and longest < 1.0
            if fault == "killed":
                server.start()
            else:
                server.send(signal.SIGCONT)
            moment, remote = time.monotonic(), engine.remote_images
            assert wait_for(lambda: not segmenter.warning and engine.remote_images > remote)
            print(f"{fault}: back at the server {time.monotonic() - moment:.2f} s after it runs again")
            assert any("responds again" in line for line in said)
        finally:
            frames.stop()
            segmenter.close()
