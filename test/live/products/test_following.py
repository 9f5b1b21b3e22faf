"""Velocities towards something seen."""

import numpy as np
import pytest

from rt_seg.products.following import FollowSettings, follow

LAW = FollowSettings()


@pytest.mark.parametrize(
    ("position", "forward", "left"),
    [
        ((0.0, 0.0, 1.5), 0, 0), ((0.0, 0.0, 1.55), 0, 0), ((0.0, 0.0, 3.0), 1, 0), ((0.0, 0.0, 0.8), -1, 0),
        ((0.5, 0.0, 1.5), 0, -1), ((-0.5, 0.0, 1.5), 0, 1), ((0.0, 0.0, -1.0), 0, 0),
    ],
)  # fmt: skip
def test_it_drives_to_the_distance_and_turns_to_where_it_is(position, forward, left):
    assert tuple(np.sign(follow(position, LAW))) == (forward, left)


def test_velocities_keep_their_limits():
    assert follow((-5.0, 0.0, 50.0), LAW)[0] == LAW.fastest
    assert follow((-5.0, 0.0, 1.0), LAW) == (-LAW.fastest / 2, LAW.fastest_turn)


def test_a_robot_that_obeys_comes_to_the_distance_and_looks_at_it():
    ahead, right, heading = 4.0, 1.0, 0.0  # of what is followed, from where the robot was
    x = z = 0.0
    for _ in range(600):
        dx, dz = right - x, ahead - z
        seen = (dx * np.cos(heading) + dz * np.sin(heading), 0.0, dz * np.cos(heading) - dx * np.sin(heading))
        speed, turn = follow(seen, LAW)
        heading += turn * 0.05
        x, z = x - speed * np.sin(heading) * 0.05, z + speed * np.cos(heading) * 0.05
    assert abs(np.hypot(right - x, ahead - z) - LAW.distance) < LAW.tolerance + 0.02
    assert abs(seen[0]) < 0.02
