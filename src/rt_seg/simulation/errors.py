"""The error of the simulated camera."""

from __future__ import annotations


class SimulationError(RuntimeError):
    """The scene cannot be simulated: a library or driver is missing, or an argument is out of range."""
