"""The simulated RGB-D camera over a tabletop: ROS-free and TensorFlow-free; MuJoCo is imported when it renders."""

from __future__ import annotations

from rt_seg.simulation.errors import SimulationError
from rt_seg.simulation.recording import SCENE_VERSION, simulate_recording, simulate_scene

__all__ = ["SCENE_VERSION", "SimulationError", "simulate_recording", "simulate_scene"]
