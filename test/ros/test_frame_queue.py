"""The queue between subscriber callbacks and the worker."""

import threading
import time

import pytest

from rt_seg.ros.frame_queue import HOLD_BACK, FrameQueue
from rt_seg.ros.synchronizer import EVERY_FRAME, SECOND

PERIOD = SECOND // 30
COUNT = 200


@pytest.fixture
def queue():
    queue = FrameQueue(EVERY_FRAME, use_depth=True, slop=0.01, depth_timeout=1.0, capacity=32)
    yield queue
    queue.close()


def send(put, stamps):
    thread = threading.Thread(target=lambda: [put(stamp, stamp) for stamp in stamps], daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("depths", [1, 3])
def test_every_frame_pairs_all_though_depth_runs_ahead_and_the_worker_is_slow(queue, depths):
    """Depth of the colour's rate, and of three times that rate, whose rest belongs to no image."""
    stamps = [SECOND + i * PERIOD for i in range(COUNT)]
    send(queue.put_depth, [stamp + i * PERIOD // 3 for stamp in stamps for i in range(depths)])
    time.sleep(0.02)
    send(queue.put_color, stamps)
    pairs = []
    while len(pairs) < COUNT:
        pair = queue.take(timeout=5.0)
        assert pair is not None
        pairs.append(pair)
        time.sleep(0.003)
    assert [pair.depth for pair in pairs] == stamps


def test_depth_is_not_held_back_for_ever_when_no_colour_comes(queue):
    send(queue.put_depth, [SECOND + i * PERIOD for i in range(100)]).join(5.0)
    assert queue.counters["depth_received"] == 100
    # Nor after colour was held back and ended.
    stamps = [100 * SECOND + i * PERIOD for i in range(40)]
    color = send(queue.put_color, stamps)
    time.sleep(0.1)
    depth = send(queue.put_depth, [200 * SECOND + i * PERIOD for i in range(100)])
    for _ in stamps:
        assert queue.take(timeout=5.0) is not None
    color.join(5.0)
    depth.join(HOLD_BACK + 5.0)
    assert not color.is_alive() and not depth.is_alive()


def test_closing_releases_depth_that_is_held_back(queue):
    stamps = [SECOND + i * PERIOD for i in range(100)]
    color = send(queue.put_color, stamps)
    time.sleep(0.05)
    depth = send(queue.put_depth, stamps)
    time.sleep(0.1)
    assert color.is_alive() and depth.is_alive() and queue.depth_alive
    queue.close()
    color.join(5.0)
    depth.join(5.0)
    assert not color.is_alive() and not depth.is_alive()
