"""Velocities that keep a robot at a distance from a visible object."""

from __future__ import annotations

from typing import NamedTuple, Tuple


class FollowSettings(NamedTuple):
    """What following aims at, and its limits."""

    distance: float = 1.5
    """Metres to keep, along the optical axis."""
    tolerance: float = 0.1
    """Metres within which the distance is right: the robot stands."""
    fastest: float = 0.5
    """m/s forwards; backwards half of it."""
    fastest_turn: float = 0.8
    """rad/s."""
    gain: float = 0.8
    """m/s per metre of error."""
    turn_gain: float = 1.5
    """rad/s per radian of bearing."""


def follow(position: Tuple[float, float, float], settings: FollowSettings) -> Tuple[float, float]:
    """Forward velocity (m/s) and turn to the left (rad/s) towards a place in the optical frame of a camera that looks
    ahead (x right, z forward; REP 103's x forward, z up of the robot). A place behind the camera gives no motion."""
    right, _, ahead = position
    if ahead <= 0.0:
        return 0.0, 0.0
    error = ahead - settings.distance
    speed = 0.0 if abs(error) <= settings.tolerance else settings.gain * error
    speed = min(max(speed, -settings.fastest / 2.0), settings.fastest)
    turn = -settings.turn_gain * right / ahead
    return speed, min(max(turn, -settings.fastest_turn), settings.fastest_turn)
