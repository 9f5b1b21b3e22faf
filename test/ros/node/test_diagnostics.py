"""What the node says of its stream on /diagnostics: the level, and the cause in words."""

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from rt_seg.ros.node.diagnostics import StreamState, judge, model_input

HEALTHY = StreamState(
    counters={}, silence=0.03, enabled=True, idle=False, uses_depth=True, depth_alive=True, model_takes_depth=False,
    last_failure=None, inferences=(0.06,), arrival_age=0.03, mask_age=0.1,
)  # fmt: skip
RATES = dict(color_received=30.0, depth_received=30.0, paired=30.0, segmented=14.0, failed=0.0, depth_refused=0.0,
             info_refused=0.0, unwanted=0.0, without_depth=0.0)  # fmt: skip
OK, WARN, ERROR, STALE = (getattr(DiagnosticStatus, name) for name in ("OK", "WARN", "ERROR", "STALE"))


def test_a_healthy_stream_is_ok_and_says_its_rate():
    assert judge(HEALTHY, RATES, "/color") == (OK, "14.0 masks per second")


@pytest.mark.parametrize(
    "state, rates, level, words",
    [
        ({"silence": 3.0}, {}, WARN, "no colour image for 3 s on /color"),
        ({"silence": 60.0}, {}, STALE, "no colour image for 60 s on /color"),
        ({"idle": True, "silence": 60.0}, {"segmented": 0.0}, OK, "idle: no subscribers to any result"),
        ({"enabled": False, "idle": True, "silence": 60.0}, {"segmented": 0.0}, OK, "disabled by ~enable"),
        ({"enabled": False}, {"segmented": 0.0, "unwanted": 30.0}, OK, "disabled by ~enable"),
        ({"complaints": {"image": "yuv9: no", "depth image": "rgb8"}}, {"failed": 3.0}, ERROR, "yuv9: no"),
        ({"depth_alive": False}, {"depth_received": 0.0, "paired": 0.0}, WARN, "no depth; using RGB only"),
        ({"complaints": {"depth image": "is rgb8", "image": "old"}}, {"depth_refused": 30.0}, WARN, "is rgb8"),
        ({"complaints": {"camera info": "is for 640x480"}}, {"info_refused": 30.0}, WARN, "is for 640x480"),
        ({"arrival_age": 15.0}, {}, WARN, "stamps are 15.0 s behind the clock"),
        ({"arrival_age": -3.0}, {}, WARN, "stamps are 3.0 s ahead of the clock"),
        ({}, {"depth_received": 6.0, "paired": 6.0}, WARN, "depth for only 20% of the images: it arrives at 6.0 Hz"),
        ({}, {"paired": 0.0}, WARN, "differ by more than ~slop"),
        (
            {"depth_alive": False, "model_takes_depth": True}, {"depth_received": 0.0, "paired": 0.0}, WARN,
            "no depth although the model needs it; using RGB only",
        ),
        ({"uses_depth": False, "model_takes_depth": True}, {}, WARN, "the model uses depth, but ~use_depth is false"),
        ({"model_takes_depth": True}, {}, OK, "14.0 masks per second from colour and depth"),
        ({}, {"segmented": 0.0, "unwanted": 30.0}, OK, "idle: no subscribers to any result"),
    ],
)  # fmt: skip
def test_each_trouble_has_its_level_and_its_cause_in_words(state, rates, level, words):
    found, text = judge(HEALTHY._replace(**state), {**RATES, **rates}, "/color")
    assert found == level and words in text


def test_a_node_that_uses_no_depth_misses_none():
    rates = {**RATES, "depth_received": 0.0, "paired": 0.0}
    assert judge(HEALTHY._replace(uses_depth=False, depth_alive=False), rates, "/color")[0] == OK


@pytest.mark.parametrize(
    ("takes_depth", "without", "words"),
    [(False, 0.0, "color"), (True, 0.0, "color and depth"), (True, 14.0, "color only, depth is missing")],
)
def test_what_the_model_was_given_is_said(takes_depth, without, words):
    assert model_input(HEALTHY._replace(model_takes_depth=takes_depth), {**RATES, "without_depth": without}) == words
