"""Node parameters as typed settings."""
from dataclasses import dataclass, field

import pytest

from rt_seg.ros.settings import SettingsError, read_settings


@dataclass(frozen=True)
class Example:
    bundle: str
    threads: int = 0
    slop: float = field(default=0.1, metadata={"range": (0.0, 1.0)})
    loop: bool = False
    mode: str = field(default="live", metadata={"accepted": ("live", "every_frame")})


def test_values_are_taken_over_and_whole_numbers_serve_as_numbers():
    assert read_settings(Example, {"bundle": "b", "slop": 1, "loop": True}, "node /n") == Example("b", 0, 1.0, True)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({}, "node /n: parameter 'bundle' is missing; set it to a text"),
        ({"bundle": "b", "trheads": 1}, "unknown parameter 'trheads'; accepted are bundle, loop, mode, slop, threads"),
        ({"bundle": "b", "threads": True}, "'threads' is True; accepted is a whole number"),
        ({"bundle": "b", "threads": 1.5}, "'threads' is 1.5; accepted is a whole number"),
        ({"bundle": "b", "slop": "x"}, "'slop' is 'x'; accepted is a number"),
        ({"bundle": "b", "slop": 2.0}, "'slop' is 2.0; accepted is 0.0 to 1.0"),
        ({"bundle": "b", "loop": 1}, "'loop' is 1; accepted is true or false"),
        ({"bundle": "b", "mode": "fast"}, "'mode' is 'fast'; accepted are live, every_frame"),
        ({"bundle": 5}, "'bundle' is 5; accepted is a text"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_accepted(parameters, message):
    with pytest.raises(SettingsError) as raised:
        read_settings(Example, parameters, "node /n")
    assert message in str(raised.value)
