"""Cameras share the engine of a bundle: loaded once, released with the last; none waits longer than its turn."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from rt_seg import shared_engines
from rt_seg.bundle import load_bundle
from rt_seg.segmenter import Segmenter
from rt_seg.shared_engines import EnginePool, Turns

TABLETOP = Path(__file__).resolve().parents[2] / "models" / "tabletop"


class _Engine:
    runtime = description = "counted"

    def __init__(self, *_):
        self.closed = False
        self.busy = 0
        self.output = np.zeros((2, 2, 3), np.float32)

    def logits(self, rgb, depth=None):
        self.busy += 1
        assert self.busy == 1, "two threads at once"
        time.sleep(0.002)
        self.output[:] = rgb.flat[0]
        self.busy -= 1
        return self.output

    def close(self):
        self.closed = True


@pytest.fixture
def pool(monkeypatch):
    monkeypatch.setattr(shared_engines, "create_engine", _Engine)
    return EnginePool()


def test_a_bundle_is_loaded_once_and_released_with_its_last_user(pool):
    bundle = load_bundle(TABLETOP)
    first, second = pool.engine(bundle), pool.engine(bundle)
    other = pool.engine(bundle, precision="f32")
    (shared, separate) = pool.engines
    first.close()
    first.close()  # a second time changes nothing
    assert not shared.closed
    second.close()
    assert shared.closed and not separate.closed and pool.engines == [separate]
    other.close()
    assert separate.closed and not pool.engines


def test_what_one_camera_got_stays_when_another_has_its_turn(pool):
    bundle = load_bundle(TABLETOP)
    first, second = pool.engine(bundle), pool.engine(bundle)
    kept = first.logits(np.full((2, 2, 3), 7, np.uint8))
    second.logits(np.full((2, 2, 3), 9, np.uint8))
    assert (kept == 7).all()


def test_under_overload_all_cameras_get_the_same_number_of_turns(pool):
    bundle = load_bundle(TABLETOP)
    counts, ends = {}, time.monotonic() + 1.0

    def work(name):
        engine = pool.engine(bundle)
        while time.monotonic() < ends:
            engine.logits(np.zeros((2, 2, 3), np.uint8))
            counts[name] = counts.get(name, 0) + 1

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(counts.values()) - min(counts.values()) <= 3, counts


def test_a_turn_that_fails_is_given_on():
    turns = Turns()
    with pytest.raises(RuntimeError), turns.turn():
        raise RuntimeError("an image that the engine refuses")
    with turns.turn():
        pass


def test_masks_of_a_shared_engine_are_those_of_an_engine_alone():
    from rt_seg.segmenter import load_segmenter

    bundle = load_bundle(TABLETOP)
    image = np.random.default_rng(0).integers(0, 256, (bundle.input.height, bundle.input.width, 3), np.uint8)
    pool = EnginePool()
    shared = Segmenter(bundle.input, pool.engine(bundle, threads=1))
    alone = load_segmenter(bundle, threads=1)
    np.testing.assert_array_equal(shared.segment(image).mask, alone.segment(image).mask)
    shared.close()
    alone.close()
