"""The pairing of colour and depth by stamp."""

import itertools
import random

import pytest

from rt_seg.ros.synchronizer import EVERY_FRAME, LIVE, SECOND, Synchronizer

PERIOD = SECOND // 30


def take_all(synchronizer, now):
    return list(itertools.takewhile(lambda pair: pair is not None, iter(lambda: synchronizer.take(now), object())))


def check_balance(synchronizer, duplicate_depths=0):
    """Every colour image ended as exactly one thing."""
    c = synchronizer.counters
    assert c.color_received == c.taken + c.dropped + (c.duplicates - duplicate_depths) + synchronizer.pending


def feed(synchronizer, stamps, start=0.0, depth=True):
    pairs, now = [], start
    for stamp in stamps:
        synchronizer.add_color(stamp, ("color", stamp), now)
        if depth:
            synchronizer.add_depth(stamp, ("depth", stamp), now)
        pairs += take_all(synchronizer, now)
        now += 1 / 30
    return pairs, now


@pytest.mark.parametrize("mode", [LIVE, EVERY_FRAME])
@pytest.mark.parametrize("slop", [0.0, 0.01])
def test_equal_stamps_pair_at_once_even_without_slop(mode, slop):
    synchronizer = Synchronizer(mode, slop=slop)
    stamps = [10 * SECOND + i * PERIOD for i in range(20)]
    pairs, _ = feed(synchronizer, stamps)
    assert [pair.stamp for pair in pairs] == stamps
    assert all(pair.depth == ("depth", pair.stamp) for pair in pairs)
    assert synchronizer.counters.paired == 20


def test_stamps_pair_within_slop_only_and_to_the_nearest():
    synchronizer = Synchronizer(slop=0.01)
    synchronizer.add_depth(SECOND - 9_000_000, "early", 0.0)
    synchronizer.add_depth(SECOND + 2_000_000, "near", 0.0)
    synchronizer.add_color(SECOND, "color", 0.0)
    assert synchronizer.take(0.0).depth == "near"
    synchronizer.add_color(2 * SECOND, "color", 0.0)
    synchronizer.add_depth(2 * SECOND + 10_000_001, "too late", 0.0)
    assert synchronizer.take(0.0) is None


def test_depth_first_or_colour_first_is_the_same():
    synchronizer = Synchronizer()
    synchronizer.add_depth(SECOND, "depth", 0.0)
    synchronizer.add_color(SECOND, "color", 0.01)
    assert synchronizer.take(0.01).depth == "depth"


def test_live_gives_the_newest_and_counts_the_older_as_dropped():
    synchronizer = Synchronizer(LIVE)
    for i in range(1, 6):
        synchronizer.add_color(i * PERIOD, i, 0.0)
        synchronizer.add_depth(i * PERIOD, -i, 0.0)
    pair = synchronizer.take(0.0)
    assert (pair.color, pair.depth) == (5, -5)
    assert synchronizer.take(0.0) is None
    assert synchronizer.counters.dropped == 4
    check_balance(synchronizer)


def test_live_takes_a_newer_pair_rather_than_wait_for_an_older_depth():
    synchronizer = Synchronizer(LIVE)
    synchronizer.add_color(1 * PERIOD, 1, 0.0)
    synchronizer.add_color(2 * PERIOD, 2, 0.0)
    synchronizer.add_depth(2 * PERIOD, -2, 0.0)
    assert synchronizer.take(0.0).color == 2
    synchronizer.add_depth(1 * PERIOD, -1, 0.0)
    assert synchronizer.take(1.0) is None


def test_every_frame_gives_each_in_order_whatever_the_order_of_arrival():
    synchronizer = Synchronizer(EVERY_FRAME)
    stamps = [SECOND + i * PERIOD for i in range(12)]
    shuffled = stamps[:]
    random.Random(3).shuffle(shuffled)
    for stamp in shuffled:
        synchronizer.add_color(stamp, stamp, 0.0)
    assert synchronizer.take(0.0) is None
    for stamp in reversed(shuffled):
        synchronizer.add_depth(stamp, -stamp, 0.0)
    pairs = take_all(synchronizer, 0.0)
    assert [pair.color for pair in pairs] == stamps
    assert all(pair.depth == -pair.stamp for pair in pairs)
    assert synchronizer.counters.dropped == 0


def test_every_frame_says_when_it_is_full():
    synchronizer = Synchronizer(EVERY_FRAME, capacity=3)
    for i in range(1, 4):
        assert not synchronizer.full
        synchronizer.add_color(i * PERIOD, i, 0.0)
    assert synchronizer.full


@pytest.mark.parametrize("mode", [LIVE, EVERY_FRAME])
def test_colour_goes_on_alone_when_depth_never_comes(mode):
    synchronizer = Synchronizer(mode, depth_timeout=1.0)
    pairs, now = feed(synchronizer, [SECOND + i * PERIOD for i in range(90)], depth=False)
    pairs += take_all(synchronizer, now)
    assert len(pairs) >= 60
    assert all(pair.depth is None for pair in pairs)
    if mode == EVERY_FRAME:
        assert len(pairs) == 90
    check_balance(synchronizer)


def test_colour_waits_for_nothing_when_depth_is_not_used():
    synchronizer = Synchronizer(LIVE, use_depth=False)
    pairs, _ = feed(synchronizer, [SECOND + i * PERIOD for i in range(10)], depth=False)
    assert len(pairs) == 10


def test_colour_goes_on_when_depth_stalls_and_pairs_again_when_it_returns():
    synchronizer = Synchronizer(LIVE, depth_timeout=0.5)
    stamps = [SECOND + i * PERIOD for i in range(120)]
    before, now = feed(synchronizer, stamps[:30])
    assert all(pair.depth is not None for pair in before)
    during, now = feed(synchronizer, stamps[30:90], now, depth=False)
    assert len(during) > 40 and all(pair.depth is None for pair in during)
    assert not synchronizer.depth_alive(now)
    after, now = feed(synchronizer, stamps[90:], now)
    assert len(after) == 30 and all(pair.depth is not None for pair in after)
    check_balance(synchronizer)


def test_a_missing_depth_delays_live_colour_by_its_patience_only():
    synchronizer = Synchronizer(LIVE)
    feed(synchronizer, [SECOND])
    synchronizer.add_color(2 * SECOND, "lonely", 0.5)
    assert synchronizer.take(0.55) is None
    pair = synchronizer.take(0.61)
    assert pair.color == "lonely" and pair.depth is None
    assert synchronizer.counters.unmatched_color == 1


@pytest.mark.parametrize("mode", [LIVE, EVERY_FRAME])
@pytest.mark.parametrize("color_jumps_first", [True, False])
def test_pairing_survives_stamps_that_step_back(mode, color_jumps_first):
    synchronizer = Synchronizer(mode, capacity=8)
    _, now = feed(synchronizer, [100 * SECOND + i * PERIOD for i in range(10)])
    # Queues full of unmatched newer stamps starve message_filters here.
    for i in range(8):
        synchronizer.add_depth(200 * SECOND + i * PERIOD, "stray", now)
    if color_jumps_first:
        synchronizer.add_color(SECOND, "first", now)
        synchronizer.add_depth(300 * SECOND, "straggler", now)
        synchronizer.add_depth(SECOND, "first", now)
    else:
        synchronizer.add_depth(SECOND, "first", now)
        synchronizer.add_color(SECOND, "first", now)
    assert synchronizer.take(now).depth == "first"
    pairs, _ = feed(synchronizer, [SECOND + i * PERIOD for i in range(1, 200)], now)
    assert len(pairs) == 199 and all(pair.depth is not None for pair in pairs)
    assert synchronizer.counters.clock_jumps == 2
    check_balance(synchronizer)


def test_a_looped_recording_keeps_pairing():
    synchronizer = Synchronizer(LIVE)
    stamps = [SECOND + i * PERIOD for i in range(30)]
    pairs, _ = feed(synchronizer, stamps * 5)
    assert len(pairs) == 150 and all(pair.depth is not None for pair in pairs)


def test_waiting_colour_of_before_a_jump_is_not_lost_in_every_frame_mode():
    synchronizer = Synchronizer(EVERY_FRAME)
    synchronizer.add_color(100 * SECOND, "old", 0.0)
    synchronizer.add_color(SECOND, "new", 0.0)
    synchronizer.add_depth(SECOND, "depth", 0.0)
    assert [pair.color for pair in take_all(synchronizer, 0.0)] == ["old", "new"]


def test_a_message_that_comes_twice_counts_once():
    synchronizer = Synchronizer(EVERY_FRAME)
    for _ in range(2):
        synchronizer.add_color(SECOND, "color", 0.0)
        synchronizer.add_depth(SECOND, "depth", 0.0)
    assert len(take_all(synchronizer, 5.0)) == 1
    assert synchronizer.counters.duplicates == 2
    check_balance(synchronizer, duplicate_depths=1)


def test_a_source_that_does_not_stamp_is_served_all_the_same():
    synchronizer = Synchronizer(LIVE)
    pairs, _ = feed(synchronizer, [0] * 10)
    assert len(pairs) == 10 and all(pair.depth is not None for pair in pairs)


def test_unmatched_messages_do_not_pile_up():
    synchronizer = Synchronizer(LIVE, capacity=8)
    for i in range(1, 1000):
        synchronizer.add_depth(i * PERIOD, "depth", 0.0)
        synchronizer.add_color(i * PERIOD + SECOND * 500, "color", 0.0)
    assert synchronizer.pending <= 8
    assert synchronizer.counters.unmatched_depth == 999 - 8
    check_balance(synchronizer)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("mode", [LIVE, EVERY_FRAME])
def test_every_colour_image_is_accounted_for_in_a_rough_stream(mode, seed):
    """Lost, late, duplicated and reordered messages, and a clock that is set back."""
    rng = random.Random(seed)
    synchronizer = Synchronizer(mode, capacity=1000)
    messages = []
    for i in range(300):
        stamp = SECOND * (1000 if i < 150 else 1) + i * PERIOD
        for kind in ("color", "depth"):
            if rng.random() < 0.8:
                messages.append((i / 30 + rng.random() * 0.08, kind, stamp))
            if rng.random() < 0.05:
                messages.append((i / 30 + rng.random() * 0.08, kind, stamp))
    taken, duplicate_depths = [], 0
    for now, kind, stamp in sorted(messages):
        if kind == "color":
            synchronizer.add_color(stamp, stamp, now)
        else:
            known = synchronizer.counters.duplicates
            synchronizer.add_depth(stamp, stamp, now)
            duplicate_depths += synchronizer.counters.duplicates - known
        taken += take_all(synchronizer, now)
    taken += take_all(synchronizer, 1e9)
    assert synchronizer.pending == 0
    check_balance(synchronizer, duplicate_depths)
    assert all(pair.depth in (None, pair.stamp) for pair in taken)
    if mode == EVERY_FRAME:
        assert synchronizer.counters.dropped == 0
    else:
        assert len(taken) > 150


def test_an_unknown_mode_is_refused_by_name():
    with pytest.raises(ValueError, match="'fast' is not known; accepted are live, every_frame"):
        Synchronizer("fast")


def test_after_a_pause_nothing_old_is_left_and_the_first_image_waits_for_its_depth_again():
    synchronizer = Synchronizer()
    feed(synchronizer, [SECOND, 2 * SECOND])
    synchronizer.add_color(3 * SECOND, "held", 0.1)
    synchronizer.add_depth(4 * SECOND, "held", 0.1)
    synchronizer.restart(0.2)
    assert take_all(synchronizer, 0.5) == []
    check_balance(synchronizer)
    synchronizer.add_color(9 * SECOND, "new", 60.0)
    assert synchronizer.take(60.0) is None
    synchronizer.add_depth(9 * SECOND, "its depth", 60.01)
    assert synchronizer.take(60.01).depth == "its depth"


def test_after_a_pause_of_a_stream_without_depth_the_first_image_goes_on_at_once():
    synchronizer = Synchronizer()
    feed(synchronizer, [SECOND + i * PERIOD for i in range(60)], depth=False)
    synchronizer.restart(2.1)
    assert synchronizer.take(2.1) is None
    synchronizer.add_color(90 * SECOND, "new", 60.0)
    assert synchronizer.take(60.0).color == "new"


@pytest.mark.parametrize("restart", [True, False])
def test_the_first_image_of_the_next_recording_waits_for_its_depth(restart):
    synchronizer = Synchronizer(EVERY_FRAME, depth_timeout=1.0)
    stamps = [10 * SECOND + i * PERIOD for i in range(60)]
    feed(synchronizer, stamps, depth=False)
    take_all(synchronizer, 10.0)
    if restart:
        synchronizer.restart(10.0)
    synchronizer.add_color(100 * SECOND, "color", 20.0)
    assert synchronizer.take(20.0) is None
    synchronizer.add_depth(100 * SECOND, "depth", 20.01)
    assert synchronizer.take(20.01).depth == "depth"


def test_a_live_camera_without_depth_is_not_held_up_after_a_pause():
    synchronizer = Synchronizer(LIVE, depth_timeout=1.0)
    feed(synchronizer, [10 * SECOND + i * PERIOD for i in range(60)], depth=False)
    synchronizer.restart(10.0)
    synchronizer.add_color(100 * SECOND, "color", 20.0)
    assert synchronizer.take(20.0).color == "color"
